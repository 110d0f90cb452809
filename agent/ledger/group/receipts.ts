/** A group's receipts as they stand in the ledger, for asking for files again. */
import { chunkKey, type VersionId } from "../../wire/chunk.ts";
import { keyOf } from "../../wire/entry.ts";
import type { EntryLog } from "../ledger.ts";
import { allPartitions, readWhole } from "../read-whole.ts";
import { VersionIndex } from "./version-index.ts";

export interface Receipt {
  kind: "delivered" | "failed";
  id: VersionId;
  /** When it was written, by the brokers' clock, milliseconds since 1970. */
  timeMs: number;
}

/**
 * Reads the whole ledger. `found`: the wanted receipts, of each file's newest version; `forgotten`: those of files that
 * no uploader's entry speaks of any more. Throws a `KafkaError`.
 */
export async function findReceipts(
  ledger: EntryLog,
  group: string,
  isWanted: (receipt: Receipt) => boolean,
): Promise<{ found: Receipt[]; forgotten: Receipt[] }> {
  const newest = new VersionIndex();
  const wanted = new Map<string, Receipt>();
  for await (const entries of readWhole(ledger, allPartitions(ledger))) {
    for (const { entry, timestampMs: timeMs } of entries) {
      const key = keyOf(entry);
      if (key.kind === "file") {
        const file = chunkKey(key);
        if (entry.kind === "file") newest.set(file, entry.version);
        else newest.forget(file);
      } else if ((key.kind === "delivered" || key.kind === "failed") && key.group === group) {
        const name = `${key.kind} ${key.version} ${chunkKey(key)}`;
        const { kind, uploader, path, version } = key;
        const receipt: Receipt = { kind, id: { uploader, path, version }, timeMs };
        if (entry.kind !== "tombstone" && isWanted(receipt)) wanted.set(name, receipt);
        else wanted.delete(name);
      }
    }
  }
  const versionOf = (receipt: Receipt) => newest.get(chunkKey(receipt.id));
  const receipts = [...wanted.values()];
  return {
    found: receipts.filter((receipt) => versionOf(receipt) === receipt.id.version),
    forgotten: receipts.filter((receipt) => versionOf(receipt) === undefined),
  };
}
