/** Entries of a group's ledger: of a few files, each with a few versions. */
import type { GroupState } from "../../agent/ledger/group/group-state.ts";
import type { VersionId } from "../../agent/wire/chunk.ts";
import { type Entry, type FilesEntry, keyOf, tombstone } from "../../agent/wire/entry.ts";
import type { FileValue, NotedFile } from "../../agent/wire/entry-value.ts";

export const file = { uploader: "till", path: "a.txt" };
export const first: VersionId = { ...file, version: 100 };
export const second: VersionId = { ...file, version: 200 };
export const other: VersionId = { uploader: "till", path: "b.txt", version: 150 };
export const checksum = "md5:5d41402abc4b2a76b9719d911017c592";
export const time = "2025-04-15T18:30:49.202Z";

export function noted(
  { uploader, path, version }: VersionId,
  state: FileValue["state"] = "sent",
): FilesEntry {
  const times = { mtime: "0", ctime: "0", inode: "1" };
  const where = { topic: "topic", partition: 0, offset: 7 };
  return filesEntry(uploader, { path, version, state, size: 5, ...times, ...where, checksum });
}

/** Above that of any holder. */
export const anyEpoch = 2 ** 40;

/** A batch of these, in a slot that only batches of the first one's path stand in. */
export function filesEntry(uploader: string, ...files: [NotedFile, ...NotedFile[]]): FilesEntry {
  const slot = Bun.hash.crc32(files[0].path);
  const next = Math.max(...files.map(({ version }) => version)) + 1;
  return { kind: "files", uploader, epoch: anyEpoch, slot, format: 1, open: [], next, files };
}
/** A mark that says it of this version, noted or not, and of nothing else. */
export const delivered = ({ uploader, path, version }: VersionId): Entry => ({
  ...{ kind: "done", group: "group", uploader, partition: 0 },
  ...{ format: 1, to: 0, at: 0, but: [], also: [], by: {}, time },
  early: [{ path, version, size: 5, checksum }],
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
/** The group's wish to have it again. */
export const again = (id: VersionId): Entry => ({ kind: "again", group: "group", ...id, format: 1, time });
export const without = (entry: Entry) => tombstone(keyOf(entry));
export const kindOf = (entry: Entry) => keyOf(entry).kind;
export const all = () => true;

/** As a downloader has it that has stored what `noted` speaks of. */
export const stored = (id: VersionId) => ({ id, partition: 0, content: { size: 5, checksum, mtime: "0" } });
export const store = { id: "5f0c12ab34cd", number: 17 };

/** Versions that are to be delivered. */
export const unsettledOf = ({ state }: { state: Pick<GroupState, "unsettled"> }) =>
  [...state.unsettled()].map(({ version }) => version);
/** Of what was written. */
export const marksOf = ({ written }: { readonly written: readonly Entry[] }) =>
  written.filter((entry) => entry.kind === "done");
