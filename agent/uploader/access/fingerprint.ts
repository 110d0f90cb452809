/**
 * What tells one state of a file from another without reading it. All four alike: the same version. Size and
 * modification time alike but not the rest: only the content tells, as inodes are recycled (ext4) or change with
 * each mount (vfat), and ctime changes with a rename.
 */
import type { BigIntStats } from "node:fs";
import type { FileState } from "../../lib/files-below.ts";
import type { FileValue } from "../../wire/entry-value.ts";

export interface Fingerprint {
  /** Bytes. */
  size: number;
  /** Nanoseconds since 1970, as text: they travel as that, and text is smaller in memory than a bigint. */
  mtime: string;
  ctime: string;
  inode: string;
}

/** The ledger writes 20 digits of nanoseconds: until the year 5138. */
const latestTime = 99_999_999_999_999_999_999n;

export function fingerprintOf(stats: Pick<BigIntStats, "size" | "mtimeNs" | "ctimeNs" | "ino">): Fingerprint {
  return {
    size: Number(stats.size),
    mtime: String(stats.mtimeNs),
    ctime: String(stats.ctimeNs),
    inode: String(stats.ino),
  };
}

/** Why a file of this size and time can't be a version: the records can't hold the numbers. `undefined`: it can. */
export function numbersProblem({ size, mtimeNs }: Pick<BigIntStats, "size" | "mtimeNs">): string | undefined {
  if (size > BigInt(Number.MAX_SAFE_INTEGER))
    return `its size of ${size} bytes is more than a version can have (2^53 - 1)`;
  if (mtimeNs > latestTime || mtimeNs < -latestTime)
    return "its modification time is further away than a version's can be";
  return undefined;
}

/** The same of a file that was looked at or opened by its descriptor. */
export function fingerprintOfState({ size, mtime, ctime, inode }: FileState): Fingerprint {
  return { size: Number(size), mtime: String(mtime), ctime: String(ctime), inode: String(inode) };
}

export function sameFingerprint(a: Fingerprint | FileValue, b: Fingerprint): boolean {
  return sameSizeAndTime(a, b) && a.ctime === b.ctime && a.inode === b.inode;
}

export function sameSizeAndTime(
  a: Pick<Fingerprint | FileValue, "size" | "mtime">,
  b: Pick<Fingerprint, "size" | "mtime">,
): boolean {
  return a.size === b.size && a.mtime === b.mtime;
}
