import { expect, test } from "bun:test";
import { Stalls } from "../../../agent/observe/stalls.ts";

test("a call that does not come back is told of after half a minute, until it does", async () => {
  let nowMs = 1000;
  const stalls = new Stalls(() => nowMs);
  const hung = Promise.withResolvers<string>();
  const watched = stalls.watch("writing below /srv", hung.promise);
  nowMs += 29_999;
  expect(stalls.reasons()).toEqual([]);
  nowMs += 12_345;
  expect(stalls.reasons()).toEqual(["writing below /srv has not ended for 42 s: the file system hangs"]);
  hung.resolve("written");
  expect(await watched).toBe("written");
  expect(stalls.reasons()).toEqual([]);
});

test("it is the oldest that counts; one that fails has ended", async () => {
  let nowMs = 0;
  const stalls = new Stalls(() => nowMs);
  const [first, second] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
  const watched = stalls.watch("first", first.promise);
  nowMs = 20_000;
  void stalls.watch("second", second.promise);
  nowMs = 40_000;
  expect(stalls.reasons()).toEqual([expect.stringContaining("first")]);
  first.reject(new Error("EIO"));
  await expect(watched).rejects.toThrow("EIO");
  expect(stalls.reasons()).toEqual([]);
  nowMs = 50_000;
  expect(stalls.reasons()).toEqual([expect.stringContaining("second")]);
});
