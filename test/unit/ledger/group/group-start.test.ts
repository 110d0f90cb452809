import { expect, test } from "bun:test";
import { GroupStart } from "../../../../agent/ledger/group/group-start.ts";
import type { Sent } from "../../../../agent/ledger/group/outstanding.ts";

/** @param lasts the offset of its last chunk in each partition; -1: it has none there */
function sent(lasts: readonly number[]): Sent {
  const places = lasts.map((last, partition) => ({ partition, from: 0, last }));
  return {
    ...{ uploader: "till", path: "video", version: 7, size: 9, checksum: "", gone: false, isReplaced: false },
    ...{ topic: "topic", partition: 0, offset: lasts[0] ?? 0, places },
  };
}

test("what was being sent as the group began is its to deliver: any of its last chunks came after that", () => {
  const start = new GroupStart();
  expect(start.covers(sent([0]))).toBe(true);
  start.note({ format: 1, topic: "topic", offsets: { "0": 10, "1": 20 }, time: "" }, 1000);
  expect(start.covers(sent([9]))).toBe(false);
  expect(start.covers(sent([10]))).toBe(true);
  expect(start.covers(sent([9, 19]))).toBe(false);
  expect(start.covers(sent([9, 20]))).toBe(true);
  // The third partition was added since.
  expect(start.covers(sent([9, 19, -1]))).toBe(false);
  expect(start.covers(sent([9, 19, 0]))).toBe(true);
});

test("the mark of its first partition speaks of a spread version only if that came after the beginning there", () => {
  const start = new GroupStart();
  start.note({ format: 1, topic: "topic", offsets: { "0": 10, "1": 20 }, time: "" }, 1000);
  expect(start.markCovers(sent([9, 20]))).toBe(false);
  expect(start.markCovers(sent([10, 19]))).toBe(true);
});
