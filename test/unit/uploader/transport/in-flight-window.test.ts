import { expect, test } from "bun:test";
import { InFlightWindow } from "../../../../agent/uploader/transport/in-flight-window.ts";

const signal = new AbortController().signal;

/** Whether a promise has been settled after everything that could settle it now has run. */
async function isSettled(promise: Promise<unknown>): Promise<boolean> {
  let settled = false;
  void promise.then(() => {
    settled = true;
  });
  await new Promise<void>((resolve) => setImmediate(resolve));
  return settled;
}

test("no more than the limit is in flight, and whoever waits comes in turn", async () => {
  const window = new InFlightWindow(100, undefined);
  expect(await window.enter(60, signal)).toBe(true);
  const large = window.enter(50, signal);
  const small = window.enter(10, signal);
  expect(await isSettled(large)).toBe(false);
  // It would fit, but the large one was first: small files must not starve it.
  expect(await isSettled(small)).toBe(false);
  window.leave(60);
  expect(await Promise.all([large, small])).toEqual([true, true]);
  expect(window.usedBytes).toBe(60);
});

test("what is larger than the window is let in alone", async () => {
  const window = new InFlightWindow(100, undefined);
  expect(await window.enter(500, signal)).toBe(true);
  const next = window.enter(1, signal);
  expect(await isSettled(next)).toBe(false);
  window.leave(500);
  expect(await next).toBe(true);
});

test("a stop lets nobody wait for ever, and what has not entered is not counted", async () => {
  const window = new InFlightWindow(100, undefined);
  await window.enter(100, signal);
  const stop = new AbortController();
  const waiting = window.enter(50, stop.signal);
  stop.abort();
  expect(await waiting).toBe(false);
  expect(await window.enter(1, stop.signal)).toBe(false);
  window.leave(100);
  expect(window.usedBytes).toBe(0);
});
