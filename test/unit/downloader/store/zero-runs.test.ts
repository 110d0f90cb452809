import { expect, test } from "bun:test";
import { runsOf } from "../../../../agent/downloader/store/zero-runs.ts";
import { Random } from "../../../support/random.ts";

const kib = 1024;
const shown = (bytes: Buffer, offset: number) =>
  runsOf(bytes, offset).map(({ from, to, isZero }) => `${from}-${to} ${isZero ? "zeros" : "bytes"}`);

test("bytes that are not zero are one run", () => {
  expect(shown(Buffer.alloc(300 * kib, 1), 5)).toEqual([`5-${300 * kib + 5} bytes`]);
  expect(shown(Buffer.alloc(0), 5)).toEqual([]);
});

test("a long run of zeros begins and ends at a block", () => {
  const bytes = Buffer.alloc(300 * kib, 1);
  bytes.fill(0, 10 * kib + 1, 200 * kib - 1);
  expect(shown(bytes, 0)).toEqual([
    `0-${12 * kib} bytes`,
    `${12 * kib}-${196 * kib} zeros`,
    `${196 * kib}-${300 * kib} bytes`,
  ]);
});

test("blocks are those of the file, not of the chunk", () => {
  const bytes = Buffer.alloc(100 * kib);
  expect(shown(bytes, 1)).toEqual(["1-4096 bytes", `4096-${100 * kib + 1} zeros`]);
});

test("a short run of zeros is written, but for one that is all there is", () => {
  const bytes = Buffer.alloc(100 * kib, 1);
  bytes.fill(0, 40 * kib, 80 * kib);
  expect(shown(bytes, 0)).toEqual([`0-${100 * kib} bytes`]);
  expect(shown(Buffer.alloc(4 * kib), 8 * kib)).toEqual([`${8 * kib}-${12 * kib} zeros`]);
});

test("the runs are the bytes, whatever these are", () => {
  const random = new Random(5);
  for (let round = 0; round < 300; round++) {
    const offset = random.below(3) === 0 ? 0 : random.below(20_000);
    const bytes = Buffer.alloc(random.below(500 * kib));
    for (let count = random.below(4); count > 0; count--) {
      const at = random.below(bytes.length + 1);
      bytes.fill(1 + random.below(255), at, Math.min(bytes.length, at + random.below(50 * kib)));
    }
    let at = offset;
    for (const { from, to, isZero } of runsOf(bytes, offset)) {
      expect(from).toBe(at);
      expect(to).toBeGreaterThan(from);
      if (isZero) expect(bytes.subarray(from - offset, to - offset).every((byte) => byte === 0)).toBe(true);
      at = to;
    }
    expect(at).toBe(offset + bytes.length);
  }
});
