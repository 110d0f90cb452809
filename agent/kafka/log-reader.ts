/** Reading named partitions from given offsets, without a group: for the ledger, and for chunks read again. */
import { type Consumer, disconnect, makeConsumer } from "./connection/client.ts";
import { type ClientOptions, connect } from "./connection/connect.ts";
import { watchForLoss } from "./connection/lost-client.ts";
import { fetchWaitEndMs, readerProperties } from "./connection/settings.ts";
import { codes, KafkaError } from "./errors.ts";
import { type IncomingRecord, RecordSource } from "./record-source.ts";

export interface ReaderOptions extends ClientOptions {
  /** The topic's `max.message.bytes`, where it is known. */
  maxMessageBytes?: number;
  /** How much is fetched at a time of each partition: little where what is looked for is likely the first. */
  fetchBytes?: number | undefined;
  /** The id of the topic that is to be read, where topics are told apart. */
  topicId?: string | undefined;
  /**
   * Called every ten seconds while what is to be read is not there: nobody leads it, or the topic of its name is another one, in
   * which the client goes on at the offset that it had. It must not reject.
   */
  onGone?(): void;
}

export interface Position {
  partition: number;
  /** The next offset to read. */
  offset: number;
  /** Of the record before it, see `IncomingRecord`. */
  leaderEpoch?: number;
  timestampMs?: number;
}

/** A record, or the news that a partition's end was reached: each time, also when more has come since the last. */
export type LogEvent = { kind: "record"; record: IncomingRecord } | { kind: "end"; partition: number };

/** Records are taken as many at a time as the size of the last one allows: a batch is memory. */
const batches = [
  { upToBytes: 1 << 10, records: 500 },
  { upToBytes: 64 << 10, records: 16 },
  { upToBytes: Number.POSITIVE_INFINITY, records: 1 },
];
/** The client tells of a partition's end only when this has passed without a record. */
const shortWaitMs = 100;
/** Each call costs a thread a wake-up: ten of them a second are half of what an idle uploader costs. */
const idleWaitMs = 500;
/** A broker that waits for news has answered by then. */
const doubtMs = fetchWaitEndMs + 10_000;

/** Reads partitions; `LogReader` is the one on Kafka. */
export interface RecordReader {
  /** What it gives is there until the next call, or for as long as it is held. */
  read(following: boolean): Promise<LogEvent[]>;
  close(): Promise<void>;
}

export class LogReader implements RecordReader {
  readonly #options: ReaderOptions;
  readonly #topic: string;
  readonly #source: RecordSource;
  /** The next offset to read, by partition. */
  readonly #next: Map<number, number>;
  /** By partition, of the last record that was read. */
  readonly #last = new Map<number, Position>();
  /** undefined: there is none, or it is to be made anew. */
  #consumer: Consumer | undefined;
  #isLost = false;
  #isClosed = false;
  #wasCut = false;
  #lastBytes = 0;
  #ended: Position[] = [];
  /** By partition, an end that is before what was read. */
  readonly #doubted = new Map<number, { offset: number; sinceMs: number }>();

  private constructor(options: ReaderOptions, topic: string, from: readonly Position[]) {
    this.#options = options;
    this.#topic = topic;
    this.#source = new RecordSource(topic, (partition, offset) => this.#ended.push({ partition, offset }));
    this.#next = new Map(from.map(({ partition, offset }) => [partition, offset]));
  }

  /** Connects and begins at the positions; -2 as an offset is the beginning. Throws a `KafkaError`. */
  static async open(options: ReaderOptions, topic: string, from: readonly Position[]): Promise<LogReader> {
    const reader = new LogReader(options, topic, from);
    await reader.#connect();
    return reader;
  }

  /**
   * What has come since the last call. Throws a `KafkaError`.
   *
   * @param following every partition was read to its end: waits up to half a second for something, else a moment
   */
  async read(following: boolean): Promise<LogEvent[]> {
    if (this.#isLost) await this.#disconnect();
    const consumer = this.#consumer ?? (await this.#connect());
    const count = batches.find(({ upToBytes }) => this.#lastBytes <= upToBytes)?.records ?? 1;
    const records = await this.#source.read(consumer, count, following ? idleWaitMs : shortWaitMs);
    this.#lastBytes = records.at(-1)?.value?.length ?? this.#lastBytes;
    for (const { partition, offset, leaderEpoch, timestampMs } of records) {
      this.#wasCut ||= offset < this.position(partition);
      this.#next.set(partition, offset + 1);
      if (leaderEpoch !== undefined)
        this.#last.set(partition, { partition, offset: offset + 1, leaderEpoch, timestampMs });
    }
    const events: LogEvent[] = records.map((record) => ({ kind: "record", record }));
    for (const { partition, offset } of this.#ended.splice(0)) {
      // Also past what compaction has left nothing of.
      if (offset >= this.position(partition)) this.#next.set(partition, offset);
      // The news of it may be old.
      else if (!this.#doubted.has(partition))
        this.#doubted.set(partition, { offset, sinceMs: performance.now() });
      events.push({ kind: "end", partition });
    }
    this.#judgeDoubted(consumer);
    return events;
  }

  /**
   * Whether something that was read is in the log no more, and other records come at its offsets: a broker that became leader
   * without it has cut it off. From then on all that there is comes once more, from the beginning.
   */
  get wasCut(): boolean {
    return this.#wasCut;
  }

  /** The next offset to read; negative: nothing was read yet. */
  position(partition: number): number {
    return this.#next.get(partition) ?? -1;
  }

  /** Where another reader of the partition goes on, with what tells whether the log is cut off before that meanwhile. */
  goingOn(partition: number): Position {
    const offset = this.position(partition);
    const last = this.#last.get(partition);
    return last?.offset === offset ? last : { partition, offset };
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    await this.#disconnect();
  }

  async #connect(): Promise<Consumer> {
    const { agentName, maxMessageBytes, fetchBytes } = this.#options;
    const topic = this.#topic;
    this.#requireOpen();
    const consumer = await connect(
      makeConsumer,
      this.#options,
      (kafka) => readerProperties(kafka, agentName, maxMessageBytes, fetchBytes),
      topic,
    );
    this.#consumer = consumer;
    if (this.#isClosed) await this.#disconnect();
    this.#requireOpen();
    consumer.assign(Array.from(this.#next, ([partition, offset]) => ({ topic, partition, offset })));
    const onLost = () => {
      if (consumer === this.#consumer) this.#isLost = true;
    };
    const { topicId } = this.#options;
    watchForLoss(consumer, this.#options, onLost, ({ leaderless, topicIds }) => {
      const isAnother = topicId !== undefined && (topicIds.get(topic) ?? topicId) !== topicId;
      if (leaderless.length > 0 || isAnother) this.#options.onGone?.();
    });
    return consumer;
  }

  /** A log that ends before what was read of it was cut off, if it still does so once a broker must have answered anew. */
  #judgeDoubted(consumer: Consumer): void {
    for (const [partition, { offset, sinceMs }] of this.#doubted) {
      const end = knownEnd(consumer, this.#topic, partition);
      if (end !== undefined && end >= this.position(partition)) this.#doubted.delete(partition);
      else if (end !== undefined && performance.now() - sinceMs > doubtMs) {
        this.#doubted.delete(partition);
        this.#wasCut = true;
        this.#next.set(partition, offset);
      }
    }
  }

  #requireOpen(): void {
    if (this.#isClosed)
      throw new KafkaError(`reading ${this.#topic}`, codes.transport, "the reader was closed");
  }

  async #disconnect(): Promise<void> {
    const consumer = this.#consumer;
    this.#consumer = undefined;
    this.#isLost = false;
    if (consumer) await disconnect(consumer);
  }
}

/**
 * Where the partition ended at the last answer of a broker; undefined: it was a refusal. That is where it ended just before the answer's
 * records were read: what comes in between is among them, and beyond that end. To ask would take as long as the broker waits with its next answer.
 */
function knownEnd(consumer: Consumer, topic: string, partition: number): number | undefined {
  try {
    const { highOffset } = consumer.getWatermarkOffsets(topic, partition);
    return highOffset >= 0 ? highOffset : undefined;
  } catch {
    // It has just been closed.
    return undefined;
  }
}
