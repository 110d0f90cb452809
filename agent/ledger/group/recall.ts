/** Looking up in the ledger what a group has delivered, where that is not known any more. */
import { chunkKey, type VersionId } from "../../wire/chunk.ts";
import { keyOf } from "../../wire/entry.ts";
import { encodeEntryKey } from "../../wire/entry-key.ts";
import type { EntryLog } from "../ledger.ts";
import { readWhole } from "../read-whole.ts";

/** Reads these partitions for the group's `delivered` receipts of these files that stand. Throws a `KafkaError`. */
export async function findDelivered(
  log: EntryLog,
  partitions: readonly number[],
  group: string,
  wanted: readonly VersionId[],
): Promise<VersionId[]> {
  const files = new Set(wanted.map((id) => chunkKey(id)));
  const found = new Map<string, VersionId>();
  for await (const entries of readWhole(log, partitions)) {
    for (const { entry } of entries) {
      const key = keyOf(entry);
      if (key.kind !== "delivered" || key.group !== group || !files.has(chunkKey(key))) continue;
      if (entry.kind === "delivered") found.set(encodeEntryKey(key), key);
      else found.delete(encodeEntryKey(key));
    }
  }
  return [...found.values()];
}
