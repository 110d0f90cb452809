import { expect, test } from "bun:test";
import { ChunkBuffers, LentBuffer } from "../../../../agent/uploader/transport/chunk-buffers.ts";

test("what was given back is lent again, and nothing of it twice at a time", () => {
  const buffers = new ChunkBuffers();
  const end = buffers.begin();
  const [first, second] = [buffers.take(100), buffers.take(100)];
  expect(first).not.toBe(second);
  buffers.giveBack(second);
  expect(buffers.take(60)).toBe(second);
  expect(buffers.take(100)).not.toBe(second);
  end();
});

test("a buffer that is too short is not lent, and is gone with all that are as short", () => {
  const buffers = new ChunkBuffers();
  buffers.begin();
  const short = [buffers.take(100), buffers.take(100)];
  for (const buffer of short) buffers.giveBack(buffer);
  expect(buffers.take(101)).toHaveLength(101);
  expect(short).not.toContain(buffers.take(100));
});

test("none is kept when nobody sends, also what is given back then", () => {
  const buffers = new ChunkBuffers();
  const ends = [buffers.begin(), buffers.begin()];
  const [early, late] = [buffers.take(100), buffers.take(100)];
  buffers.giveBack(early);
  ends[0]?.();
  expect(buffers.take(100)).toBe(early);
  buffers.giveBack(early);
  ends[1]?.();
  buffers.giveBack(late);
  buffers.begin();
  expect([early, late]).not.toContain(buffers.take(100));
});

test("a chunk's buffer is as long as the chunk, and free when the last one who reads it has done so", async () => {
  const buffers = new ChunkBuffers();
  buffers.begin();
  const longer = buffers.take(100);
  buffers.giveBack(longer);
  const lent = new LentBuffer(buffers, 60);
  const memory = lent.take();
  expect([memory.length, memory.buffer]).toEqual([60, longer.buffer]);
  const { promise, resolve } = Promise.withResolvers<void>();
  lent.usedUntil(promise);
  lent.giveBack();
  const other = buffers.take(100);
  expect(other).not.toBe(longer);
  resolve();
  await promise;
  expect(buffers.take(100)).toBe(longer);
});

test("a buffer whose record failed is lent to nobody again", () => {
  const buffers = new ChunkBuffers();
  buffers.begin();
  const lent = new LentBuffer(buffers, 100);
  const { buffer } = lent.take();
  lent.drop();
  expect(buffers.take(100).buffer).not.toBe(buffer);
});

test("a chunk that needs no buffer gives none back", () => {
  const buffers = new ChunkBuffers();
  buffers.begin();
  const lent = new LentBuffer(buffers, 100);
  lent.giveBack();
  lent.drop();
  expect(buffers.take(100)).toHaveLength(100);
});
