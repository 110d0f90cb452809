import type { EntryKey } from "../wire/entry-key.ts";
import type { EntryLog, LoggedEntry } from "./ledger.ts";

/**
 * What is in these partitions, from their beginning to where they end by then, some entries at a time. Throws a `KafkaError`.
 *
 * @param without see `LedgerReader.read`
 */
export async function* readWhole(
  log: Pick<EntryLog, "open">,
  partitions: readonly number[],
  without?: EntryKey["kind"],
): AsyncGenerator<LoggedEntry[]> {
  const reader = await log.open(partitions);
  try {
    while (!reader.caughtUp) yield await reader.read(without);
  } finally {
    await reader.close();
  }
}

/** The numbers of all partitions. */
export function allPartitions({ partitions }: Pick<EntryLog, "partitions">): number[] {
  return Array.from({ length: partitions }, (_, partition) => partition);
}
