/** Entries of a group's ledger: of a few files, each with a few versions. */
import type { VersionId } from "../../agent/wire/chunk.ts";
import { type Entry, keyOf, tombstone } from "../../agent/wire/entry.ts";
import type { FileValue } from "../../agent/wire/entry-value.ts";

export const file = { uploader: "till", path: "a.txt" };
export const first: VersionId = { ...file, version: 100 };
export const second: VersionId = { ...file, version: 200 };
export const other: VersionId = { uploader: "till", path: "b.txt", version: 100 };
export const checksum = "md5:5d41402abc4b2a76b9719d911017c592";
export const time = "2025-04-15T18:30:49.202Z";

export function noted({ uploader, path, version }: VersionId, state: FileValue["state"] = "sent"): Entry {
  const times = { mtime: "0", ctime: "0", inode: "1" };
  const where = { topic: "topic", partition: 0, offset: 7 };
  const value = { format: 1, version, state, size: 5, ...times, ...where, checksum } as const;
  return { kind: "file", uploader, path, ...value };
}
export const forgotten = tombstone({ kind: "file", ...file });
export const delivered = (id: VersionId): Entry => ({
  kind: "delivered",
  group: "group",
  ...id,
  format: 1,
  size: 5,
  checksum,
  time,
});
export const failed = (id: VersionId): Entry => ({
  kind: "failed",
  group: "group",
  ...id,
  format: 1,
  reason: "too long",
  time,
});
export const needs = (id: VersionId): Entry => ({
  kind: "needs",
  group: "group",
  ...id,
  format: 1,
  ranges: [[0, 5]],
  time,
});
export const without = (entry: Entry) => tombstone(keyOf(entry));
export const kindOf = (entry: Entry) => keyOf(entry).kind;
export const all = () => true;
