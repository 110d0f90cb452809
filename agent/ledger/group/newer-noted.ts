/** Looking up in the ledger whether a newer version of a file was sent, where too much is known of its uploader to keep all of it. */
import type { VersionId } from "../../wire/chunk.ts";
import { wasSentWhole } from "../../wire/entry-value.ts";
import { filedKey } from "../../wire/filed-under.ts";
import type { EntryLog } from "../ledger.ts";
import { readWhole } from "../read-whole.ts";

/** Reads these partitions. Returns those of the versions of which a newer one is noted, by their uploader or by one that files
 * under the same name. Throws a `KafkaError`. */
export async function findSuperseded(
  log: EntryLog,
  partitions: readonly number[],
  wanted: readonly VersionId[],
): Promise<VersionId[]> {
  const newest = new Map(wanted.map((id) => [filedKey(id), id.version]));
  for await (const entries of readWhole(log, partitions)) {
    for (const { entry } of entries) {
      if (entry.kind !== "files") continue;
      const { uploader } = entry;
      for (const file of entry.files) {
        const key = filedKey({ uploader, path: file.path });
        const known = newest.get(key);
        if (known !== undefined && known < file.version && wasSentWhole(file)) newest.set(key, file.version);
      }
    }
  }
  return wanted.filter((id) => (newest.get(filedKey(id)) ?? 0) > id.version);
}
