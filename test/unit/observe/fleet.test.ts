import { expect, test } from "bun:test";
import { Troubles } from "../../../agent/lib/troubles.ts";
import { Fleet } from "../../../agent/observe/fleet.ts";
import { Observer } from "../../../agent/observe/observer.ts";
import { nothingListed } from "../../../agent/observe/status.ts";

const none = new Map<string, number>();
const time = expect.stringMatching(/^\d{4}-.*Z$/);

test("the uploaders that moved last come first, a hundred of them, with the count of all", () => {
  const fleet = new Fleet();
  for (let at = 0; at < 1000; at++) fleet.moved(`till-${at}`);
  fleet.delivered("till-3", 5);
  fleet.delivered("till-3", 7);
  const { count, items } = fleet.list(none, none);
  expect([count, items.length]).toEqual([1000, 100]);
  expect(items.slice(0, 2)).toEqual([
    { name: "till-3", lastSeen: time, files: 2, bytes: 12, inFlight: 0, failed: 0 },
    { name: "till-999", lastSeen: time, files: 0, bytes: 0, inFlight: 0, failed: 0 },
  ]);
});

test("names that are made up without end do not take memory without end", () => {
  const fleet = new Fleet();
  for (let at = 0; at < 30_000; at++) fleet.moved(`made-up-${at}`);
  expect(fleet.list(none, none)).toMatchObject({ count: 10_000, items: expect.any(Array) });
});

test("a downloader's report has its uploaders with what is under way and what failed; an uploader's has none", () => {
  const troubles = new Troubles();
  const options = { name: "hub", version: "1", host: "h", troubles };
  const observer = new Observer({ role: "downloader", ...options });
  const report = { waiting: 0, moving: nothingListed, parked: nothingListed, needed: nothingListed };
  observer.source = {
    report: () => report,
    notReady: () => [],
    inFlight: () => new Map([["till-1", 3]]),
  };
  observer.fleet.moved("till-1");
  for (const path of ["till-1/a", "till-1/b", "till-10/a"]) observer.failed("failed", path, "too long");
  observer.done("delivered", "till-1/b");
  expect(observer.report().uploaders).toEqual({
    count: 1,
    items: [{ name: "till-1", lastSeen: time, files: 0, bytes: 0, inFlight: 3, failed: 1 }],
  });
  expect(new Observer({ role: "uploader", ...options }).report().uploaders).toBeUndefined();
});
