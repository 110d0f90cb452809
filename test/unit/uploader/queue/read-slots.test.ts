import { expect, test } from "bun:test";
import { ReadSlots } from "../../../../agent/uploader/queue/read-slots.ts";

const watch = {};

test("large files that take all their places hold back no small one", async () => {
  const lanes = new ReadSlots(2);
  const leaveFirst = await lanes.enter(false, watch);
  await lanes.enter(false, watch);
  const third = lanes.enter(false, watch);
  expect(lanes.waiting(false)).toBe(1);
  await lanes.enter(true, watch);
  leaveFirst();
  // Given back twice is once.
  leaveFirst();
  await third;
  expect(lanes.waiting(false)).toBe(0);
});

test("what a watch has that does not answer is the others', until it answers again", async () => {
  const lanes = new ReadSlots(2);
  const hung = {};
  const leaves = await Promise.all([lanes.enter(false, hung), lanes.enter(false, hung)]);
  const waiting = [lanes.enter(false, watch), lanes.enter(false, watch), lanes.enter(false, watch)];
  lanes.suspend(hung);
  const leave = await waiting[0];
  await waiting[1];
  expect(lanes.waiting(false)).toBe(1);
  lanes.resume(hung);
  leave?.();
  leaves[0]?.();
  // Two of the hung watch and two others had four places of two; two are left.
  expect(lanes.waiting(false)).toBe(1);
  leaves[1]?.();
  await waiting[2];
  expect(lanes.waiting(false)).toBe(0);
});

test("a place that is given back while its watch is suspended was given back already", async () => {
  const lanes = new ReadSlots(1);
  const hung = {};
  const leave = await lanes.enter(true, hung);
  lanes.suspend(hung);
  leave();
  lanes.resume(hung);
  await lanes.enter(true, watch);
  lanes.enter(false, watch);
  lanes.enter(false, watch);
  expect(lanes.waiting(false)).toBe(1);
});
