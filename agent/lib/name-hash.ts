/**
 * Hashes that stand for names which anybody may choose: a path, an uploader. Two names with the same hash would be taken for
 * one file, so nobody may be able to have two meet on purpose, as can be done with every quick hash: with xxHash64 by
 * words that undo each other's difference. SHA-256, cut, takes no longer.
 */
import { randomBytes } from "node:crypto";
import { garbageOf, leaveGarbage } from "./garbage.ts";

/** 128 bits as 32 lower-case hex digits, the same in every process: good as the name of a file, also where case is folded. */
export function nameDigest(name: string): string {
  return Bun.CryptoHasher.hash("sha256", name, "hex").slice(0, 32);
}

/** Of this process alone, so that nobody can have names crowd in one place of a table either. */
let salt = randomBytes(16).toString("base64");
let isUsed = false;
const words = new Uint32Array(8);

/** A dozen tables are asked by the same name, one after the other: it is hashed once. A long one leaves as much behind. */
let last: { name: string; hash: readonly [number, number] } | undefined;

/** What this process's hashes depend on. */
export function hashSalt(): string {
  return salt;
}

/** Goes on with the hashes of a process before this one. Returns whether they are the same by now: not once there are others. */
export function adoptSalt(other: string): boolean {
  if (!isUsed) salt = other;
  return salt === other;
}

/** 106 bits as two halves of 53, each a whole number; another one in each process, but for `adoptSalt`. */
export function nameHash(name: string): readonly [number, number] {
  if (last?.name === name) return last.hash;
  isUsed = true;
  Bun.CryptoHasher.hash("sha256", salt + name, words);
  const [a = 0, b = 0, c = 0, d = 0] = words;
  const hash = [a * 2 ** 21 + (b >>> 11), c * 2 ** 21 + (d >>> 11)] as const;
  last = { name, hash };
  leaveGarbage(garbageOf.nameCharacter * name.length);
  return hash;
}
