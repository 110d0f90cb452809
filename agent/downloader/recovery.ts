/**
 * Reading a version again from the log: on a new machine, after a rebalance, with partials deleted, or parked until
 * an upgrade. `from` says where its first chunk can be; reading goes on to where the group's own reading began.
 */
import type { KafkaConfig } from "../config/config.ts";
import { type IncomingRecord, LogReader } from "../kafka/log-reader.ts";
import type { Topic } from "../kafka/topics.ts";
import type { Log } from "../observe/log.ts";
import type { From } from "../wire/chunk.ts";

export interface RecoveryOptions {
  kafka: KafkaConfig;
  agentName: string;
  topic: Topic;
  log: Log;
  signal: AbortSignal;
}

/**
 * Hands every record from `from` up to the offsets in `until` (exclusive, one a partition) to `take`, in the log's
 * order within a partition. Returns false when the log that `from` speaks of is no longer there. Throws a
 * `KafkaError`, and what `take` throws.
 */
export async function readAgain(
  options: RecoveryOptions,
  from: From,
  until: ReadonlyMap<number, number>,
  take: (record: IncomingRecord) => Promise<void>,
): Promise<boolean> {
  const { topic, signal } = options;
  if (from.topic !== topic.id) return false;
  const wanted = from.offsets.filter(({ partition, offset }) => offset < (until.get(partition) ?? 0));
  if (wanted.length === 0) return true;
  const open = new Set(wanted.map(({ partition }) => partition));
  const reader = await LogReader.open(options, topic.name, wanted);
  try {
    while (open.size > 0 && !signal.aborted) {
      for (const event of await reader.read()) {
        if (event.kind === "end") {
          open.delete(event.partition);
          continue;
        }
        const end = until.get(event.record.partition) ?? 0;
        if (event.record.offset >= end - 1) open.delete(event.record.partition);
        if (event.record.offset < end) await take(event.record);
      }
    }
  } finally {
    await reader.close();
  }
  return true;
}
