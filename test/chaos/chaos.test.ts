/** The chaos run as a test: a short one that has to be clean, and proof that it would have seen a fault. See docs/reliability.md. */
import { setDefaultTimeout, test } from "bun:test";
import { expectClean, expectRed } from "../support/chaos.ts";

setDefaultTimeout(15 * 60_000);

// Always the same choices: other seeds are for runs by hand.
test("three minutes of kills, freezes, spoilt links, deleted partials, full disks and cut logs: nothing is lost, damaged, repeated or stuck", () =>
  expectClean("--minutes", "3", "--seed", "77"));

// The others are in test/slow; each counter by itself is in test/unit/chaos.
test("a run with a corrupt file, made on purpose, comes out red, and only for that", () =>
  expectRed("corrupt"));

test("a run with a stuck file, made on purpose, comes out red, and only for that", () => expectRed("stuck"));
