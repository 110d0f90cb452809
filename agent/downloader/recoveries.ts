/**
 * Reading versions again from the log: on a new machine, after a rebalance, with partials deleted, or parked until an
 * upgrade. A version's `from` says where its first chunk can be; reading goes on to where the group's own reading began.
 */
import type { KafkaConfig } from "../config/config.ts";
import { type IncomingRecord, LogReader, type Position } from "../kafka/log-reader.ts";
import type { Topic } from "../kafka/topics.ts";
import type { Log } from "../observe/log.ts";
import { chunkKey, type From } from "../wire/chunk.ts";
import { pathToDisplay } from "../wire/path.ts";
import type { Assembly } from "./assembly.ts";
import type { Partial } from "./partial.ts";

export interface RecoveryOptions {
  kafka: KafkaConfig;
  agentName: string;
  topic: Topic;
  log: Log;
  signal: AbortSignal;
  /** Takes a record that was read for a version's sake. */
  take(partial: Partial, record: IncomingRecord): Promise<void>;
  /** Told what went wrong; the session ends then. */
  fail(error: unknown): void;
}

/** The offset, exclusive, up to which to read; one a partition. */
export type Until = ReadonlyMap<number, number>;

/** Each is a client of its own, and reads beside the group's. */
const maxSideBySide = 2;

export class Recoveries {
  readonly #options: RecoveryOptions;
  readonly #waiting = new Map<Partial, Until>();
  readonly #running = new Map<Partial, Promise<void>>();

  constructor(options: RecoveryOptions) {
    this.#options = options;
  }

  /** Reads again what of a version came before `until` and is not here. One at a time for a version. */
  begin(partial: Partial, until: Until): void {
    // Offsets of other partitions would end it before it has read anything.
    if (!partial.from?.offsets.some(({ partition }) => until.has(partition))) return;
    if (this.#waiting.has(partial) || this.#running.has(partial)) return;
    this.#waiting.set(partial, until);
    this.#startNext();
  }

  /** Begins with those that have holes: what is missing there was read before a restart, or never came. */
  restored(partials: Iterable<Partial>, until: Until): void {
    for (const partial of partials) {
      const { ranges, lastSeen } = partial.missing;
      const hasHole = ranges.length > 1 || (ranges[0] !== undefined && ranges[0][1] < partial.size);
      if (hasHole || (lastSeen && ranges.length > 0)) this.begin(partial, until);
    }
  }

  /** Hands records over again that a newer agent had written and that this one may understand by now. */
  async readParked(assembly: Assembly, until: Until): Promise<void> {
    const { topic, log } = this.#options;
    const parked = assembly.unpark(until);
    if (parked.length === 0) return;
    log.info(`${parked.length} parked record${parked.length === 1 ? " is" : "s are"} read again`);
    const wanted = new Set(parked.map(({ partition, offset }) => `${partition}@${offset}`));
    const first = new Map<number, number>();
    const last = new Map<number, number>();
    for (const { partition, offset } of parked) {
      first.set(partition, Math.min(offset, first.get(partition) ?? offset));
      last.set(partition, Math.max(offset + 1, last.get(partition) ?? 0));
    }
    const offsets = [...first].map(([partition, offset]) => ({ partition, offset }));
    await this.#readAgain({ topic: topic.id, offsets }, last, async (record) => {
      if (wanted.has(`${record.partition}@${record.offset}`)) await assembly.take(record);
    });
  }

  /** Whether none is running or waiting. */
  get idle(): boolean {
    return this.#running.size + this.#waiting.size === 0;
  }

  /** Resolves when none is running or waiting any more. */
  async ended(): Promise<void> {
    while (this.#running.size > 0) await Promise.all(this.#running.values());
  }

  #startNext(): void {
    const [next] = this.#waiting;
    if (!next || this.#running.size >= maxSideBySide || this.#options.signal.aborted) return;
    const [partial, until] = next;
    this.#waiting.delete(partial);
    const running = this.#recover(partial, until)
      .catch((error: unknown) => this.#options.fail(error))
      .finally(() => {
        this.#running.delete(partial);
        this.#startNext();
      });
    this.#running.set(partial, running);
  }

  async #recover(partial: Partial, until: Until): Promise<void> {
    const { log, take } = this.#options;
    const name = pathToDisplay(chunkKey(partial.id));
    if (!partial.from) return;
    log.info(`${name}: what is missing here is read again from the log`);
    const there = await this.#readAgain(partial.from, until, (record) => take(partial, record));
    if (!there) log.warn(`${name}: its beginning was in a topic that is no longer there`);
  }

  /**
   * Hands every record from `from` up to `until` to `take`, in the log's order within a partition. Returns false when
   * the log that `from` speaks of is no longer there. Throws a `KafkaError`, and what `take` throws.
   */
  async #readAgain(
    from: From,
    until: Until,
    take: (record: IncomingRecord) => Promise<void>,
  ): Promise<boolean> {
    const { topic } = this.#options;
    if (from.topic !== topic.id) return false;
    const wanted = from.offsets.filter(({ partition, offset }) => offset < (until.get(partition) ?? 0));
    if (wanted.length > 0) await this.#read(wanted, until, take);
    return true;
  }

  async #read(
    from: readonly Position[],
    until: Until,
    take: (record: IncomingRecord) => Promise<void>,
  ): Promise<void> {
    const { topic, signal } = this.#options;
    const open = new Set(from.map(({ partition }) => partition));
    const reader = await LogReader.open(this.#options, topic.name, from);
    try {
      while (open.size > 0 && !signal.aborted) {
        for (const event of await reader.read(false)) {
          if (event.kind === "end") {
            open.delete(event.partition);
            continue;
          }
          const { partition, offset } = event.record;
          const end = until.get(partition) ?? 0;
          if (offset >= end - 1) open.delete(partition);
          if (offset < end) await take(event.record);
        }
      }
    } finally {
      await reader.close();
    }
  }
}
