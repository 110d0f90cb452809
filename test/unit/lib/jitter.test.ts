import { expect, test } from "bun:test";
import { jitteredPauseMs, jitteredPeriodMs } from "../../../agent/lib/jitter.ts";

const nearlyOne = 1 - Number.EPSILON;

test("a pause before a try is from half of its length to one and a half", () => {
  expect([0, 0.5, nearlyOne].map((drawn) => Math.round(jitteredPauseMs(10_000, () => drawn)))).toEqual([
    5_000, 10_000, 15_000,
  ]);
});

test("a period is from three quarters of its length to all of it: what is promised within it is done within it", () => {
  expect([0, 0.5, nearlyOne].map((drawn) => Math.round(jitteredPeriodMs(20_000, () => drawn)))).toEqual([
    15_000, 17_500, 20_000,
  ]);
});

test("without a draw of its own each call draws anew", () => {
  const drawn = new Set(Array.from({ length: 20 }, () => jitteredPeriodMs(1e9)));
  expect(drawn.size).toBeGreaterThan(1);
});
