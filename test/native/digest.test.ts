import { expect, test } from "bun:test";
import { randomBytes } from "node:crypto";
import { Digest } from "../../agent/lib/digest.ts";
import { native } from "../../agent/native/load-native.ts";

const algorithms = ["md5", "sha256"] as const;
/** Around a block, around what goes to a thread, and a chunk. */
const sizes = [0, 1, 55, 56, 63, 64, 65, 65_535, 65_536, 65_537, 1_000_003];

function expected(algorithm: (typeof algorithms)[number], ...parts: Buffer[]): string {
  const hasher = new Bun.CryptoHasher(algorithm);
  for (const part of parts) hasher.update(part);
  return hasher.digest("hex");
}

test("a digest is the one that others compute, of parts of any size, here or on a thread", async () => {
  for (const algorithm of algorithms) {
    const digest = new Digest(native, algorithm);
    const taken: Buffer[] = [];
    expect(digest.hex).toBe(expected(algorithm));
    for (const size of [...sizes, ...sizes.toReversed()]) {
      const part = randomBytes(size);
      await digest.update(part);
      taken.push(part);
      // Twice: asking leaves it as it is.
      expect([digest.hex, digest.hex]).toEqual(Array(2).fill(expected(algorithm, ...taken)));
    }
  }
});

test("a part of a larger buffer counts alone", async () => {
  const bytes = randomBytes(300_000);
  const digest = new Digest(native, "md5");
  await digest.update(bytes.subarray(100_000, 200_000));
  await digest.update(bytes.subarray(7, 11));
  expect(digest.hex).toBe(expected("md5", bytes.subarray(100_000, 200_000), bytes.subarray(7, 11)));
});

test("what is on a thread is not collected, though nobody else holds it", async () => {
  const size = 2_000_000;
  const rounds = Array.from({ length: 100 }, async (_, round) => {
    const digest = new Digest(native, "md5");
    await digest.update(Buffer.alloc(size, round));
    return digest.hex === expected("md5", Buffer.alloc(size, round));
  });
  Bun.gc(true);
  // Memory that was given back is taken at once.
  const others = rounds.map(() => Buffer.alloc(size, 255));
  expect(await Promise.all(rounds)).toEqual(Array(100).fill(true));
  expect(others).toHaveLength(100);
});

test("wrong arguments are thrown", () => {
  const state = Buffer.alloc(128);
  const bytes = Buffer.from("x");
  const usage = "updateDigest(algorithm, state, bytes, callback)";
  expect(() => native.updateDigest(2, state, bytes, null)).toThrow(usage);
  expect(() => native.updateDigest(-1, state, bytes, null)).toThrow(usage);
  expect(() => native.updateDigest(0, state.subarray(1), bytes, null)).toThrow(usage);
  expect(() => native.updateDigest(0, state, "x" as never, null)).toThrow(usage);
  expect(() => native.updateDigest(0, state, bytes, undefined as never)).toThrow(usage);
  expect(() => native.finishDigest(0, bytes)).toThrow("finishDigest(algorithm, state)");
  // A state that begins anywhere: not where the structure's numbers would be aligned.
  expect(() => native.finishDigest(0, Buffer.alloc(129).subarray(1))).toThrow("finishDigest");
});
