/**
 * Taking a group out of the ledger: its receipts, and last where it began. As long as that is there, a group that comes back in the
 * middle, or after a crash, is one that has begun, and is asked for what it has no receipts of any more; it gets some files again,
 * and none of before its beginning.
 *
 * Not promised: anything for a group that works meanwhile. To it each tombstone of a receipt asks for the file again.
 */
import type { Tombstone } from "../../wire/entry.ts";
import { type EntryKey, isOfGroups, partitionOfEntry } from "../../wire/entry-key.ts";
import type { EntryLog } from "../ledger.ts";
import { allPartitions } from "../read-whole.ts";
import { takeOut } from "./take-out.ts";

/**
 * Returns how many entries were taken out. Throws a `RecreatedError` when the ledger becomes another one, and see `Ledger.write`.
 *
 * @param requireIdle throws when a member of the group works
 */
export async function forgetGroup(
  log: EntryLog,
  group: string,
  requireIdle: () => Promise<void>,
): Promise<number> {
  const { id } = log;
  const options = { log, write: (entry: Tombstone) => log.write(entry, id), mayGoOn: requireIdle };
  const isOurs = (key: EntryKey) => isOfGroups(key) && key.group === group;
  const receipts = await takeOut({ ...options, partitions: allPartitions(log) }, [
    // First: without the receipt of a failure a mark may say that the group has the file.
    (key) => isOurs(key) && key.kind === "done",
    (key) => isOurs(key) && key.kind !== "done" && key.kind !== "start",
  ]);
  const start = { kind: "start", group } as const;
  const partitions = [partitionOfEntry(start, log.partitions)];
  const rest = await takeOut({ ...options, partitions }, [isOurs]);
  return receipts + rest;
}
