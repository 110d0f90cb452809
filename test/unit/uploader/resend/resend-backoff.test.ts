import { expect, test } from "bun:test";
import { ResendBackoff } from "../../../../agent/uploader/resend/resend-backoff.ts";

const hub = ["hub"];

test("the first time is at once, then each time takes twice as long, up to an hour", () => {
  let nowMs = 1000;
  const pace = new ResendBackoff(() => nowMs);
  expect(pace.waitMs("a", 1, hub)).toBe(0);
  const waits: number[] = [];
  for (let times = 0; times < 10; times++) {
    pace.note("a", 1, hub);
    waits.push(pace.waitMs("a", 1, hub) / 1000);
    nowMs += pace.waitMs("a", 1, hub);
    expect(pace.waitMs("a", 1, hub)).toBe(0);
  }
  expect(waits).toEqual([30, 60, 120, 240, 480, 960, 1920, 3600, 3600, 3600]);
});

test("another version of the path, or another path, has not been sent again yet", () => {
  const pace = new ResendBackoff(() => 0);
  pace.note("a", 1, hub);
  expect(pace.waitMs("a", 2, hub)).toBe(0);
  expect(pace.waitMs("b", 1, hub)).toBe(0);
  expect(pace.waitMs("a", 1, hub)).toBe(30_000);
});

test("who asks for very many paths in turn waits for each of them", () => {
  let nowMs = 0;
  const pace = new ResendBackoff(() => nowMs);
  const paths = Array.from({ length: 50_000 }, (_, at) => String(at));
  for (let round = 0; round < 3; round++) {
    expect(paths.every((path) => pace.waitMs(path, 1, hub) === 0)).toBe(true);
    for (const path of paths) pace.note(path, 1, hub);
    expect(paths.every((path) => pace.waitMs(path, 1, hub) === 30_000 * 2 ** round)).toBe(true);
    nowMs += 30_000 * 2 ** round;
  }
});

test("what nobody has asked for all day begins anew, and nothing else does", () => {
  let nowMs = 0;
  const pace = new ResendBackoff(() => nowMs);
  for (const path of ["a", "b"]) for (let times = 0; times < 5; times++) pace.note(path, 1, hub);
  nowMs += 3600_000;
  pace.note("b", 1, hub);
  nowMs += 23 * 3600_000;
  pace.note("other", 1, hub);
  for (const path of ["a", "b"]) pace.note(path, 1, hub);
  expect(pace.waitMs("a", 1, hub)).toBe(30_000);
  expect(pace.waitMs("b", 1, hub)).toBe(1_920_000);
});

test("a group that asks again and again slows down no other one", () => {
  const pace = new ResendBackoff(() => 0);
  for (let times = 0; times < 5; times++) pace.note("a", 1, ["others"]);
  expect(pace.waitMs("a", 1, ["others"])).toBe(480_000);
  expect(pace.waitMs("a", 1, hub)).toBe(0);
  expect(pace.waitMs("a", 1, ["others", "hub"])).toBe(0);
  pace.note("a", 1, ["others", "hub"]);
  expect(pace.waitMs("a", 1, ["others", "hub"])).toBe(30_000);
});
