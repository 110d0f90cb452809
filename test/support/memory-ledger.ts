/** A ledger of one partition in memory, in order: what a test puts there, and what a view of it writes. */
import {
  type LoggedEntry,
  type OpenOptions,
  type PositionedLog,
  type PositionedReader,
  strayEntry,
} from "../../agent/ledger/ledger.ts";
import { Resumption } from "../../agent/ledger/resumption.ts";
import { Log } from "../../agent/observe/log.ts";
import { decodeEntry, type Entry, encodeEntryValue, keyOf } from "../../agent/wire/entry.ts";
import { type EntryKey, encodeEntryKey } from "../../agent/wire/entry-key.ts";
import { isStray } from "./stray.ts";

interface Reader {
  /** Of the ledger that it reads: of another one it gets nothing. */
  readonly id: string;
  at: number;
  /** Something may be new. */
  wake: (() => void) | undefined;
}

interface Follower {
  follow(signal: AbortSignal, log: Log): Promise<void>;
}

/** A reader that has read everything asks again so often. */
const idleMs = 50;

export class MemoryLedger implements PositionedLog {
  id = "ledger";
  readonly partitions = 1;
  readonly entries: Entry[];
  /** By whom is tested, not by the test. */
  readonly written: Entry[] = [];
  /** By the broker's clock, milliseconds since 1970: when what comes now is written. */
  brokerTimeMs = 0;
  readonly #timestampsMs: number[] = [];
  /** Where entries are that were meant for another ledger. */
  readonly #strays = new Set<number>();
  /** Offsets of what compaction has taken out. */
  readonly taken = new Set<number>();
  deleteRetentionMs: number | undefined;
  /** How often it was read from the beginning. */
  opened = 0;
  /** Up to this offset readers get what there is: a broker is slow to answer. */
  readable = Number.POSITIVE_INFINITY;
  #readers: Reader[] = [];

  constructor(entries: readonly Entry[]) {
    this.entries = [...entries];
  }

  async write(entry: Entry, meantFor = this.id): Promise<{ offset: number; timestampMs: number }> {
    this.written.push(entry);
    if (isStray(entry, meantFor, this.id)) this.#strays.add(this.entries.length);
    this.#put([entry]);
    return { offset: this.entries.length - 1, timestampMs: this.brokerTimeMs };
  }

  /** It is deleted and made anew, with these. */
  recreate(...entries: Entry[]): void {
    this.id += "'";
    this.entries.length = 0;
    this.#strays.clear();
    this.entries.push(...entries);
    this.#wake();
  }

  /** The same; resolves when everyone who follows has noticed. */
  async remake(...entries: Entry[]): Promise<void> {
    const before = this.opened;
    this.recreate(...entries);
    while (this.opened === before) await new Promise((resolve) => setImmediate(resolve));
    await this.allRead();
  }

  /** Somebody else writes; resolves when everyone who follows has read it. */
  async append(...entries: Entry[]): Promise<void> {
    this.#put(entries);
    await this.allRead();
  }

  async allRead(): Promise<void> {
    while (this.#readers.some((reader) => this.#isBehind(reader)))
      await new Promise((resolve) => setImmediate(resolve));
    // Once more: what was read is taken by then.
    await new Promise((resolve) => setImmediate(resolve));
  }

  /** Resolves when a follower has read all of it from the beginning, for which it must be time. */
  async readAgain(): Promise<void> {
    const before = this.opened;
    this.#wake();
    while (this.opened === before) await new Promise((resolve) => setImmediate(resolve));
    await this.allRead();
  }

  /** Lets these follow until they are disposed of. */
  follow(...followers: Follower[]): Disposable {
    const abort = new AbortController();
    const log = new Log({ level: "error", format: "text", agent: "test" });
    for (const follower of followers) void follower.follow(abort.signal, log);
    return {
      [Symbol.dispose]: () => {
        abort.abort();
        this.#wake();
      },
    };
  }

  async look(): Promise<void> {
    // Its id is the one of now at any time.
  }

  async endOf(): Promise<number> {
    return this.entries.length;
  }

  async open(_partitions?: readonly number[], { from }: OpenOptions = {}): Promise<PositionedReader> {
    if (!from) this.opened++;
    const gaps = new Resumption(from ?? []);
    const reader: Reader = { id: this.id, at: gaps.begin[0]?.offset ?? 0, wake: undefined };
    this.#readers.push(reader);
    let caughtUp = false;
    const read = async (without?: EntryKey["kind"]): Promise<LoggedEntry[]> => {
      if (!this.#readers.includes(reader)) throw new Error("the reader was closed");
      if (caughtUp && !this.#isBehind(reader)) await this.#idle(reader);
      const from = reader.at;
      const behind = this.#isBehind(reader) ? this.entries.slice(from, this.readable) : [];
      reader.at += behind.length;
      caughtUp = true;
      const news = behind.flatMap((entry, at) => {
        const timestampMs = this.#timestampsMs[from + at] ?? 0;
        if (this.taken.has(from + at)) return [];
        if (!gaps.read({ partition: 0, offset: from + at, timestampMs })) return [];
        const read = this.#strays.has(from + at) ? strayEntry(entry) : entry;
        if (read === "unknown" || keyOf(read).kind === without) return [];
        return [{ entry: throughBytes(read), partition: 0, offset: from + at, timestampMs }];
      });
      gaps.isAt(0, reader.at);
      return news;
    };
    return {
      get caughtUp() {
        return caughtUp;
      },
      takeGaps: () => gaps.takeGaps(),
      read,
      position: () => reader.at,
      close: async () => {
        this.#readers = this.#readers.filter((one) => one !== reader);
      },
    };
  }

  #isBehind({ id, at }: Reader): boolean {
    return id === this.id && at < Math.min(this.entries.length, this.readable);
  }

  #idle(reader: Reader): Promise<void> {
    return new Promise((resolve) => {
      const timer = setTimeout(resolve, idleMs);
      reader.wake = () => {
        clearTimeout(timer);
        resolve();
      };
    });
  }

  #put(entries: readonly Entry[]): void {
    for (const entry of entries) {
      this.#timestampsMs[this.entries.length] = this.brokerTimeMs;
      this.entries.push(throughBytes(entry));
    }
    this.#wake();
  }

  #wake(): void {
    for (const reader of this.#readers) reader.wake?.();
  }
}

/** As it comes out of a log: nobody's who wrote it or reads it, and what can't be an entry is none. */
function throughBytes(entry: Entry): Entry {
  const value = encodeEntryValue(entry);
  const key = encodeEntryKey(keyOf(entry));
  const read = decodeEntry(Buffer.from(key), value === null ? null : Buffer.from(value));
  if (!read) throw new Error(`no entry: ${key} ${value}`);
  return read;
}
