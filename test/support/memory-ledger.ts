/** A ledger of one partition in memory, in order: what a test puts there, and what a view of it writes. */
import type { EntryLog, EntryReader, LoggedEntry } from "../../agent/ledger/ledger.ts";
import { Log } from "../../agent/observe/log.ts";
import type { Entry } from "../../agent/wire/entry.ts";

interface Reader {
  at: number;
  /** Something may be new. */
  wake: (() => void) | undefined;
}

interface Follower {
  follow(signal: AbortSignal, log: Log): Promise<void>;
}

export class MemoryLedger implements EntryLog {
  id = "ledger";
  readonly partitions = 1;
  readonly entries: Entry[];
  /** By whom is tested, not by the test. */
  readonly written: Entry[] = [];
  /** By the broker's clock, milliseconds since 1970: when what comes now is written. */
  brokerTimeMs = 0;
  readonly #timestampsMs: number[] = [];
  /** How often it was read from the beginning. */
  opened = 0;
  #readers: Reader[] = [];

  constructor(entries: readonly Entry[]) {
    this.entries = [...entries];
  }

  async write(entry: Entry): Promise<{ offset: number; timestampMs: number }> {
    this.written.push(entry);
    this.#put([entry]);
    return { offset: this.entries.length - 1, timestampMs: this.brokerTimeMs };
  }

  /** It is deleted and made anew, with these; resolves when everyone who follows has noticed. */
  async remake(...entries: Entry[]): Promise<void> {
    this.id += "'";
    this.entries.length = 0;
    this.entries.push(...entries);
    const before = this.opened;
    this.#wake();
    while (this.opened === before) await new Promise((resolve) => setImmediate(resolve));
    await this.allRead();
  }

  /** Somebody else writes; resolves when everyone who follows has read it. */
  async append(...entries: Entry[]): Promise<void> {
    this.#put(entries);
    await this.allRead();
  }

  async allRead(): Promise<void> {
    while (this.#readers.some(({ at }) => at < this.entries.length))
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

  async open(): Promise<EntryReader> {
    this.opened++;
    const reader: Reader = { at: 0, wake: undefined };
    this.#readers.push(reader);
    let caughtUp = this.entries.length === 0;
    const isBehind = () => reader.at < this.entries.length;
    const read = async (): Promise<LoggedEntry[]> => {
      if (!isBehind())
        await new Promise<void>((resolve) => {
          reader.wake = resolve;
        });
      const from = reader.at;
      reader.at = this.entries.length;
      caughtUp = true;
      return this.entries.slice(from).map((entry, at) => ({
        entry,
        partition: 0,
        offset: from + at,
        timestampMs: this.#timestampsMs[from + at] ?? 0,
      }));
    };
    return {
      get caughtUp() {
        return caughtUp;
      },
      read,
      close: async () => {
        this.#readers = this.#readers.filter((one) => one !== reader);
      },
    };
  }

  #put(entries: readonly Entry[]): void {
    for (const entry of entries) {
      this.#timestampsMs[this.entries.length] = this.brokerTimeMs;
      this.entries.push(entry);
    }
    this.#wake();
  }

  #wake(): void {
    for (const reader of this.#readers) reader.wake?.();
  }
}
