import { expect, test } from "bun:test";
import { withStores } from "../../../../agent/ledger/group/store-numbers.ts";

test("of each store the highest number is kept, and none that nothing could follow", () => {
  const known = new Map([
    ["a", 5],
    ["b", 7],
  ]);
  const more: [string, number][] = [
    ["a", 6],
    ["b", 3],
    ["c", Number.MAX_SAFE_INTEGER],
    ["a", 1e14],
  ];
  expect(new Map(withStores(known, more))).toEqual(
    new Map([
      ["a", 6],
      ["b", 7],
    ]),
  );
});
