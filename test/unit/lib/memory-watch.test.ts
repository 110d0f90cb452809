import { expect, test } from "bun:test";
import { CollectionPace, collectIfDue } from "../../../agent/lib/memory-watch.ts";

const softBytes = 80 << 20;

/** How many collections there are in so many seconds of a process whose size is looked at every quarter of one. */
function collections(
  seconds: number,
  sizeOf: (atMs: number) => number,
  leftOf: (bytes: number) => number,
): number {
  const pace = new CollectionPace(softBytes);
  let count = 0;
  for (let atMs = 0; atMs < 1000 * seconds; atMs += 250) {
    const bytes = sizeOf(atMs);
    if (!pace.isDue(bytes, atMs)) continue;
    count++;
    pace.collected(bytes, leftOf(bytes), atMs, atMs + 1);
  }
  return count;
}

test("a process that is not larger than it should be is never collected", () => {
  expect(
    collections(
      60,
      () => softBytes,
      () => 0,
    ),
  ).toBe(0);
});

test("a process that is large since much lives in it is collected ever more rarely, once a minute in the end", () => {
  const living = 200 << 20;
  expect(
    collections(
      60,
      () => living,
      () => living,
    ),
  ).toBeLessThanOrEqual(9);
  expect(
    collections(
      3600,
      () => living,
      () => living,
    ),
  ).toBeLessThanOrEqual(9 + 60);
});

test("one that grows is collected at once, however little the last collection has brought", () => {
  const living = 100 << 20;
  const pace = new CollectionPace(softBytes);
  let nowMs = 0;
  for (; nowMs < 600_000; nowMs += 250)
    if (pace.isDue(living, nowMs)) pace.collected(living, living, nowMs, nowMs + 1);
  expect(pace.isDue(living + (3 << 20), nowMs)).toBe(false);
  expect(pace.isDue(living + (5 << 20), nowMs)).toBe(true);
});

test("collections take a fiftieth of the time, and a tenth where the process is half as large again as it should be", () => {
  for (const [bytes, share] of [
    [90 << 20, 50],
    [130 << 20, 10],
  ] as const) {
    const pace = new CollectionPace(softBytes);
    pace.collected(bytes, 0, 0, 100);
    expect(pace.isDue(bytes, 100 + 100 * share - 1)).toBe(false);
    expect(pace.isDue(bytes, 100 + 100 * share)).toBe(true);
  }
});

const MiB = 1 << 20;

function process(own: number, mapped: number) {
  const done = { collections: 0, releases: 0 };
  const watched = {
    memory: () => ({ total: own + mapped, own, mapped }),
    giveBack: () => {
      done.collections++;
    },
    releaseCode: () => {
      done.releases++;
    },
  };
  return { done, watched };
}

test("code that is mapped is let go of where it is much, and is no reason to collect", () => {
  for (const [mapped, releases] of [
    [24 * MiB, 0],
    [25 * MiB, 240],
  ] as const) {
    const { done, watched } = process(80 * MiB, mapped);
    const pace = new CollectionPace(softBytes);
    for (let atMs = 0; atMs < 60_000; atMs += 250) collectIfDue(pace, watched, () => atMs);
    expect(done).toEqual({ collections: 0, releases });
  }
});

test("a process that has much of its own is collected, whatever is mapped", () => {
  const { done, watched } = process(81 * MiB, 0);
  collectIfDue(new CollectionPace(softBytes), watched, () => 0);
  expect(done).toEqual({ collections: 1, releases: 0 });
});
