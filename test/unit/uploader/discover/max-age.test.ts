import { expect, test } from "bun:test";
import { cameTooOld, isTooOld } from "../../../../agent/uploader/discover/max-age.ts";

const nowMs = Date.UTC(2025, 3, 15);
const dayMs = 24 * 3600_000;
const stamped = (modifiedMs: number, changedMs = nowMs - dayMs) => ({
  size: 1,
  mtime: String(BigInt(modifiedMs) * 1_000_000n),
  ctime: String(BigInt(changedMs) * 1_000_000n),
  inode: "1",
});

test("a file is too old when it was modified longer ago than max_age", () => {
  expect(isTooOld(stamped(nowMs - 1000), 1000, nowMs, nowMs)).toBe(false);
  expect(isTooOld(stamped(nowMs - 1001), 1000, nowMs, nowMs)).toBe(true);
  expect(isTooOld(stamped(nowMs + 1001), 1000, nowMs, nowMs)).toBe(false);
  expect(isTooOld(stamped(0), undefined, nowMs, nowMs)).toBe(false);
});

test.each([
  ["the device's is years ahead", nowMs, nowMs + 3000 * dayMs],
  ["the brokers' is years ahead", nowMs + 3000 * dayMs, nowMs],
])("a file that only one clock calls old is sent: %s", (_, brokersMs, deviceMs) => {
  expect(isTooOld(stamped(nowMs - dayMs), 2 * dayMs, brokersMs, deviceMs)).toBe(false);
  expect(isTooOld(stamped(nowMs - 3 * dayMs), 2 * dayMs, brokersMs, deviceMs)).toBe(true);
});

test("by a clock that was never set, no file is too old", () => {
  expect(isTooOld(stamped(0), 1000, nowMs, 100 * dayMs)).toBe(false);
  expect(isTooOld(stamped(0), 1000, 100 * dayMs, nowMs)).toBe(false);
  expect(isTooOld(stamped(0), 1000, undefined, 100 * dayMs)).toBe(false);
});

test("a file that was stamped by a clock that was never set is not too old", () => {
  expect(isTooOld(stamped(100 * dayMs, 100 * dayMs), 1000, nowMs, nowMs)).toBe(false);
  expect(cameTooOld(stamped(0, 100 * dayMs), 1000)).toBe(false);
});

test("a file that comes has the age that its file system says it has, whatever other clocks say", () => {
  expect(cameTooOld(stamped(nowMs - dayMs - 1001), 1000)).toBe(true);
  expect(cameTooOld(stamped(nowMs - dayMs - 1000), 1000)).toBe(false);
  expect(cameTooOld(stamped(nowMs), 1000)).toBe(false);
  expect(cameTooOld(stamped(0), undefined)).toBe(false);
});
