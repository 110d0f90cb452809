import { expect, test } from "bun:test";
import { Packer, Unpacker } from "../../../agent/lib/packed.ts";

function through(pack: (to: Packer) => unknown): Unpacker {
  const to = new Packer();
  pack(to);
  return new Unpacker(Buffer.concat(to.pieces()));
}

test("whole numbers come out as they went in, in as few bytes as they take", () => {
  const counts = [0, 1, 127, 128, 16_383, 16_384, 2 ** 31, 2 ** 32 + 5, 2 ** 49, Number.MAX_SAFE_INTEGER];
  const from = through((to) => counts.map((count) => to.count(count)));
  expect(counts.map(() => from.count())).toEqual(counts);
  expect(from.isAtEnd).toBe(true);
  const to = new Packer();
  to.count(127).count(128);
  expect(Buffer.concat(to.pieces()).toString("hex")).toBe("7f8001");
});

test("any number, text and list comes out as it went in", () => {
  const numbers = [-1, 0.5, Number.POSITIVE_INFINITY, -(2 ** 53)];
  const texts = ["", "till-1", "café", "x".repeat(600_000), "🙂"];
  const from = through((to) => {
    to.list(numbers, (number) => to.number(number));
    to.list(texts, (text) => to.text(text));
    to.maybe(undefined, () => to.count(1)).maybe(7, (seven) => to.count(seven));
    to.flag(true).flag(false);
  });
  expect([...from.list(() => from.number())]).toEqual(numbers);
  expect([...from.list(() => from.text())]).toEqual(texts);
  expect([from.maybe(() => from.count()), from.maybe(() => from.count())]).toEqual([undefined, 7]);
  expect([from.flag(), from.flag(), from.isAtEnd]).toEqual([true, false, true]);
});

test("behind the end there is nothing", () => {
  const from = new Unpacker(Buffer.from([200, 1]));
  expect(() => from.text()).toThrow(RangeError);
  expect(() => new Unpacker(Buffer.alloc(0)).count()).toThrow(RangeError);
  expect(() => new Unpacker(Buffer.alloc(7)).number()).toThrow(RangeError);
});
