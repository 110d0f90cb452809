/** Looking up in the ledger which newer versions of files were sent, where nothing in memory has that. */
import { chunkKey, type VersionId } from "../../wire/chunk.ts";
import { wasSentWhole } from "../../wire/entry-value.ts";
import { filedKey } from "../../wire/filed-under.ts";
import type { EntryLog } from "../ledger.ts";
import { readWhole } from "../read-whole.ts";

/** A version that was sent whole, by its uploader's last word on the path. */
export interface NewestNoted extends VersionId {
  /** Of the chunks. */
  partition: number;
}

/**
 * Reads these partitions. Returns of each of the files what was sent of it last, by its uploader and by each that files under the same
 * name, where that is newer than the version. Throws a `KafkaError`.
 */
export async function newerNoted(
  log: EntryLog,
  partitions: readonly number[],
  wanted: readonly VersionId[],
): Promise<NewestNoted[]> {
  const oldest = new Map<string, number>();
  for (const id of wanted) {
    const key = filedKey(id);
    oldest.set(key, Math.min(id.version, oldest.get(key) ?? id.version));
  }
  const newest = new Map<string, NewestNoted>();
  for await (const entries of readWhole(log, partitions)) {
    for (const { entry } of entries) {
      if (entry.kind !== "files") continue;
      const { uploader } = entry;
      for (const file of entry.files) {
        const { path, version } = file;
        if (!wasSentWhole(file) || !(version > (oldest.get(filedKey({ uploader, path })) ?? version)))
          continue;
        const key = chunkKey({ uploader, path });
        if ((newest.get(key)?.version ?? 0) < version)
          newest.set(key, { uploader, path, version, partition: file.partition });
      }
    }
  }
  return [...newest.values()];
}

/** Those of the versions of which one of the others is newer. @param keyOf what of one file has in common */
export function olderThan<Id extends VersionId>(
  ids: readonly Id[],
  others: readonly VersionId[],
  keyOf: (file: VersionId) => string,
): Id[] {
  const newest = new Map<string, number>();
  for (const other of others)
    newest.set(keyOf(other), Math.max(other.version, newest.get(keyOf(other)) ?? 0));
  return ids.filter((id) => (newest.get(keyOf(id)) ?? 0) > id.version);
}
