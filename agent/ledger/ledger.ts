/**
 * The ledger topic: what was sent and what arrived. It is compacted, and is all the state that agents share.
 *
 * `Ledger` writes entries (`wire/entry.ts`) and opens readers; `LedgerReader` reads partitions from their beginning and goes on
 * from there. Nothing here knows what an entry means: `uploader/uploader-ledger.ts` and `group/group-ledger.ts` are the two
 * roles' views. An uploader's entries and all that groups say of its files are in one partition, so whoever reads that one has
 * them in the order in which they were written. A write waits as long as it takes, and `retry` decides what ends it.
 *
 * An uploader's entry says which ledger it is meant for, and counts for nothing in another one: what was under way when the
 * ledger was deleted and made again comes into the new one, behind what was written there.
 *
 * Not promised: that an entry is written once (a write that was not acknowledged is tried again), that a reader sees what was
 * overwritten (compaction, which also keeps a stray instead of the entry before it: of a file that is then sent again), or that all entries are an agent's own: whoever may write the topic can forge them. The decoder
 * checks their form; what they say is for each role to doubt.
 */
import type { KafkaConfig } from "../config/config.ts";
import { KafkaError } from "../kafka/errors.ts";
import { LogReader, type Position, type ReaderOptions } from "../kafka/log-reader.ts";
import type { Acknowledgement, LedgerProducer } from "../kafka/producer.ts";
import { bytesOf, type IncomingRecord } from "../kafka/record-source.ts";
import { type CurrentTopic, lookIfMissing } from "../kafka/topics/current-topic.ts";
import { deleteRetentionOf, endOffset, type Topic } from "../kafka/topics/topics.ts";
import { AgentError } from "../lib/errors.ts";
import { garbageOf, leaveGarbage } from "../lib/garbage.ts";
import { isPermanent, retry } from "../lib/retry.ts";
import { SharedTrouble } from "../lib/shared-trouble.ts";
import type { Log } from "../observe/log.ts";
import type { Observer } from "../observe/observer.ts";
import { RareWarnings } from "../observe/rare-warnings.ts";
import {
  decodeLedgerRecord,
  type Entry,
  encodeEntryValue,
  encodeMeantFor,
  isMeantForAnother,
  isToldApart,
  keyOf,
} from "../wire/entry.ts";
import { type EntryKey, encodeEntryKey, longestKeyBytes, partitionOfEntry } from "../wire/entry-key.ts";
import { limits } from "../wire/limits.ts";
import { Resumption } from "./resumption.ts";

/** An entry with its place in the log. */
export interface LoggedEntry {
  entry: Entry;
  partition: number;
  offset: number;
  /** When the brokers appended it (where the topic has log append time), milliseconds since 1970. */
  timestampMs: number;
}

const beginning = -2;

/** The ledger, and reading it; `Ledger` and `LedgerReader` are the ones on Kafka. */
export interface EntryLog {
  /** Changes when the ledger is recreated: nothing of what was in it is there then. */
  readonly id: string;
  readonly partitions: number;
  /** @param meantFor the id of the ledger that an uploader's entry says something of; without it: of the present one */
  write(entry: Entry, meantFor?: string): Promise<Pick<Acknowledgement, "offset" | "timestampMs">>;
  open(partitions: readonly number[], options?: OpenOptions): Promise<EntryReader>;
}

export interface OpenOptions extends Pick<ReaderOptions, "fetchBytes"> {
  /** Where to go on, of all of the partitions; without it: from their beginning. */
  from?: readonly Position[];
}

export interface EntryReader {
  readonly caughtUp: boolean;
  /** See `LogReader.wasCut`. */
  readonly wasCut?: boolean;
  /** @param without see `LedgerReader.read` */
  read(without?: EntryKey["kind"]): Promise<LoggedEntry[]>;
  close(): Promise<void>;
}

/** A ledger that can be read up to where it ends now. */
export interface PositionedLog extends EntryLog {
  /** How long what was taken out of it can be read as taken out, milliseconds; undefined: not known. */
  readonly deleteRetentionMs?: number | undefined;
  endOf(partition: number): Promise<number>;
  /** Looks at once whether it is still the same one: `id` has the answer. Throws an `AgentError`. */
  look(): Promise<void>;
  open(partitions: readonly number[], options?: OpenOptions): Promise<PositionedReader>;
}

/** The ledger as an uploader works with it, which waits for what it may not do. */
export interface UploaderLog extends PositionedLog {
  readonly name: string;
  partitionOf(key: EntryKey): number;
  writable(): Promise<void>;
  retrying<T>(what: string, attempt: () => Promise<T>): Promise<T>;
}

export interface PositionedReader extends EntryReader {
  position(partition: number): number;
  /** See `LogReader.goingOn`. */
  goingOn?(partition: number): Position;
  /** Whether offsets were passed over since this was asked last: something may have been taken out that was not read. */
  takeGaps?(): boolean;
}

export interface LedgerOptions {
  kafka: KafkaConfig;
  agentName: string;
  producer: LedgerProducer;
  /** As it is now; a `CurrentTopic` where it is followed. */
  topic: { readonly value: Topic } & Partial<Pick<CurrentTopic, "look" | "refreshSince">>;
  log: Log;
  signal: AbortSignal;
  /** Told of records that are skipped. */
  observer?: Observer;
}

export class Ledger implements UploaderLog {
  readonly #options: LedgerOptions;
  readonly #isFinal: (error: unknown) => boolean;
  readonly #warnings: RareWarnings;
  readonly #trouble: SharedTrouble;
  readonly #otherTrouble: SharedTrouble;
  /** Of its topic: partitions that are added later are not used, as entries would not be where they were. */
  #layout: { id: string; partitions: number };

  /** @param giveUp which refusals end a write; the others are waited out. Without it: those that asking again can't change */
  constructor(options: LedgerOptions, giveUp: (error: unknown) => boolean = isPermanent) {
    this.#options = options;
    this.#isFinal = giveUp;
    this.#warnings = new RareWarnings(options.log);
    this.#trouble = new SharedTrouble(options.log);
    this.#otherTrouble = new SharedTrouble(options.log);
    this.#layout = options.topic.value;
  }

  get name(): string {
    return this.#options.topic.value.name;
  }

  get id(): string {
    return this.#options.topic.value.id;
  }

  get partitions(): number {
    const { value } = this.#options.topic;
    if (value.id !== this.#layout.id) this.#layout = value;
    return this.#layout.partitions;
  }

  partitionOf(key: EntryKey): number {
    return partitionOfEntry(key, this.partitions);
  }

  /** Resolves when what was to be written could be, or the agent is being stopped. */
  writable(): Promise<void> {
    return this.#trouble.over(this.#options.signal);
  }

  /** Looks at once whether it is still the same one. Throws an `AgentError`. */
  async look(): Promise<void> {
    await this.#options.topic.look?.();
  }

  get deleteRetentionMs(): number | undefined {
    return deleteRetentionOf(this.#options.topic.value);
  }

  /** The offset after the last entry of a partition. Throws a `KafkaError`. */
  async endOf(partition: number): Promise<number> {
    const client = await this.#options.producer.client();
    return lookIfMissing(this.#options.topic, endOffset(client, this.name, partition));
  }

  /**
   * Writes an entry and waits until the brokers have it, as long as that takes.
   * Throws an `AgentError` when it never will: `giveUp` says so, or the agent is being stopped.
   *
   * @param meantFor see `EntryLog.write`
   */
  async write(entry: Entry, meantFor?: string): Promise<Acknowledgement> {
    const { producer, topic } = this.#options;
    const key = keyOf(entry);
    const value = encodeEntryValue(entry);
    const record = {
      topic: topic.value.name,
      key: encodeEntryKey(key),
      value: value === null ? null : Buffer.from(value, "utf8"),
    };
    return this.#retry("writing to the ledger", this.#trouble, async () => {
      try {
        // One that was recreated may have another number of partitions.
        const headers = encodeMeantFor(key, meantFor ?? topic.value.id);
        const partition = this.partitionOf(key);
        const sending = producer.send({ ...record, partition, ...(headers && { headers }) });
        return await lookIfMissing(topic, sending);
      } catch (error) {
        if (error instanceof AgentError && error.severity === "fatal") await producer.renew(error.message);
        throw error;
      }
    });
  }

  /** Tries something until Kafka lets it, as long as that takes; see `write`. Who tries the same is one trouble with it. */
  retrying<T>(what: string, attempt: () => Promise<T>): Promise<T> {
    return this.#retry(what, this.#otherTrouble, attempt);
  }

  /** A reader of these partitions. Throws a `KafkaError` when it can't connect. */
  async open(partitions: readonly number[], { fetchBytes, from }: OpenOptions = {}): Promise<LedgerReader> {
    const { topic } = this.#options;
    const { name, id, maxMessageBytes } = topic.value;
    const resumption = new Resumption(from ?? []);
    const begin = from ? resumption.begin : partitions.map((partition) => ({ partition, offset: beginning }));
    const onGone = () => void topic.refreshSince?.(performance.now()).catch(() => undefined);
    const topicId = isToldApart(id) ? id : undefined;
    const options = { ...this.#options, maxMessageBytes, fetchBytes, topicId, onGone };
    const reader = await LogReader.open(options, name, begin);
    const onSkipped = (what: Skipped, record: IncomingRecord) => this.#skipped(what, record);
    return new LedgerReader(reader, { partitions, resumption }, id, onSkipped);
  }

  #skipped(what: Skipped, { partition, offset, skipped }: IncomingRecord): void {
    this.#options.observer?.metrics.ledgerRecord(what);
    const where = `partition ${partition}, offset ${offset}`;
    if (skipped === undefined)
      this.#warnings.warn(what, `a broken entry of the ledger was skipped (${where})`);
    else this.#warnings.warn(what, `a batch of the ledger's entries was skipped: ${skipped} (${where})`);
  }

  #retry<T>(what: string, log: SharedTrouble, attempt: () => Promise<T>): Promise<T> {
    const { signal } = this.#options;
    const giveUp = (error: unknown) =>
      !(error instanceof AgentError) ||
      (isPermanent(error) && !(error instanceof KafkaError)) ||
      this.#isFinal(error);
    return retry({ what, log, signal, giveUp }, attempt);
  }
}

/** What an entry of so many bytes leaves behind beside them. What is too large is not looked at. */
function garbageOfEntry(bytes: number, decoded?: Entry | "unknown" | "broken"): number {
  const isRead = bytes <= longestKeyBytes + limits.startEntry;
  const isBatch = typeof decoded === "object" && decoded.kind === "files";
  const ofByte = isBatch ? garbageOf.batchByte : garbageOf.entryByte;
  return isRead ? Math.max(garbageOf.entry, ofByte * bytes) : garbageOf.entry;
}

/** A record that is no entry by the rules and limits of docs/protocol.md, or a batch that can't be read. */
export type Skipped = "broken" | "unreadable";

export class LedgerReader implements PositionedReader {
  readonly #reader: LogReader;
  readonly #ledgerId: string;
  readonly #behind: Set<number>;
  readonly #resumption: Resumption;
  readonly #onSkipped: (what: Skipped, record: IncomingRecord) => void;

  constructor(
    reader: LogReader,
    { partitions, resumption }: { partitions: readonly number[]; resumption: Resumption },
    ledgerId: string,
    onSkipped: (what: Skipped, record: IncomingRecord) => void,
  ) {
    this.#reader = reader;
    this.#ledgerId = ledgerId;
    this.#onSkipped = onSkipped;
    this.#behind = new Set(partitions);
    this.#resumption = resumption;
  }

  /** The offset of a partition up to which everything was read. */
  position(partition: number): number {
    return this.#reader.position(partition);
  }

  goingOn(partition: number): Position {
    return this.#reader.goingOn(partition);
  }

  takeGaps(): boolean {
    return this.#resumption.takeGaps();
  }

  /** Whether each partition has been read to its end once. */
  get caughtUp(): boolean {
    return this.#behind.size === 0;
  }

  get wasCut(): boolean {
    return this.#reader.wasCut || this.#resumption.wasCut;
  }

  /**
   * What has come since the last call, waiting a moment. Throws a `KafkaError`.
   *
   * @param without kinds of entries that are of no interest, and cost nothing then
   */
  async read(without?: EntryKey["kind"]): Promise<LoggedEntry[]> {
    const entries: LoggedEntry[] = [];
    for (const event of await this.#reader.read(this.caughtUp)) {
      if (event.kind === "end") {
        this.#behind.delete(event.partition);
        this.#resumption.isAt(event.partition, this.position(event.partition));
        continue;
      }
      if (!this.#resumption.read(event.record)) continue;
      const { partition, offset, timestampMs, key, value, headers, skipped } = event.record;
      const bytes = bytesOf(event.record);
      if (skipped !== undefined) {
        leaveGarbage(bytes + garbageOfEntry(bytes));
        this.#onSkipped("unreadable", event.record);
        continue;
      }
      if (without !== undefined && key?.toString("utf8", 0, without.length + 1) === `${without}/`) {
        leaveGarbage(bytes + garbageOf.entry);
        continue;
      }
      const decoded = decodeLedgerRecord(key, value);
      leaveGarbage(bytes + garbageOfEntry(bytes, decoded));
      const isStray =
        typeof decoded === "object" && isMeantForAnother(keyOf(decoded), headers, this.#ledgerId);
      const entry = isStray ? strayEntry(decoded) : decoded;
      if (entry === "broken") this.#onSkipped(entry, event.record);
      else if (entry !== "unknown") entries.push({ entry, partition, offset, timestampMs });
    }
    return entries;
  }

  close(): Promise<void> {
    return this.#reader.close();
  }
}

/**
 * What is left of an entry that was meant for another ledger. Compaction keeps it instead of the one before it under its key, so
 * whoever has the name must be told, and says again that it does.
 */
export function strayEntry(entry: Entry): Entry | "unknown" {
  if (entry.kind !== "name") return "unknown";
  const { uploader, format, instance, host } = entry;
  return { kind: "claim", uploader, format, instance, host };
}
