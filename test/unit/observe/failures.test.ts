import { expect, test } from "bun:test";
import { Failures } from "../../../agent/observe/failures.ts";

test("a file that fails again is listed once, with its latest reason, and first", () => {
  const failures = new Failures();
  failures.add("a", "no right");
  failures.add("b", "too long");
  failures.add("a", "no space");
  const { count, items } = failures.list();
  expect(count).toBe(2);
  expect(items.map(({ path, reason }) => [path, reason])).toEqual([
    ["a", "no space"],
    ["b", "too long"],
  ]);
});

test("of many a hundred are listed, and all are counted, however often they fail", () => {
  const failures = new Failures();
  for (let round = 0; round < 3; round++) for (let at = 0; at < 250; at++) failures.add(`file ${at}`, "gone");
  const { count, items } = failures.list();
  expect([count, items.length, items[0]?.path, items.at(-1)?.path]).toEqual([
    250,
    100,
    "file 249",
    "file 150",
  ]);
});

test("what is kept is bounded, and the latest stay", () => {
  const failures = new Failures();
  for (let at = 0; at < 20_000; at++) failures.add(`file ${at}`, "gone");
  expect([failures.count, failures.list().items[0]?.path]).toEqual([5000, "file 19999"]);
});

test("a file that goes well after all is no failure any more", () => {
  const failures = new Failures();
  failures.add("a", "no right");
  failures.remove("a");
  failures.remove("never failed");
  expect(failures.list()).toEqual({ count: 0, items: [] });
});

test("what is kept is bounded in bytes, and long paths are shown by their beginning", () => {
  const failures = new Failures();
  const path = (at: number) => `${"p".repeat(900_000)}${at}`;
  for (let at = 0; at < 300; at++) failures.add(path(at), "r".repeat(100_000));
  expect(failures.count).toBe(300);
  expect(JSON.stringify(failures.list()).length).toBeLessThan(150_000);
  failures.remove(path(299));
  expect(failures.count).toBe(299);
});
