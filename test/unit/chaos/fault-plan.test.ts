import { expect, test } from "bun:test";
import { faults } from "../../../scripts/chaos-parts/faults.ts";
import { parseOptions } from "../../../scripts/chaos-parts/options.ts";

const names = faults.map(({ name }) => name);
const options = (...args: string[]) => parseOptions(["folder", "executable", ...args], names);

test("faults can be left out by name, and a name that is none is refused", () => {
  expect(options("--without", "kill-broker,cut-log").without).toEqual(["kill-broker", "cut-log"]);
  expect(() => options("--without", "nothing")).toThrow("no such fault");
});

test("each fault has a name of its own and comes now and then", () => {
  expect(new Set(names).size).toBe(names.length);
  for (const { weight } of faults) expect(weight).toBeGreaterThan(0);
});
