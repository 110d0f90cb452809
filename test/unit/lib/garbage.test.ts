import { expect, test } from "bun:test";
import { GarbageBound } from "../../../agent/lib/garbage.ts";

/** How many collections there are while so many megabytes are left behind, with so many that live on. */
function collections(megabytes: number, livingMegabytes: number): { young: number; whole: number } {
  const count = { young: 0, whole: 0 };
  const bound = new GarbageBound({
    collectYoung: () => void count.young++,
    collect: () => {
      count.whole++;
      return livingMegabytes << 20;
    },
    ownBytes: () => undefined,
  });
  for (let left = 1024 * megabytes; left > 0; left--) bound.leave(1024);
  return count;
}

test("there is a collection for every 12 MB that are left behind, and one in four is a whole one", () => {
  expect(collections(11, 40)).toEqual({ young: 0, whole: 0 });
  expect(collections(12, 40)).toEqual({ young: 1, whole: 0 });
  expect(collections(480, 40)).toEqual({ young: 30, whole: 10 });
});

test("what lives on is looked through once for each quarter of it that is left behind, not more often", () => {
  // The first comes before it is known what lives on.
  expect(collections(48 + 1000, 400).whole).toBe(1 + 10);
});

test("a process that grows by more than is counted is collected by its growth, above the size that it may have", () => {
  let resident = 50;
  let collections = 0;
  const bound = new GarbageBound({
    collectYoung: () => undefined,
    collect: () => {
      collections++;
      return 0;
    },
    ownBytes: () => resident << 20,
  });
  const growTo = (megabytes: number) => {
    resident = megabytes;
    bound.leave(1 << 20);
    return collections;
  };
  expect(growTo(90)).toBe(0);
  bound.bound(80 << 20);
  expect(growTo(85)).toBe(0);
  expect(growTo(86)).toBe(1);
  // What the collection has not brought back is not tried for again at once.
  expect(growTo(91)).toBe(1);
  expect(growTo(92)).toBe(2);
});
