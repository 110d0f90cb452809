/** Looking up in the ledger what a group has delivered, where that is not known any more. */
import { chunkKey, type VersionId } from "../../wire/chunk.ts";
import { keyOf } from "../../wire/entry.ts";
import { encodeEntryKey } from "../../wire/entry-key.ts";
import type { EntryLog } from "../ledger.ts";

/** Reads these partitions for the group's `delivered` receipts of these files that stand. Throws a `KafkaError`. */
export async function findDelivered(
  log: EntryLog,
  partitions: readonly number[],
  group: string,
  wanted: readonly VersionId[],
): Promise<VersionId[]> {
  const files = new Set(wanted.map((id) => chunkKey(id)));
  const found = new Map<string, VersionId>();
  const reader = await log.open(partitions);
  try {
    while (!reader.caughtUp) {
      for (const { entry } of await reader.read()) {
        const key = keyOf(entry);
        if (key.kind !== "delivered" || key.group !== group || !files.has(chunkKey(key))) continue;
        if (entry.kind === "delivered") found.set(encodeEntryKey(key), key);
        else found.delete(encodeEntryKey(key));
      }
    }
  } finally {
    await reader.close();
  }
  return [...found.values()];
}
