/** The ledger for many uploaders of one process: they write as ever, and one reading of it is for all of them. */
import type { Ledger, LoggedEntry, PositionedReader, UploaderLog } from "../../agent/ledger/ledger.ts";
import { retry } from "../../agent/lib/retry.ts";
import type { Log } from "../../agent/observe/log.ts";
import { keyOf } from "../../agent/wire/entry.ts";
import type { EntryKey } from "../../agent/wire/entry-key.ts";

/** As long as a reader on Kafka waits for news. */
const idleMs = 500;

/** What was read of one partition, and who waits for more. */
class Partition {
  readonly entries: LoggedEntry[] = [];
  /** Up to this offset all was read. */
  position = 0;
  #news = Promise.withResolvers<void>();

  tell(): void {
    this.#news.resolve();
    this.#news = Promise.withResolvers();
  }

  async wait(): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    const timer = setTimeout(resolve, idleMs);
    await Promise.race([promise, this.#news.promise]);
    clearTimeout(timer);
  }
}

export class SharedReading {
  readonly #reader: PositionedReader;
  readonly #partitions: readonly Partition[];

  private constructor(reader: PositionedReader, partitions: readonly Partition[]) {
    this.#reader = reader;
    this.#partitions = partitions;
  }

  static async open(ledger: Ledger): Promise<SharedReading> {
    const numbers = Array.from({ length: ledger.partitions }, (_, number) => number);
    return new SharedReading(
      await ledger.open(numbers),
      numbers.map(() => new Partition()),
    );
  }

  /** Reads on until the signal fires, whatever becomes of the brokers. */
  async follow(signal: AbortSignal, log: Log): Promise<void> {
    while (!signal.aborted) {
      const read = () => this.#reader.read();
      const entries = await retry({ what: "reading the ledger for all", signal, log }, read).catch(() => []);
      for (const logged of entries) this.#partitions[logged.partition]?.entries.push(logged);
      for (const [number, partition] of this.#partitions.entries()) {
        const position = Math.max(0, this.#reader.position(number));
        if (position === partition.position && !entries.some((one) => one.partition === number)) continue;
        partition.position = position;
        partition.tell();
      }
    }
    await this.#reader.close();
  }

  /** A place of its own in a partition, from its beginning. */
  view(number: number): PositionedReader {
    const partition = this.#partitions[number];
    if (!partition) throw new RangeError(`no partition ${number}`);
    const reader = this.#reader;
    let at = 0;
    const isBehind = () => at < partition.entries.length;
    return {
      get caughtUp() {
        return reader.caughtUp && !isBehind();
      },
      position: () => (isBehind() ? (partition.entries[at]?.offset ?? 0) : partition.position),
      read: async (without?: EntryKey["kind"]) => {
        if (!isBehind()) await partition.wait();
        const news = partition.entries.slice(at);
        at += news.length;
        return news.filter(({ entry }) => keyOf(entry).kind !== without);
      },
      close: async () => undefined,
    };
  }
}

/** What one of them works with. */
export function sharedLedger(ledger: Ledger, reading: SharedReading): UploaderLog {
  return {
    get id() {
      return ledger.id;
    },
    get name() {
      return ledger.name;
    },
    get partitions() {
      return ledger.partitions;
    },
    partitionOf: (key) => ledger.partitionOf(key),
    write: (entry, meantFor) => ledger.write(entry, meantFor),
    writable: () => ledger.writable(),
    endOf: (partition) => ledger.endOf(partition),
    look: () => ledger.look(),
    retrying: (what, attempt) => ledger.retrying(what, attempt),
    open: async ([partition = 0]) => reading.view(partition),
  };
}
