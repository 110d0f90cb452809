import { expect, test } from "bun:test";
import fc from "fast-check";
import { type ByteRange, lengthOf, placeIn, union, within } from "../../../agent/wire/byte-ranges.ts";

const range = fc.tuple(fc.nat(50), fc.nat(50)).map(([from, to]): [number, number] => [from, to]);

function bytesOf(ranges: readonly ByteRange[]): number[] {
  const bytes = new Set<number>();
  for (const [from, to] of ranges) for (let at = from; at < to; at++) bytes.add(at);
  return [...bytes].sort((a, b) => a - b);
}

test("the union has the same bytes, each once and in order", () => {
  fc.assert(
    fc.property(fc.array(range), (ranges) => {
      const merged = union(ranges, 100);
      expect(bytesOf(merged)).toEqual(bytesOf(ranges));
      expect(lengthOf(merged)).toBe(bytesOf(ranges).length);
      expect(merged.map(([from]) => from)).toEqual(merged.map(([from]) => from).sort((a, b) => a - b));
    }),
  );
});

test("too many ranges become one over all of them", () => {
  expect(
    union(
      [
        [0, 1],
        [5, 6],
        [10, 11],
      ],
      2,
    ),
  ).toEqual([[0, 11]]);
});

test("each place in the ranges is where walking through them byte by byte comes to", () => {
  fc.assert(
    fc.property(fc.array(range), (ranges) => {
      const merged = union(ranges, 100);
      const walked = bytesOf(merged).map((offset, at) => placeIn(merged, at).offset === offset);
      expect(walked).not.toContain(false);
    }),
  );
  expect(
    placeIn(
      [
        [3, 5],
        [9, 12],
      ],
      2,
    ),
  ).toEqual({ offset: 9, rest: 3 });
});

test("what reaches past a file's end is cut off, and an empty file is asked for as a whole", () => {
  expect(
    within(
      [
        [2, 20],
        [30, 40],
      ],
      10,
    ),
  ).toEqual([[2, 10]]);
  expect(within([[0, 5]], 0)).toEqual([[0, 0]]);
  expect(within([[0, 0]], 10)).toEqual([]);
});
