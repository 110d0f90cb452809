import { expect, test } from "bun:test";
import { DiskSpace, type Occupant } from "../../../../agent/downloader/place/disk-space.ts";

const block = 4096;
const notes = 256 << 10;

function space(freeBytes: number, occupants: Occupant[] = [], minFreeBytes = 0, nowMs = { value: 0 }) {
  const disk = { freeBytes, blockBytes: block };
  const options = {
    freeBytes: async () => disk.freeBytes,
    blockBytes: async () => disk.blockBytes,
    minFreeBytes,
    occupants: () => occupants,
    now: () => nowMs.value,
  };
  return { disk, space: new DiskSpace(options) };
}

test("a file fits where its last block, its inode and the agent's own notes fit as well", async () => {
  const room = notes + 1000 + 3 * block;
  expect(await space(room, [], 1000).space.fits(block + 1)).toBe(true);
  expect(await space(room - 1, [], 1000).space.fits(block + 1)).toBe(false);
  expect(await space(notes + block, []).space.fits(0)).toBe(true);
  expect(await space(notes + block - 1, []).space.fits(0)).toBe(false);
});

test("many small files take what many blocks take", async () => {
  const { space: tight } = space(notes + 100 * 2 * block);
  let admitted = 0;
  for (; await tight.fitted(1); admitted++) tight.reserve(1);
  expect(admitted).toBe(100);
});

test("what is under way keeps its room while something comes, and what has all of its bytes needs none", async () => {
  const nowMs = { value: 0 };
  const stalled = { bytesMissing: 10 * block, placedAtMs: 0 };
  const whole = { bytesMissing: 0, placedAtMs: 0 };
  const { space: shared } = space(notes + 11 * block, [stalled, whole], 0, nowMs);
  expect(await shared.fits(0)).toBe(false);
  nowMs.value = 60_001;
  expect(await shared.fits(0)).toBe(true);
});

test("room that was given back is found when something does not fit", async () => {
  const { disk, space: measured } = space(notes + 2 * block);
  expect(await measured.fits(2 * block)).toBe(false);
  disk.freeBytes += block;
  expect(await measured.fitted(2 * block)).toBe(false);
  expect(await measured.fits(2 * block)).toBe(true);
});

test("a file on a card takes what its large blocks take; one far away, or whose blocks nobody names, is not held to them", async () => {
  const { disk, space: card } = space(notes + (256 << 10));
  disk.blockBytes = 128 << 10;
  expect(await card.fits(1)).toBe(true);
  card.reserve(1);
  expect(await card.fitted(1)).toBe(false);
  const { disk: far, space: remote } = space(notes + (512 << 10));
  for (const named of [1 << 20, 0]) {
    far.blockBytes = named;
    expect(await remote.fits(1)).toBe(true);
  }
});
