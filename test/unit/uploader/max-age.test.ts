import { expect, test } from "bun:test";
import { isTooOld } from "../../../agent/uploader/max-age.ts";

const nowMs = Date.UTC(2025, 3, 15);
const modified = (ms: number) => ({
  size: 1,
  mtime: String(BigInt(ms) * 1_000_000n),
  ctime: "0",
  inode: "1",
});

test("a file is too old when it was modified longer ago than max_age", () => {
  expect(isTooOld(modified(nowMs - 1000), 1000, nowMs)).toBe(false);
  expect(isTooOld(modified(nowMs - 1001), 1000, nowMs)).toBe(true);
  expect(isTooOld(modified(nowMs + 1001), 1000, nowMs)).toBe(false);
  expect(isTooOld(modified(0), undefined, nowMs)).toBe(false);
});

test("by a clock that was never set, no file is too old", () => {
  const notSetMs = 100 * 24 * 3600_000;
  expect(isTooOld(modified(0), 1000, notSetMs)).toBe(false);
});
