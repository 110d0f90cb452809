import { expect, test } from "bun:test";
import { Log } from "../../../agent/observe/log.ts";
import { FileAccess } from "../../../agent/uploader/file-access.ts";
import { Settling } from "../../../agent/uploader/settling.ts";
import { Watch } from "../../../agent/uploader/watched-file.ts";

const log = new Log({ level: "error", format: "text", agent: "test" });
const config = { path: "/watch", as: "", include: ["**/*"], exclude: [], recursive: true };
const file = new Watch(config, new FileAccess("/watch", 1, log)).file("a");
const hourMs = 3600_000;

function changedAt(ms: number, size = 1) {
  const time = String(BigInt(Math.floor(ms)) * 1_000_000n);
  return { size, mtime: time, ctime: time, inode: "1" };
}

test("a file that is first seen long after its last change is still, a fresh one waits", () => {
  const settling = new Settling(hourMs);
  expect(settling.isStill(file, changedAt(Date.now() - 2 * hourMs))).toBe(true);
  settling.forget(file.path);
  expect(settling.isStill(file, changedAt(Date.now()))).toBe(false);
  expect(settling.has(file.path)).toBe(true);
  expect([...settling.due()]).toEqual([]);
});

test("a file that changes while it waits has to stand still anew, whatever its times say", () => {
  const settling = new Settling(hourMs);
  settling.isStill(file, changedAt(Date.now()));
  expect(settling.isStill(file, changedAt(Date.now() - 2 * hourMs, 2))).toBe(false);
});

test("a file that changed while it was read waits twice as long each time, up to 64 times, until it was sent", () => {
  const settling = new Settling(hourMs);
  const waitHours = () => {
    settling.forget(file.path);
    const beforeMs = performance.now();
    settling.isStill(file, changedAt(Date.now()));
    return Math.floor((settling.nextMs - beforeMs) / hourMs);
  };
  const waits = Array.from({ length: 8 }, () => {
    settling.ended(file.path, true);
    return waitHours();
  });
  expect(waits).toEqual([2, 4, 8, 16, 32, 64, 64, 64]);
  settling.ended(file.path, false);
  expect(waitHours()).toBe(1);
});

test("without a time to settle it is due at once, and postponed a little later", () => {
  const settling = new Settling(0);
  settling.isStill(file, changedAt(Date.now() + hourMs));
  expect([...settling.due()]).toEqual([file]);
  expect(settling.isStill(file, changedAt(Date.now() + hourMs, 2))).toBe(false);
  settling.postpone(file.path);
  expect([...settling.due()]).toEqual([]);
});
