/** The chaos run as a test: a short one that has to be clean, and proof that it would have seen a fault. See docs/reliability.md. */
import { expect, setDefaultTimeout, test } from "bun:test";
import { join } from "node:path";
import { sabotages } from "../../scripts/chaos-parts/options.ts";
import { executable } from "../support/agent-process.ts";
import { run } from "../support/compare.ts";

const chaos = [join(import.meta.dir, "../../scripts/chaos"), "--executable", executable];
setDefaultTimeout(15 * 60_000);

test("three minutes of kills, freezes, spoilt links, deleted partials and full disks: nothing is lost, damaged, repeated or stuck", async () => {
  const { code, output, errors } = await run([...chaos, "--minutes", "3", "--without", "cut-log"]);
  if (code !== 0) console.error(output, errors);
  expect(code).toBe(0);
});

test.each([...sabotages])(
  "a run in which a file is made %s on purpose comes out red, and only for that",
  async (kind) => {
    const { code, output } = await run([...chaos, "--minutes", "0.2", "--sabotage", kind]);
    const found = output.slice(output.indexOf("\nfound\n"), output.indexOf("\ndone\n"));
    const counted = [...found.matchAll(/^ +(\d+) +(\w+)/gm)].filter(([, count]) => count !== "0");
    expect(counted.map(([, , name]) => name)).toEqual([kind === "duplicate" ? "duplicated" : kind]);
    expect(code).toBe(1);
  },
);
