/** scripts/chaos on the executable under test. */
import { expect } from "bun:test";
import { join } from "node:path";
import { executable } from "./agent-process.ts";
import { run } from "./compare.ts";

const script = join(import.meta.dir, "../../scripts/chaos");
/** What each thing that is broken on purpose is counted as, in the words of the summary. */
const words: Readonly<Record<string, string>> = { duplicate: "duplicated" };

function runChaos(...options: string[]): Promise<{ code: number; output: string; errors: string }> {
  return run([script, "--executable", executable, ...options]);
}

/** Nothing is found. What was found is in the expectation, which is printed last: the run itself says more than is kept of a long log. */
export async function expectClean(...options: string[]): Promise<void> {
  const { code, output, errors } = await runChaos(...options);
  if (code === 0) return;
  console.error(output, errors);
  const found = output.split("\n").filter((line) => /^[A-Z ]+: /.test(line));
  expect({ code, found, errors: errors.slice(-1000) }).toEqual({ code: 0, found: [], errors: "" });
}

/** Breaks one thing on purpose: that, and nothing else, has to be found. */
export async function expectRed(kind: string): Promise<void> {
  const { code, output } = await runChaos("--minutes", "0.1", "--sabotage", kind);
  const found = output.slice(output.indexOf("\nfound\n"), output.indexOf("\ndone\n"));
  const counted = [...found.matchAll(/^ +(\d+) +(\w+)/gm)].filter(([, count]) => count !== "0");
  expect(counted.map(([, , word]) => word)).toEqual([words[kind] ?? kind]);
  expect(code).toBe(1);
}
