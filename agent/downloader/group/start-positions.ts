/**
 * Where to begin in a partition that the group has just given to this member. The client's `auto.offset.reset`
 * never decides: what was committed does, then where the group began, then `start`.
 */
import type { Position } from "../../kafka/log-reader.ts";
import type { Reporting } from "../../observe/reporting.ts";
import type { SessionKafka } from "../parts.ts";

/** What is committed with a position: from which store, and of which topic it is. */
export interface CommitMetadata {
  store: string;
  topic: string;
}

export interface Start extends Position {
  /** The offset after the last record, at this moment. */
  end: number;
}

export interface StartOptions {
  kafka: SessionKafka;
  start: "earliest" | "latest";
  reporting: Reporting;
}

/** The positions to begin at. Throws a `KafkaError` when the brokers do not answer. */
export async function resolveStarts(options: StartOptions, partitions: readonly number[]): Promise<Start[]> {
  const { kafka, reporting } = options;
  const { group, topic } = kafka;
  if (partitions.length === 0) return [];
  const committed = new Map((await group.committed(partitions)).map((item) => [item.partition, item]));
  const bounds = new Map<number, { low: number; high: number }>();
  for (const partition of partitions) bounds.set(partition, await group.bounds(partition));
  await beginGroup(options, committed);
  return partitions.map((partition) => {
    const { low, high } = bounds.get(partition) ?? { low: 0, high: 0 };
    const before = committed.get(partition);
    const sameTopic = parseMetadata(before?.metadata)?.topic === topic.id;
    const wanted = sameTopic ? before?.offset : firstOffset(kafka, partition);
    return { partition, offset: inLog(reporting, partition, wanted, low, high), end: high };
  });
}

export function formatMetadata(metadata: CommitMetadata): string {
  return JSON.stringify(metadata);
}

/** What `formatMetadata` wrote, `undefined` for anything else. */
export function parseMetadata(text: string | undefined): CommitMetadata | undefined {
  try {
    const value: unknown = JSON.parse(text ?? "");
    if (typeof value !== "object" || value === null || !("store" in value) || !("topic" in value))
      return undefined;
    return { store: String(value.store), topic: String(value.topic) };
  } catch {
    return undefined;
  }
}

/**
 * The first member of a new group writes down where the group begins, in all partitions, whoever gets them: what was sent
 * before is ignored.
 */
async function beginGroup(
  { kafka, start }: StartOptions,
  committed: ReadonlyMap<number, { offset: number | undefined }>,
): Promise<void> {
  const { group, ledger, topic } = kafka;
  const { value, before } = ledger.state.start;
  if (value !== undefined) return;
  const isRecreated = ledger.state.recreations > 0;
  // The ledger was recreated: the group began long ago, and of a topic that is as new it wants everything.
  if (before?.topic === topic.id) {
    const began = Object.entries(before.offsets);
    return ledger.writeStart(
      topic.id,
      new Map(began.map(([partition, offset]) => [Number(partition), offset])),
    );
  }
  const hasBegun = ledger.state.hasMarks || [...committed.values()].some((item) => item.offset !== undefined);
  if (hasBegun && !isRecreated) return;
  const { partitions } = topic;
  const offsets = new Map<number, number>();
  for (let partition = 0; partition < partitions; partition++) {
    const { low, high } = await group.bounds(partition);
    offsets.set(partition, start === "latest" && !isRecreated ? high : low);
  }
  await ledger.writeStart(topic.id, offsets);
}

/** `undefined`: the log's beginning; for partitions that came later, and for a topic that was recreated. */
function firstOffset({ ledger, topic }: SessionKafka, partition: number): number | undefined {
  const began = ledger.state.start.value;
  return began?.topic === topic.id ? began.offsets[String(partition)] : undefined;
}

/** Where to go on when `wanted` is next; what has expired before that is named in the log. */
export function inLog(
  { log, observer }: Reporting,
  partition: number,
  wanted: number | undefined,
  low: number,
  high: number,
): number {
  if (wanted === undefined || wanted > high) return low;
  if (wanted >= low) return wanted;
  log.error(
    `partition ${partition}: the chunks from offset ${wanted} to ${low - 1} expired before they were read: retention is shorter than the lag`,
    { partition, from: wanted, to: low - 1 },
  );
  observer.metrics.gap(low - wanted);
  return low;
}
