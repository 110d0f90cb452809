import { expect, test } from "bun:test";
import { Log } from "../../../../agent/observe/log.ts";
import { FileSystemGate } from "../../../../agent/uploader/access/file-system-gate.ts";
import { Watch } from "../../../../agent/uploader/access/watch.ts";
import { Settling } from "../../../../agent/uploader/discover/settling.ts";

const log = new Log({ level: "error", format: "text", agent: "test" });
const config = { path: "/watch", as: "", include: ["**/*"], exclude: [], recursive: true, attributes: {} };
const watch = new Watch(config, new FileSystemGate("/watch", 1, log));
const file = watch.file("a");
const settleMs = 1000;

/** With a clock that stands until it is set. */
function prepare(settle = settleMs) {
  const clock = { nowMs: 5000 };
  return { clock, settling: new Settling(settle, () => clock.nowMs) };
}

function seen(mtime: string, size = 1, ctime = mtime, inode = "1") {
  return { size, mtime, ctime, inode };
}

test.each([
  ["is old", "0"],
  ["is of the far future", "9999999999000000000"],
])("a file that is first seen waits, though its time says that it %s", (_, mtime) => {
  const { clock, settling } = prepare();
  expect(settling.isStill(file, seen(mtime))).toBe(false);
  clock.nowMs += settleMs - 1;
  expect(settling.isStill(file, seen(mtime))).toBe(false);
  expect([...settling.due()]).toEqual([]);
  clock.nowMs += 1;
  expect([...settling.due()]).toEqual([file]);
  expect(settling.isStill(file, seen(mtime))).toBe(true);
});

test("a file whose size or time changes while it waits has to stand still anew", () => {
  const { clock, settling } = prepare();
  for (const state of [seen("1"), seen("2"), seen("2", 2), seen("1", 2)]) {
    clock.nowMs += settleMs;
    expect(settling.isStill(file, state)).toBe(false);
  }
  clock.nowMs += settleMs;
  expect(settling.isStill(file, seen("1", 2))).toBe(true);
});

test("a change time or an inode that changes by itself keeps no file from settling", () => {
  const { clock, settling } = prepare();
  settling.isStill(file, seen("1", 1, "1", "1"));
  clock.nowMs += settleMs;
  expect(settling.isStill(file, seen("1", 1, "2", "2"))).toBe(true);
});

test("a file that something happens to has to stand still anew, though its size and time are the same", () => {
  const { clock, settling } = prepare();
  settling.isStill(file, seen("1"));
  clock.nowMs += settleMs - 1;
  settling.touched(file.path);
  clock.nowMs += settleMs - 1;
  expect(settling.isStill(file, seen("1"))).toBe(false);
  clock.nowMs += 1;
  expect(settling.isStill(file, seen("1"))).toBe(true);
  settling.touched("another");
  expect(settling.has("another")).toBe(false);
});

test("a file that changed while it was read waits longer each time also where files need not stand still", () => {
  const { clock, settling } = prepare(0);
  expect(settling.isStill(file, seen("1"))).toBe(true);
  for (const waitMs of [200, 400, 800]) {
    settling.forget(file.path);
    settling.ended(file.path, true);
    expect(settling.isStill(file, seen("1"))).toBe(false);
    clock.nowMs += waitMs - 1;
    expect(settling.isStill(file, seen("1"))).toBe(false);
    clock.nowMs += 1;
    expect(settling.isStill(file, seen("1"))).toBe(true);
  }
  settling.forget(file.path);
  settling.ended(file.path, false);
  expect(settling.isStill(file, seen("2"))).toBe(true);
});

test("a file that changed while it was read waits twice as long each time, up to 64 times, until it was sent", () => {
  const { clock, settling } = prepare();
  const wait = () => {
    settling.forget(file.path);
    settling.isStill(file, seen("1"));
    return (settling.nextMs - clock.nowMs) / settleMs;
  };
  const waits = Array.from({ length: 8 }, () => {
    settling.ended(file.path, true);
    return wait();
  });
  expect(waits).toEqual([2, 4, 8, 16, 32, 64, 64, 64]);
  settling.ended(file.path, false);
  expect(wait()).toBe(1);
});

test("those that wait for different times are due each in its time", () => {
  const { clock, settling } = prepare();
  const other = watch.file("b");
  settling.ended("a", true);
  settling.isStill(file, seen("1"));
  settling.isStill(other, seen("1"));
  expect(settling.nextMs).toBe(clock.nowMs + settleMs);
  clock.nowMs += settleMs;
  expect([...settling.due()]).toEqual([other]);
  settling.forget("b");
  expect(settling.nextMs).toBe(clock.nowMs + settleMs);
  clock.nowMs += settleMs;
  expect([...settling.due()]).toEqual([file]);
  expect(settling.size).toBe(1);
});

test("without a time to settle it is ready at once, and postponed a little later", () => {
  const { clock, settling } = prepare(0);
  expect(settling.isStill(file, seen("1"))).toBe(true);
  expect([...settling.due()]).toEqual([file]);
  settling.postpone(file.path);
  expect([...settling.due()]).toEqual([]);
  expect(settling.isStill(file, seen("1"))).toBe(false);
  clock.nowMs += 5000;
  expect([...settling.due()]).toEqual([file]);
  expect(settling.isStill(file, seen("1"))).toBe(true);
});

test("how often a file became another one is counted, as it waits and as it is read, until it is sent", () => {
  const { settling } = prepare();
  for (const state of [seen("1"), seen("2"), seen("2"), seen("3")]) settling.isStill(file, state);
  expect(settling.changes(file.path)).toBe(2);
  settling.forget(file.path);
  settling.ended(file.path, true);
  expect(settling.changes(file.path)).toBe(4);
  settling.ended(file.path, false);
  expect(settling.changes(file.path)).toBe(0);
});
