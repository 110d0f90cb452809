/** The ledger in memory: entries as bytes in partitions, written in order, read from the beginning, compacted now and then. */
import type { Position } from "../../agent/kafka/log-reader.ts";
import {
  type LoggedEntry,
  type PositionedReader,
  strayEntry,
  type UploaderLog,
} from "../../agent/ledger/ledger.ts";
import { RecreatedError } from "../../agent/ledger/recreated-error.ts";
import { Resumption } from "../../agent/ledger/resumption.ts";
import { AgentError } from "../../agent/lib/errors.ts";
import { chunkKey } from "../../agent/wire/chunk.ts";
import { decodeEntry, type Entry, encodeEntryValue, keyOf } from "../../agent/wire/entry.ts";
import { type EntryKey, encodeEntryKey, partitionOfEntry } from "../../agent/wire/entry-key.ts";
import type { FileValue } from "../../agent/wire/entry-value.ts";
import type { Random } from "../support/random.ts";
import { isStray } from "../support/stray.ts";
import type { FollowedTopic } from "./followed-topic.ts";
import type { Process, Turns } from "./turns.ts";

interface Stored {
  offset: number;
  timestampMs: number;
  key: string;
  /** null: a tombstone. */
  value: string | null;
  /** The ledger that it is meant for. */
  meantFor: string;
}

/** Told of each entry before it is there; `isStray`: it is meant for another ledger, and counts for nothing. */
export type LedgerWatcher = (process: Process, entry: Entry, isStray: boolean, offset: number) => void;

/** The brokers deny somebody the right to write. */
export class RefusedError extends AgentError {
  constructor() {
    super("writing to the ledger: the brokers deny this user the topic", "permanent");
  }
}

const retryMs = 200;
/** More than the brokers' clock is set forth and back, beside half of it. */
const deleteRetentionMs = 14 * 3600_000;
/** A reader that has read everything asks again so often. */
const idleMs = 2000;

export class SimulatedLedger {
  readonly #turns: Turns;
  readonly #random: Random;
  readonly #watcher: LedgerWatcher;
  #partitions: Stored[][];
  #nextOffsets: number[];
  /** What was written to ledgers that are no more. */
  #writtenBefore = 0;
  #generation = 1;
  /** Where each reader is, by partition: what it has not read of tombstones stays. */
  readonly #readers = new Set<{ process: Process; positions: Map<number, number>; isByName: boolean }>();
  /** How far the brokers' clock is ahead of the world's. */
  skewMs = 0;
  /** By so much downloaders take themselves to have read more than they have. */
  positionsAhead = 0;
  /** Until then downloaders may not write. */
  refusedUntilMs = 0;
  readonly #mayBeRefused: (process: Process) => boolean;
  /** What each process has handed over and the brokers have not got: in order. */
  readonly #queues = new Map<Process, Promise<unknown>>();

  /** @param mayBeRefused whether it is a downloader's */
  constructor(
    partitions: number,
    turns: Turns,
    random: Random,
    watcher: LedgerWatcher,
    mayBeRefused: (process: Process) => boolean,
  ) {
    this.#mayBeRefused = mayBeRefused;
    this.#turns = turns;
    this.#random = random;
    this.#watcher = watcher;
    this.#partitions = Array.from({ length: partitions }, () => []);
    this.#nextOffsets = this.#partitions.map(() => 0);
  }

  /** The newest value under each key; tombstones are left out. */
  entries(): Map<string, Entry> {
    const newest = new Map<string, Entry>();
    for (const { key, value } of this.#ofThisLedger()) {
      const entry = decode(key, value);
      // In the order in which they were written last.
      newest.delete(key);
      if (entry && entry.kind !== "tombstone") newest.set(key, entry);
    }
    return newest;
  }

  /** When the newest value under a key was written, by the brokers' clock, milliseconds since 1970. */
  writtenAtMs(name: string): number | undefined {
    return this.#ofThisLedger().findLast(({ key }) => key === name)?.timestampMs;
  }

  /** What uploaders say of their files, by the files' keys: of each what was said last, in a batch that stands. */
  files(): Map<string, FileValue> {
    const files = new Map<string, FileValue>();
    for (const entry of this.entries().values())
      if (entry.kind === "files")
        for (const { path, ...value } of entry.files)
          files.set(chunkKey({ uploader: entry.uploader, path }), value);
    return files;
  }

  /** Number of all entries ever written: it has changed when something is new. */
  get writtenCount(): number {
    return this.#nextOffsets.reduce((sum, offset) => sum + offset, this.#writtenBefore);
  }

  /** It is deleted and made anew, empty. Whoever reads the old one gets nothing any more, or what is in the new one. */
  remake(): void {
    this.#writtenBefore = this.writtenCount;
    this.#generation++;
    this.#partitions = this.#partitions.map(() => []);
    this.#nextOffsets = this.#nextOffsets.map(() => 0);
    for (const reader of this.#readers) {
      if (!reader.isByName) this.#readers.delete(reader);
      // Where it was is beyond the end: it begins anew.
      else for (const partition of reader.positions.keys()) reader.positions.set(partition, 0);
    }
  }

  get id(): string {
    return `ledger-${this.#generation}`;
  }

  get partitions(): number {
    return this.#partitions.length;
  }

  /** Where a partition ends. */
  high(partition: number): number {
    return this.#nextOffsets[partition] ?? 0;
  }

  /** @param topic as the process knows it, which may be out of date for a while: its readers go on in the one that there is */
  for(process: Process, topic?: FollowedTopic): UploaderLog {
    const id = topic && (() => topic.value.id);
    const presentId = () => this.id;
    const { partitions } = this;
    return {
      get id() {
        return (id ?? presentId)();
      },
      name: "ledger",
      partitions,
      partitionOf: (key) => partitionOfEntry(key, partitions),
      endOf: (partition) => this.#turns.take(process, () => this.high(partition)),
      look: async () => topic?.look(),
      writable: async () => undefined,
      retrying: (_what, attempt) => this.#retrying(process, attempt),
      write: (entry, meantFor = (id ?? presentId)()) => this.#write(process, entry, meantFor),
      deleteRetentionMs,
      open: (some, options) => this.#open(process, some, id, options?.from),
    };
  }

  async #retrying<T>(process: Process, attempt: () => Promise<T>): Promise<T> {
    for (;;) {
      try {
        return await attempt();
      } catch (error) {
        if (!(error instanceof RecreatedError)) throw error;
        await this.#turns.take(process, () => undefined, {
          ready: () => false,
          untilMs: this.#turns.nowMs + retryMs,
        });
      }
    }
  }

  /** Keeps the newest entry of each key; tombstones as long as somebody may have to read them: who was killed as well, for a while. */
  compact(): void {
    const isKept = (timestampMs: number) => Date.now() + this.skewMs - timestampMs < deleteRetentionMs;
    for (const [partition, stored] of this.#partitions.entries()) {
      const newest = new Map(stored.map(({ key, offset }) => [key, offset]));
      const readTo = Math.min(
        ...[...this.#readers]
          .filter(({ process }) => process.alive)
          .map(({ positions }) => positions.get(partition) ?? Number.POSITIVE_INFINITY),
      );
      this.#partitions[partition] = stored.filter(
        ({ key, value, offset, timestampMs }) =>
          newest.get(key) === offset && (value !== null || offset >= readTo || isKept(timestampMs)),
      );
    }
  }

  /** In order; a kill loses what the brokers have not got, or only the news that they have. */
  #write(process: Process, entry: Entry, meantFor: string): Promise<{ offset: number; timestampMs: number }> {
    const key = encodeEntryKey(keyOf(entry));
    const value = encodeEntryValue(entry);
    const partition = partitionOfEntry(keyOf(entry), this.#partitions.length);
    const isRefused = () => this.#turns.nowMs < this.refusedUntilMs;
    const append = () => {
      if (isRefused() && this.#mayBeRefused(process)) throw new RefusedError();
      const offset = this.#nextOffsets[partition] ?? 0;
      this.#watcher(process, entry, isStray(entry, meantFor, this.id), offset);
      this.#nextOffsets[partition] = offset + 1;
      const timestampMs = Date.now() + this.skewMs;
      this.#partitions[partition]?.push({ offset, timestampMs, key, value, meantFor });
      return { offset, timestampMs };
    };
    // Others wait until they may.
    const allowed = { ready: () => !isRefused(), untilMs: this.refusedUntilMs };
    const wait = this.#mayBeRefused(process) ? undefined : allowed;
    const before = this.#queues.get(process) ?? Promise.resolve();
    const written = before.catch(() => undefined).then(() => this.#turns.take(process, append, wait));
    this.#queues.set(process, written);
    return written.then((acknowledged) => this.#turns.take(process, () => acknowledged));
  }

  #open(
    process: Process,
    partitions: readonly number[],
    id?: () => string,
    from: readonly Position[] = partitions.map((partition) => ({ partition, offset: 0 })),
  ): Promise<PositionedReader> {
    const isByName = id !== undefined;
    const ledgerId = id?.() ?? this.id;
    return this.#turns.take(process, () => {
      const gaps = new Resumption(from);
      const positions = new Map(gaps.begin.map(({ partition, offset }) => [partition, offset]));
      const ahead = this.#mayBeRefused(process) ? this.positionsAhead : 0;
      const self = { process, positions, isByName };
      this.#readers.add(self);
      let caughtUp = false;
      const generation = this.#generation;
      const isOld = () => !isByName && generation !== this.#generation;
      const isBehind = () =>
        !isOld() && partitions.some((one) => (positions.get(one) ?? 0) < (this.#nextOffsets[one] ?? 0));
      let isClosed = false;
      const read = (without?: EntryKey["kind"]) => {
        if (isClosed) throw new AgentError("the reader was closed", "retryable");
        const entries = (isOld() ? [] : partitions).flatMap((partition) =>
          this.#readSome(partition, positions, ledgerId, gaps),
        );
        if (!isBehind()) caughtUp = true;
        return entries.filter(({ entry }) => keyOf(entry).kind !== without);
      };
      return {
        get caughtUp() {
          return caughtUp;
        },
        takeGaps: () => gaps.takeGaps(),
        position: (partition) => (positions.get(partition) ?? 0) + ahead,
        read: (without) => {
          const wait = { ready: () => isClosed || isBehind(), untilMs: this.#turns.nowMs + idleMs };
          return this.#turns.take(process, () => read(without), caughtUp ? wait : undefined);
        },
        close: () => {
          isClosed = true;
          this.#readers.delete(self);
          return this.#turns.take(process, () => undefined);
        },
      };
    });
  }

  /** Without what was meant for another one. */
  #ofThisLedger(): Stored[] {
    return this.#partitions.flat().filter(({ key, value, meantFor }) => {
      const entry = decode(key, value);
      return !entry || !isStray(entry, meantFor, this.id);
    });
  }

  #readSome(
    partition: number,
    positions: Map<number, number>,
    ledgerId: string,
    gaps: Resumption,
  ): LoggedEntry[] {
    const from = positions.get(partition) ?? 0;
    const behind = this.#partitions[partition]?.filter(({ offset }) => offset >= from) ?? [];
    const some = behind.slice(0, 1 + this.#random.below(20));
    positions.set(
      partition,
      some.length < behind.length ? (some.at(-1)?.offset ?? 0) + 1 : (this.#nextOffsets[partition] ?? 0),
    );
    const news = some.filter(({ offset, timestampMs }) => gaps.read({ partition, offset, timestampMs }));
    gaps.isAt(partition, positions.get(partition) ?? 0);
    return news.flatMap(({ key, value, offset, timestampMs, meantFor }) => {
      const decoded = decode(key, value);
      const entry = decoded && isStray(decoded, meantFor, ledgerId) ? strayEntry(decoded) : decoded;
      return entry && entry !== "unknown" ? [{ entry, partition, offset, timestampMs }] : [];
    });
  }
}

function decode(key: string, value: string | null): Entry | undefined {
  return decodeEntry(Buffer.from(key), value === null ? null : Buffer.from(value));
}
