/**
 * What tells one state of a file from another without reading it. All four alike: the same version. Size and
 * modification time alike but not the rest: only the content tells, as inodes are recycled (ext4) or change with
 * each mount (vfat), and ctime changes with a rename.
 */
import type { BigIntStats } from "node:fs";
import type { FileValue } from "../wire/entry.ts";

export interface Fingerprint {
  /** Bytes. */
  size: number;
  /** Nanoseconds since 1970, as text: they travel as that, and text is smaller in memory than a bigint. */
  mtime: string;
  ctime: string;
  inode: string;
}

export function fingerprintOf(stats: BigIntStats): Fingerprint {
  return {
    size: Number(stats.size),
    mtime: String(stats.mtimeNs),
    ctime: String(stats.ctimeNs),
    inode: String(stats.ino),
  };
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
