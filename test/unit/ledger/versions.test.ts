import { expect, test } from "bun:test";
import { VersionClock } from "../../../agent/ledger/versions.ts";

test("versions only grow, faster than the clock if need be", () => {
  const clock = new VersionClock(0, 1_000);
  let last = 0;
  for (let round = 0; round < 10_000; round++) {
    const next = clock.next();
    expect(next).toBeGreaterThan(last);
    last = next;
  }
});

test("a ledger that knows a higher version than the brokers' time decides", () => {
  const highest = 9_000_000_000_000;
  expect(new VersionClock(highest, 1_000).next()).toBe(highest + 1);
});

test("after a lost ledger the brokers' time, in microseconds, orders new versions after the old ones", () => {
  expect(new VersionClock(0, 1_744_741_849_202).next()).toBeGreaterThanOrEqual(1_744_741_849_202_000);
});
