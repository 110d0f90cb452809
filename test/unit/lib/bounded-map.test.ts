import { expect, test } from "bun:test";
import { BoundedMap } from "../../../agent/lib/bounded-map.ts";

test("the oldest entries are dropped when there are too many, and still counted", () => {
  const map = new BoundedMap<number, string>(2);
  for (const key of [1, 2, 3]) map.set(key, String(key));
  expect([1, 2, 3].map((key) => map.get(key))).toEqual([undefined, "2", "3"]);
  expect(map.count).toBe(3);
  map.delete(3);
  map.set(2, "again");
  expect([map.get(2), map.count]).toEqual(["again", 2]);
});

test("the oldest entries are dropped when all together take too many bytes", () => {
  const map = new BoundedMap<string, string>(100, {
    most: 10,
    of: (key, value) => key.length + value.length,
  });
  map.set("a", "four");
  map.set("b", "four");
  map.set("a", "new");
  expect([...map]).toEqual([
    ["b", "four"],
    ["a", "new"],
  ]);
  map.set("c", "four");
  expect([...map.keys()]).toEqual(["a", "c"]);
  map.set("d", "more than all may");
  expect([map.size, map.get("c")]).toEqual([0, undefined]);
  map.set("e", "fits");
  expect([...map.values()]).toEqual(["fits"]);
});
