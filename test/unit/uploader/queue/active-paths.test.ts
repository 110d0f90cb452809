import { expect, test } from "bun:test";
import { ActivePaths } from "../../../../agent/uploader/queue/active-paths.ts";

test("one job has a path at a time, and what is tried meanwhile counts as something that happened", () => {
  const paths = new ActivePaths();
  expect(paths.tryBegin("a")).toBe(true);
  expect(paths.tryBegin("b")).toBe(true);
  expect(paths.meanwhile("a")).toBe("nothing");
  expect(paths.tryBegin("a")).toBe(false);
  expect(paths.meanwhile("a")).toBe("seen");
  expect(paths.happened("a", true)).toBe(true);
  expect(paths.happened("a", false)).toBe(true);
  expect(paths.meanwhile("a")).toBe("touched");
  paths.end("a");
  expect([paths.has("a"), paths.has("b"), paths.meanwhile("a")]).toEqual([false, true, "nothing"]);
  expect(paths.happened("a", true)).toBe(false);
});

test("who waits for a path goes on when it is free, one after the other, and waits again when the one before has taken it", () => {
  const paths = new ActivePaths();
  const order: string[] = [];
  const job = (name: string) => {
    if (!paths.tryBegin("a")) return paths.whenFree("a", () => job(name));
    order.push(name);
  };
  for (const name of ["first", "second", "third"]) job(name);
  expect(order).toEqual(["first"]);
  paths.end("a");
  expect(order).toEqual(["first", "second"]);
  paths.end("a");
  expect(order).toEqual(["first", "second", "third"]);
  paths.end("a");
  job("fourth");
  expect(order).toEqual(["first", "second", "third", "fourth"]);
});
