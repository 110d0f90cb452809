import { setDefaultTimeout, test } from "bun:test";
import { sabotages } from "../../scripts/chaos-parts/options.ts";
import { expectRed } from "../support/chaos.ts";

setDefaultTimeout(5 * 60_000);

test.each([...sabotages])(
  "a chaos run with one file %s on purpose comes out red, and only for that",
  expectRed,
);
