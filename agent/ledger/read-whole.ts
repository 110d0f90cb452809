import type { EntryKey } from "../wire/entry-key.ts";
import type { EntryLog, LoggedEntry } from "./ledger.ts";
import { RecreatedError } from "./recreated-error.ts";

/**
 * What is in these partitions, from their beginning to where they end by then, some entries at a time. Throws a `KafkaError`.
 *
 * @param without see `LedgerReader.read`
 * @param fetchBytes see `ReaderOptions`
 */
export async function* readWhole(
  log: Pick<EntryLog, "id" | "open">,
  partitions: readonly number[],
  without?: EntryKey["kind"],
  fetchBytes?: number,
): AsyncGenerator<LoggedEntry[]> {
  const { id } = log;
  const reader = await log.open(partitions, { fetchBytes });
  try {
    while (!reader.caughtUp) {
      requireSame(log, id);
      yield await reader.read(without);
    }
  } finally {
    await reader.close();
  }
}

/** Throws a `RecreatedError` when the ledger is not the one of this id any more: what is waited for may never come. */
export function requireSame(log: Pick<EntryLog, "id">, id: string): void {
  if (log.id !== id) throw new RecreatedError("reading the ledger");
}

/** The numbers of all partitions. */
export function allPartitions({ partitions }: Pick<EntryLog, "partitions">): number[] {
  return Array.from({ length: partitions }, (_, partition) => partition);
}
