/** The ledger's partition that an uploader's entries are in, and what groups write about its files: reading it. */
import type { Entry } from "../../wire/entry.ts";
import type { LoggedEntry, PositionedReader, UploaderLog } from "../ledger.ts";
import { requireSame } from "../read-whole.ts";

export class OwnPartition {
  readonly #ledger: UploaderLog;
  readonly #uploader: string;
  /** Of the ledger as it was opened: one that is recreated may have another number of them. */
  #number = 0;
  readonly #apply: (logged: LoggedEntry) => void;
  #reader: PositionedReader | undefined;
  /** Of the ledger that it is a reader of. */
  #ledgerId = "";
  #reading: Promise<void> | undefined;
  #position = 0;
  /** Set once the uploader is the only writer of its files' entries: they cost nothing to read then. */
  skipsFiles = false;

  constructor(ledger: UploaderLog, uploader: string, apply: (logged: LoggedEntry) => void) {
    this.#ledger = ledger;
    this.#uploader = uploader;
    this.#apply = apply;
  }

  /** From now on it is read from its beginning. Throws a `KafkaError`. */
  async open(): Promise<void> {
    await this.close();
    this.#ledgerId = this.#ledger.id;
    this.#number = this.#ledger.partitionOf({ kind: "name", uploader: this.#uploader });
    this.#reader = await this.#ledger.open([this.#number]);
    this.#position = 0;
  }

  /** Of the ledger that is read. */
  get ledgerId(): string {
    return this.#ledgerId;
  }

  /**
   * Writes an entry for a ledger; in another one it counts for nothing. See `Ledger.write`.
   *
   * @param ledgerId of that one; without it: the one that is read
   */
  write(entry: Entry, ledgerId = this.#ledgerId): Promise<{ offset: number; timestampMs: number }> {
    return this.#ledger.write(entry, ledgerId);
  }

  /** Looks whether the ledger is still the one that is read. Throws a `RecreatedError` when it is not, and an `AgentError`. */
  async requireSame(): Promise<void> {
    const id = this.#ledgerId;
    await this.#ledger.look();
    requireSame(this.#ledger, id);
  }

  /** Reads on until it has been read to its end once since it was opened. Throws a `KafkaError`; see `requireSame`. */
  async readWhole(): Promise<void> {
    while (!this.#reader?.caughtUp) {
      requireSame(this.#ledger, this.#ledgerId);
      await this.readOn();
    }
  }

  /** Reads on, waiting a moment; all who want to read share it. Throws a `KafkaError`. */
  readOn(): Promise<void> {
    this.#reading ??= this.#readSome().finally(() => {
      this.#reading = undefined;
    });
    return this.#reading;
  }

  /** Reads all that is there now. Throws a `KafkaError`; see `requireSame`. */
  async readToEnd(): Promise<void> {
    const id = this.#ledgerId;
    const end = await this.#ledger.endOf(this.#number);
    while (end > 0 && this.position < end) {
      requireSame(this.#ledger, id);
      await this.readOn();
    }
    requireSame({ id: this.#ledgerId }, id);
  }

  /** Whether entries that were read, or written and read, are not there any more. See `LogReader.wasCut`. */
  get wasCut(): boolean {
    return this.#reader?.wasCut ?? false;
  }

  /** Up to this offset all was applied. The reader's own is ahead of what it has not handed on yet. */
  get position(): number {
    return this.#position;
  }

  async close(): Promise<void> {
    await this.#reader?.close();
  }

  async #readSome(): Promise<void> {
    const reader = this.#reader;
    try {
      const entries = (await reader?.read(this.skipsFiles ? "files" : undefined)) ?? [];
      // Else it is read from its beginning by now.
      if (!reader || reader !== this.#reader) return;
      for (const logged of entries) this.#apply(logged);
      this.#position = reader.position(this.#number);
    } catch (error) {
      if (reader === this.#reader) throw error;
    }
  }
}
