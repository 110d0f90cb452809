import { expect, test } from "bun:test";
import { Lanes } from "../../../agent/uploader/lanes.ts";

test("large files that take all their places hold back no small one", async () => {
  const lanes = new Lanes(2);
  const leaveFirst = await lanes.enter(false);
  await lanes.enter(false);
  const third = lanes.enter(false);
  expect(lanes.waitingLarge).toBe(1);
  await lanes.enter(true);
  leaveFirst();
  // Given back twice is once.
  leaveFirst();
  await third;
  expect(lanes.waitingLarge).toBe(0);
});
