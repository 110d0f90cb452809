import { afterEach, expect, type Mock, spyOn, test } from "bun:test";
import { DelayQueue } from "../../../agent/lib/delay-queue.ts";

let timers: Mock<typeof setTimeout> | undefined;
afterEach(() => timers?.mockRestore());

/** With a clock of its own, and timers that fire when they are told to. */
function prepare() {
  let nowMs = 0;
  const set: { call: () => void; atMs: number }[] = [];
  timers = spyOn(globalThis, "setTimeout").mockImplementation(((call: () => void, ms: number) => {
    set.push({ call, atMs: nowMs + ms });
    return set.length;
  }) as unknown as typeof setTimeout);
  const due: string[] = [];
  const later = new DelayQueue(
    (key) => due.push(key),
    () => nowMs,
  );
  /** The newest timer fires; the ones before it were cleared. */
  const fire = () => {
    const timer = set.at(-1);
    if (!timer) throw new Error("no timer is set");
    nowMs = timer.atMs;
    timer.call();
    return due.splice(0);
  };
  return { later, fire, set, wait: (ms: number) => (nowMs += ms) };
}

test("each is due at its time, whichever came first, and not before", () => {
  const { later, fire, set } = prepare();
  later.add("c", 30_000);
  later.add("a", 500);
  later.add("b", 2500);
  later.add("also c", 29_100);
  expect([fire(), fire(), fire()]).toEqual([["a"], ["b"], ["c", "also c"]]);
  expect(set.map(({ atMs }) => atMs)).toEqual([30_000, 1000, 3000, 30_000]);
});

test("thousands at one time are one timer", () => {
  const { later, fire, set } = prepare();
  for (let at = 0; at < 5000; at++) later.add(String(at), 30_000);
  expect(set).toHaveLength(1);
  expect(fire()).toHaveLength(5000);
  expect(set).toHaveLength(1);
});

test("one that is added again is due once, at the newer time; one that is deleted is not", () => {
  const { later, fire, wait } = prepare();
  for (const key of ["a", "b", "c"]) later.add(key, 1000);
  wait(500);
  later.add("a", 5000);
  later.delete("b");
  later.delete("unknown");
  expect(fire()).toEqual(["c"]);
  expect(fire()).toEqual(["a"]);
});
