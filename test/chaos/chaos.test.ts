/** The chaos run as a test: a short one that has to be clean, and proof that it would have seen a fault. See docs/reliability.md. */
import { expect, setDefaultTimeout, test } from "bun:test";
import { expectRed, runChaos } from "../support/chaos.ts";

setDefaultTimeout(15 * 60_000);

test("three minutes of kills, freezes, spoilt links, deleted partials, full disks and cut logs: nothing is lost, damaged, repeated or stuck", async () => {
  // Always the same choices: other seeds are for runs by hand.
  const { code, output, errors } = await runChaos("--minutes", "3", "--seed", "77");
  if (code !== 0) console.error(output, errors);
  expect(code).toBe(0);
});

// The others are in test/slow; each counter by itself is in test/unit/chaos.
test("a run with a corrupt file, made on purpose, comes out red, and only for that", () =>
  expectRed("corrupt"));

test("a run with a stuck file, made on purpose, comes out red, and only for that", () => expectRed("stuck"));
