import { expect, test } from "bun:test";
import { BrokerTime, VersionClock } from "../../../../agent/ledger/uploader/version-clock.ts";

const unbounded = Number.POSITIVE_INFINITY;

test("versions only grow, faster than the clock if need be", () => {
  const clock = new VersionClock(0, 1_000);
  let last = 0;
  for (let round = 0; round < 10_000; round++) {
    const next = clock.next(unbounded) ?? 0;
    expect(next).toBeGreaterThan(last);
    last = next;
  }
});

test("a ledger that knows a higher version than the brokers' time decides", () => {
  const highest = 9_000_000_000_000;
  expect(new VersionClock(highest, 1_000).next(unbounded)).toBe(highest + 1);
});

test("after a lost ledger the brokers' time, in microseconds, orders new versions after the old ones", () => {
  expect(new VersionClock(0, 1_744_741_849_202).next(unbounded)).toBeGreaterThanOrEqual(
    1_744_741_849_202_000,
  );
});

test("no version is given that is not leased, and what is leased is enough for a while", () => {
  const nowMs = 1_744_741_849_202;
  const clock = new VersionClock(0, nowMs);
  expect(clock.next(nowMs * 1000 - 1)).toBeUndefined();
  const leased = clock.nextLease(0);
  expect(leased).toBeGreaterThanOrEqual((nowMs + 60_000) * 1000);
  expect(clock.next(leased)).toBeGreaterThanOrEqual(nowMs * 1000);
});

test("leases of an agent that is killed ever again do not run away from the brokers' time", () => {
  const nowMs = 1_744_741_849_202;
  let leased = 0;
  for (let kills = 0; kills < 1000; kills++) {
    const clock = new VersionClock(leased, nowMs + kills * 1000);
    leased = clock.nextLease(leased);
    expect(clock.next(leased)).toBeDefined();
  }
  expect(leased).toBeLessThan((nowMs + 1000 * 1000 + 3600_000) * 1000);
});

function timeAt(latestMs: number): BrokerTime {
  const time = new BrokerTime();
  time.note(latestMs);
  return time;
}

test("a version further ahead of the brokers' time than a day is none, nor is one that no other could follow", () => {
  const nowMs = 1_744_741_849_202;
  const day = 24 * 3600_000;
  expect(timeAt(nowMs).isPlausible(nowMs * 1000)).toBe(true);
  expect(timeAt(nowMs).isPlausible((nowMs + day) * 1000)).toBe(true);
  expect(timeAt(nowMs).isPlausible((nowMs + day) * 1000 + 1)).toBe(false);
  expect(timeAt(nowMs).isPlausible(Number.MAX_SAFE_INTEGER)).toBe(false);
  expect(timeAt(Number.MAX_SAFE_INTEGER).isPlausible(Number.MAX_SAFE_INTEGER + 1)).toBe(false);
});

test("the brokers' time does not go back: what was given before their clock was set back is good afterwards", () => {
  const time = new BrokerTime();
  const [nowMs, day] = [1_744_741_849_202, 24 * 3600_000];
  time.note(nowMs);
  time.note(nowMs - 30 * day);
  time.note(-1);
  expect(time.latestMs).toBe(nowMs);
  expect(time.isPlausible(nowMs * 1000)).toBe(true);
  expect(time.isPlausible((nowMs + 2 * day) * 1000)).toBe(false);
});
