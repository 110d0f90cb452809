import { expect, test } from "bun:test";
import { Coverage } from "../../../agent/wire/byte-ranges.ts";
import { Random } from "../../support/random.ts";

test("chunks in any order, twice and overlapping cover exactly their bytes", () => {
  const random = new Random(1);
  for (let round = 0; round < 200; round++) {
    const coverage = new Coverage();
    const bytes = new Set<number>();
    for (let step = 0; step < 30; step++) {
      const from = random.below(100);
      const to = from + random.below(20);
      const before = bytes.size;
      for (let at = from; at < to; at++) bytes.add(at);
      expect(coverage.add(from, to)).toBe(bytes.size - before);
    }
    const missing = Array.from({ length: 120 }, (_, at) => at).filter((at) => !bytes.has(at));
    const found = coverage
      .missing(0, 120)
      .flatMap(([from, to]) => Array.from({ length: to - from }, (_, i) => from + i));
    expect(found).toEqual(missing);
    expect(coverage.total).toBe(bytes.size);
    expect(coverage.prefix).toBe(missing[0] ?? 120);
  }
});

test("intervals that touch become one", () => {
  const coverage = new Coverage([
    [0, 10],
    [20, 30],
  ]);
  coverage.add(10, 20);
  expect(coverage.ranges()).toEqual([[0, 30]]);
});

test("an empty range covers nothing, and nothing of an empty file is missing", () => {
  const coverage = new Coverage();
  expect(coverage.add(5, 5)).toBe(0);
  expect(coverage.ranges()).toEqual([]);
  expect(coverage.missing(0, 0)).toEqual([]);
});
