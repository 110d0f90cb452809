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

test("only the last hundred are kept, and all are counted", () => {
  const failures = new Failures();
  for (let at = 0; at < 250; at++) failures.add(`file ${at}`, "gone");
  const { count, items } = failures.list();
  expect([count, items.length, items[0]?.path, items.at(-1)?.path]).toEqual([
    250,
    100,
    "file 249",
    "file 150",
  ]);
});

test("a file that goes well after all is no failure any more", () => {
  const failures = new Failures();
  failures.add("a", "no right");
  failures.remove("a");
  failures.remove("never failed");
  expect(failures.list()).toEqual({ count: 0, items: [] });
});
