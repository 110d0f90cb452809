/** A topic in memory: records by partition, of which the oldest may expire; it may be deleted and made again. */
import type { LogEvent, Position, RecordReader } from "../../agent/kafka/log-reader.ts";
import type { IncomingRecord } from "../../agent/kafka/record-source.ts";
import { AgentError } from "../../agent/lib/errors.ts";
import type { Headers } from "../../agent/wire/headers.ts";
import type { Random } from "../support/random.ts";
import type { Process, Turns } from "./turns.ts";

export interface SimulatedRecord {
  key: string;
  headers: Headers;
  value: Buffer;
}

interface Partition {
  low: number;
  /** By offset; what has expired stays, unread. */
  records: SimulatedRecord[];
}

const topicName = "chunks";

export class SimulatedTopic {
  #generation = 1;
  #partitions: Partition[];
  /** How far the brokers' clock is ahead of the world's. */
  skewMs = 0;

  constructor(partitions: number) {
    this.#partitions = Array.from({ length: partitions }, newPartition);
  }

  get id(): string {
    return `topic-${this.#generation}`;
  }

  get partitions(): number {
    return this.#partitions.length;
  }

  low(partition: number): number {
    return this.#of(partition).low;
  }

  high(partition: number): number {
    return this.#of(partition).records.length;
  }

  append(partition: number, record: SimulatedRecord): number {
    return this.#of(partition).records.push(record) - 1;
  }

  /** Whether there is a record of the key. */
  has(key: string): boolean {
    return this.#partitions.some(({ low, records }) => records.slice(low).some((one) => one.key === key));
  }

  /** What is there of `[from, to)`. */
  records(partition: number, from: number, to: number): { offset: number; record: SimulatedRecord }[] {
    const { low, records } = this.#of(partition);
    const first = Math.max(low, from);
    return records.slice(first, to).map((record, at) => ({ offset: first + at, record }));
  }

  incoming(partition: number, offset: number): IncomingRecord {
    const record = this.#of(partition).records[offset];
    if (!record) throw new RangeError(`nothing at ${partition}@${offset}`);
    const { key, headers, value } = record;
    return {
      topic: topicName,
      partition,
      offset,
      key: Buffer.from(key),
      // As the client does: a buffer of its own each time.
      value: Buffer.from(value),
      headers,
      timestampMs: Date.now() + this.skewMs,
    };
  }

  /** Where a reader that wants an offset goes on: what is out of the log's range begins at its start. */
  inRange(partition: number, offset: number): number {
    const { low, records } = this.#of(partition);
    return offset < low || offset > records.length ? low : offset;
  }

  /** What stands before the offset has expired. */
  expire(partition: number, before: number): void {
    const of = this.#of(partition);
    of.low = Math.max(of.low, Math.min(before, of.records.length));
  }

  addPartition(): void {
    this.#partitions.push(newPartition());
  }

  /** Deleted and made again, empty, under another id. */
  remake(): void {
    this.#generation++;
    this.#partitions = this.#partitions.map(newPartition);
  }

  /** A reader beside the group. */
  open(process: Process, turns: Turns, random: Random, from: readonly Position[]): Promise<RecordReader> {
    let isClosed = false;
    const positions = new Map(from.map(({ partition, offset }) => [partition, offset]));
    const ended = new Set<number>();
    const read = (): LogEvent[] => {
      if (isClosed) throw new AgentError("the reader was closed", "retryable");
      const events: LogEvent[] = [];
      for (const [partition, wanted] of positions) {
        const offset = this.inRange(partition, wanted);
        const until = Math.min(this.high(partition), offset + 1 + random.below(8));
        for (let at = offset; at < until; at++)
          events.push({ kind: "record", record: this.incoming(partition, at) });
        positions.set(partition, until);
        if (until > offset) ended.delete(partition);
        else if (!ended.has(partition)) {
          ended.add(partition);
          events.push({ kind: "end", partition });
        }
      }
      return events;
    };
    return turns.take(process, () => ({
      read: () => turns.take(process, read),
      close: () => {
        isClosed = true;
        return turns.take(process, () => undefined);
      },
    }));
  }

  #of(partition: number): Partition {
    const of = this.#partitions[partition];
    if (!of) throw new RangeError(`no partition ${partition}`);
    return of;
  }
}

function newPartition(): Partition {
  return { low: 0, records: [] };
}
