/**
 * Reads versions again from the log: on a new machine, after a rebalance, with partials deleted, after a corrupt chunk, or
 * when there is room at last. A version's `from` says where its first chunk can be. All that wait are read together, so a
 * thousand lost partials cost one reading of the log and not a thousand.
 */
import type { Position, RecordReader } from "../../kafka/log-reader.ts";
import type { IncomingRecord } from "../../kafka/record-source.ts";
import { garbageOf, leaveGarbage } from "../../lib/garbage.ts";
import { chunkKey, type VersionId } from "../../wire/chunk.ts";

/** Why a version is read again: its chunks speak of earlier ones, or the ledger says that it was sent. */
export type Reason = "gap" | "sent";

/** A version to read again: in each of these partitions from an offset up to another, exclusive. */
export interface Wanted {
  id: VersionId;
  parts: readonly Part[];
  reason: Reason;
}

export interface Part {
  partition: number;
  from: number;
  until: number;
}

/** Where the records go that are read again. */
export interface ReplayTarget {
  /**
   * Takes in a record whose key is that of a wanted version, `version` says which; undefined: it was parked. Returns whether
   * it was missing.
   */
  acceptAgain(record: IncomingRecord, version: number | undefined): Promise<boolean>;
  /** Resolves when what was accepted is on its way to the disk no more. */
  settled(): Promise<void>;
}

/** Who is told of each reading. */
export interface ReplayListener {
  /** These versions are being read from now on. */
  began(batch: Iterable<Wanted>): void;
  /** They were read. @param brought files of which something was missing, and came */
  ended(batch: Iterable<Wanted>, brought: ReadonlySet<string>, tookMs: number): void;
}

export interface ReplayOptions {
  /** Opens a reader of the topic beside the group's own. */
  open(from: readonly Position[]): Promise<RecordReader>;
  target: ReplayTarget;
  listener: ReplayListener;
  signal: AbortSignal;
  now(): number;
  /** Told what went wrong; the session ends then. */
  fail(error: unknown): void;
}

/** By file. */
type Batch = ReadonlyMap<string, Wanted>;

/** Each is a client of its own, and reads beside the group's. */
const maxSideBySide = 2;
/** Offsets between two wanted parts that are rather read than jumped over. */
const smallGap = 1000;

export class LogReplay {
  readonly #options: ReplayOptions;
  #waiting = new Map<string, Wanted>();
  /** What is being read, a batch a reader. */
  readonly #running = new Map<Batch, Promise<void>>();

  constructor(options: ReplayOptions) {
    this.#options = options;
  }

  /**
   * Has the version read again, from the next `start` on, unless it is being read or there is nowhere to read. Returns whether
   * it is read.
   */
  request(wanted: Wanted): boolean {
    if (this.isReading(wanted.id)) return true;
    const parts = wanted.parts.filter(({ from, until }) => from < until);
    if (parts.length === 0) return false;
    this.#waiting.set(chunkKey(wanted.id), { ...wanted, parts });
    return true;
  }

  isReading(id: VersionId): boolean {
    const key = chunkKey(id);
    const isThis = (batch: Batch) => batch.get(key)?.id.version === id.version;
    return isThis(this.#waiting) || [...this.#running.keys()].some(isThis);
  }

  /**
   * Reads all that is in these parts again: a newer agent may have written it, and this one may understand it by now.
   *
   * @param whenRead called when all of it was read and is placed
   */
  readAll(parts: readonly Part[], whenRead: () => void): void {
    if (parts.length > 0) this.#run(new Map(), parts, undefined, whenRead);
  }

  get idle(): boolean {
    return this.#running.size + this.#waiting.size === 0;
  }

  /** Resolves when none is running any more. */
  async ended(): Promise<void> {
    while (this.#running.size > 0) await Promise.all(this.#running.values());
  }

  /** Starts reading what was requested since the last call: together, so that a thousand versions cost one reading. */
  start(): void {
    if (this.#waiting.size === 0 || this.#running.size >= maxSideBySide || this.#options.signal.aborted)
      return;
    const batch = this.#waiting;
    this.#waiting = new Map();
    const parts = [...batch.values()].flatMap((wanted) => wanted.parts);
    this.#run(batch, parts, batch);
  }

  #run(batch: Batch, parts: readonly Part[], only: Batch | undefined, whenRead?: () => void): void {
    const { signal, now, listener } = this.#options;
    const beganMs = now();
    const brought = new Set<string>();
    listener.began(batch.values());
    const running = this.#read(merge(parts), only, brought)
      .then(() => {
        listener.ended(batch.values(), brought, now() - beganMs);
        if (!signal.aborted) whenRead?.();
      })
      .catch((error: unknown) => this.#options.fail(error))
      .finally(() => {
        this.#running.delete(batch);
        this.start();
      });
    this.#running.set(batch, running);
  }

  /**
   * @param only the versions that are wanted; undefined: all there are
   * @param brought gets the files of which something came that was missing
   */
  async #read(parts: Part[][], only: Batch | undefined, brought: Set<string>): Promise<void> {
    // A reader goes forward only: where a partition has several parts that are far apart, one after the other.
    for (let round = 0; parts.some((ofOne) => ofOne[round]); round++)
      await this.#readParts(
        parts.flatMap((ofOne) => ofOne[round] ?? []),
        only,
        brought,
      );
    await this.#options.target.settled();
  }

  /** @param parts one a partition at most */
  async #readParts(parts: readonly Part[], only: Batch | undefined, brought: Set<string>): Promise<void> {
    const { open, target, signal } = this.#options;
    const until = new Map(parts.map((part) => [part.partition, part.until]));
    const reader = await open(parts.map(({ partition, from }) => ({ partition, offset: from })));
    try {
      while (until.size > 0 && !signal.aborted) {
        for (const event of await reader.read(false)) {
          if (signal.aborted) return;
          if (event.kind === "end") {
            until.delete(event.partition);
            continue;
          }
          const { partition, offset, key, headers } = event.record;
          const end = until.get(partition) ?? 0;
          const file = key?.toString("utf8") ?? "";
          const wanted = only?.get(file);
          const isWanted = offset < end && (wanted || (!only && headers));
          // Also what nobody wants has been in memory. It leaves little more than itself, and may be most of the log.
          leaveGarbage(isWanted ? garbageOf.record : garbageOf.foreign);
          if (offset >= end - 1) until.delete(partition);
          if (offset >= end) continue;
          if ((wanted || !only) && (await target.acceptAgain(event.record, wanted?.id.version)))
            brought.add(file);
        }
      }
    } finally {
      await reader.close();
    }
  }
}

/** The parts of each partition, in order, those that overlap or nearly touch made one. */
function merge(parts: readonly Part[]): Part[][] {
  const byPartition = new Map<number, Part[]>();
  for (const part of [...parts].sort((a, b) => a.from - b.from)) {
    const merged = byPartition.getOrInsert(part.partition, []);
    const last = merged.at(-1);
    if (last && part.from <= last.until + smallGap) last.until = Math.max(last.until, part.until);
    else merged.push({ ...part });
  }
  return [...byPartition.values()];
}
