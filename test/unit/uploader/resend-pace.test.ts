import { expect, test } from "bun:test";
import { ResendPace } from "../../../agent/uploader/resend-pace.ts";

test("the first time is at once, then each time takes twice as long, up to an hour", () => {
  let nowMs = 1000;
  const pace = new ResendPace(() => nowMs);
  expect(pace.waitMs("a", 1)).toBe(0);
  const waits: number[] = [];
  for (let times = 0; times < 10; times++) {
    pace.note("a", 1);
    waits.push(pace.waitMs("a", 1) / 1000);
    nowMs += pace.waitMs("a", 1);
    expect(pace.waitMs("a", 1)).toBe(0);
  }
  expect(waits).toEqual([30, 60, 120, 240, 480, 960, 1920, 3600, 3600, 3600]);
});

test("another version of the path, or another path, has not been sent again yet", () => {
  const pace = new ResendPace(() => 0);
  pace.note("a", 1);
  expect(pace.waitMs("a", 2)).toBe(0);
  expect(pace.waitMs("b", 1)).toBe(0);
  expect(pace.waitMs("a", 1)).toBe(30_000);
});

test("of ten thousand paths the oldest is forgotten first", () => {
  const pace = new ResendPace(() => 0);
  for (let path = 0; path < 10_000; path++) pace.note(String(path), 1);
  pace.note("0", 1);
  pace.note("one more", 1);
  expect(pace.waitMs("1", 1)).toBe(0);
  expect(pace.waitMs("0", 1)).toBe(60_000);
});
