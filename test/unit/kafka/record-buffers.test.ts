import { expect, test } from "bun:test";
import { RecordBuffers } from "../../../agent/kafka/record-buffers.ts";

const MiB = 1 << 20;

test("a buffer is used again when the last one who holds it lets go", () => {
  const buffers = new RecordBuffers();
  const first = buffers.take();
  first.hold();
  first.release();
  const second = buffers.take();
  expect(second.bytes).not.toBe(first.bytes);
  first.release();
  expect(buffers.take().bytes).toBe(first.bytes);
});

test("buffers grow with what comes, up to a bound, and shrink when nothing does", () => {
  const buffers = new RecordBuffers();
  const usual = buffers.take().bytes.length;
  buffers.enlarge(MiB + 1);
  const large = buffers.take();
  expect(large.bytes.length).toBeGreaterThan(MiB);
  buffers.enlarge(1000 * MiB);
  expect(buffers.take().bytes.length).toBe(large.bytes.length);
  buffers.rest();
  expect(buffers.take().bytes.length).toBe(usual);
  // Of the size of before: nobody gets it again.
  large.release();
  expect(buffers.take().bytes.length).toBe(usual);
});

test("only so much lies ready", () => {
  const buffers = new RecordBuffers();
  buffers.enlarge(2 * MiB);
  const taken = Array.from({ length: 5 }, () => buffers.take());
  for (const buffer of taken) buffer.release();
  const again = Array.from({ length: 5 }, () => buffers.take().bytes);
  const kept = again.filter((bytes) => taken.some((buffer) => buffer.bytes === bytes));
  expect(kept.length).toBe(2);
});
