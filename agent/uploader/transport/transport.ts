/**
 * Everything between a chunk and its acknowledgement: how large it may be, room for it in memory, the producer, and what is done
 * when the brokers refuse it, its topic is another one, or the client has to be replaced.
 *
 * `send` hands a record over once, and tells how it ended. Nothing is sent a second time here: after a failure `recover` does what
 * the failure asks for, and whoever has the chunk sends it again.
 */
import { KafkaError } from "../../kafka/errors.ts";
import type { Acknowledgement, OnDelivered, RecordProducer } from "../../kafka/producer.ts";
import type { CurrentTopic } from "../../kafka/topics/current-topic.ts";
import type { Topic } from "../../kafka/topics/topics.ts";
import { VoidVersionError } from "../../ledger/uploader/void-version-error.ts";
import { AgentError } from "../../lib/errors.ts";
import { forEachConcurrent } from "../../lib/for-each-concurrent.ts";
import { isPermanent, retry } from "../../lib/retry.ts";
import type { Log } from "../../observe/log.ts";
import type { Headers } from "../../wire/headers.ts";
import type { OutgoingFile } from "../../wire/record-size.ts";
import { ChangedError, StoppedError, TopicReplacedError } from "../errors.ts";
import type { Run } from "../parts.ts";
import { ChunkBuffers } from "./chunk-buffers.ts";
import type { ChunkSize } from "./chunk-size.ts";
import { type InFlightWindow, Place } from "./in-flight-window.ts";
import { LinkMonitor } from "./link-monitor.ts";
import { TopicLimit } from "./topic-limit.ts";

export interface TransportOptions {
  producer: Pick<
    RecordProducer,
    "batchBytes" | "enqueue" | "isIdle" | "limitBatches" | "limitLink" | "onLost" | "renew" | "send"
  >;
  topic: Pick<CurrentTopic, "end" | "refresh" | "refreshSince" | "value">;
  retentionMs: number;
  /** The ledger's `max.message.bytes`: its entries go through the same producer. */
  ledgerBytes: number;
  window: InFlightWindow;
  chunkSize: ChunkSize;
  log: Log;
}

/** A record of the chunks' topic. */
export interface ChunkRecord {
  partition: number;
  key: string;
  value: Buffer;
  headers: Headers;
}

/** What a record under way costs in memory beside its value: headers, promises, the client's bookkeeping. */
const recordCostBytes = 64 << 10;
/** Each question has one of few threads until it is answered. */
const askedAtATime = 2;

export class Transport {
  readonly buffers = new ChunkBuffers();
  readonly #options: TransportOptions;
  readonly #topicLimit: TopicLimit;
  /** Of records that were refused as too large: see `Place.topicBytes`. */
  readonly #refusedAt = new WeakMap<Error, number>();

  constructor(options: TransportOptions) {
    this.#options = options;
    this.#topicLimit = new TopicLimit(options);
  }

  /** The chunks' topic as it is now. */
  get topic(): Topic {
    return this.#options.topic.value;
  }

  get retentionMs(): number {
    return this.#options.retentionMs;
  }

  /** Bytes that are read and not acknowledged. */
  get inFlightBytes(): number {
    return this.#options.window.usedBytes;
  }

  /** Watches the link, until the function that it returns is called. */
  begin(signal: AbortSignal): () => void {
    const { producer, chunkSize, log } = this.#options;
    const link = new LinkMonitor({ producer, log, signal, trust: chunkSize.link });
    producer.onLost = (lost) => void link.look(lost);
    return () => {
      producer.onLost = undefined;
    };
  }

  /** Chunks become larger, if the topic takes more than it did. For between two files. */
  followTopicLimit(): void {
    this.#topicLimit.rise();
  }

  /** Bytes of a chunk of this file, from now on. */
  chunkBytes(file: OutgoingFile): number {
    const { chunkSize, window } = this.#options;
    return Math.min(chunkSize.next(file), window.limitBytes);
  }

  /** Whether the link is trusted with so many bytes at a time. */
  carries(bytes: number): boolean {
    return bytes <= this.#options.chunkSize.link.bytes;
  }

  /** Room for a record whose value has just been chosen to be of so many bytes; it is not entered yet. */
  place(bytes: number): Place {
    const { window, chunkSize } = this.#options;
    return new Place(window, bytes + recordCostBytes, chunkSize.topicBytes);
  }

  /** Where these partitions end now, in their order. Throws a `KafkaError`. */
  async ends(partitions: readonly number[]): Promise<number[]> {
    const ends = new Map<number, number>();
    await forEachConcurrent(partitions, askedAtATime, async (partition) => {
      ends.set(partition, await this.#options.topic.end(partition));
    });
    return partitions.map((partition) => ends.get(partition) ?? 0);
  }

  /** Looks at the topic, unless that was done since. See `CurrentTopic.refreshSince`. */
  refreshTopicSince(sinceMs: number): Promise<void> {
    return this.#options.topic.refreshSince(sinceMs);
  }

  /**
   * Resolves when the record, which has its place, is handed over; `onEnd` is called when it is acknowledged or has failed. Throws when the client
   * refuses it; then `onEnd` is not called.
   */
  async send(record: ChunkRecord, { topicBytes }: Place, onEnd: OnDelivered): Promise<void> {
    const { producer, chunkSize } = this.#options;
    const { partition, value } = record;
    const noteRefusal = (error: unknown) => {
      if (error instanceof KafkaError && error.tooLarge) this.#refusedAt.set(error, topicBytes);
    };
    chunkSize.sent(partition, value.length);
    try {
      await producer.enqueue({ topic: this.topic.name, ...record }, (error, acknowledgement) => {
        chunkSize.ended(partition, value.length, error === undefined);
        noteRefusal(error);
        onEnd(error, acknowledgement);
      });
    } catch (error) {
      chunkSize.ended(partition, value.length, false);
      // The client itself can refuse it, before it is under way.
      noteRefusal(error);
      throw error;
    }
  }

  /** Resolves when the record is acknowledged. Throws an `AgentError`. */
  deliver(record: ChunkRecord): Promise<Acknowledgement> {
    return this.#options.producer.send({ topic: this.topic.name, ...record });
  }

  /** Does what a failure asks for, before the next try. Throws what that throws. */
  async recover(error: unknown): Promise<void> {
    const { producer, topic } = this.#options;
    if (error instanceof KafkaError && error.tooLarge)
      await this.#topicLimit.shrink(this.#refusedAt.get(error) ?? 0);
    else if (error instanceof KafkaError && error.unknownTopic) await topic.refresh();
    else if (error instanceof AgentError && error.severity === "fatal") await producer.renew(error.message);
  }

  /** Tries until Kafka lets it; a file that has changed, a stop, or with `once` a missing right, is not waited out. `what` is for the log. */
  wait<T>(
    what: string,
    { signal, once }: Pick<Run, "signal" | "once">,
    attempt: (works: () => void) => Promise<T>,
  ): Promise<T> {
    const { log } = this.#options;
    const giveUp = (error: unknown) =>
      error instanceof ChangedError ||
      error instanceof StoppedError ||
      error instanceof TopicReplacedError ||
      error instanceof VoidVersionError ||
      !(error instanceof AgentError) ||
      (once && isPermanent(error));
    return retry({ what, log, signal, giveUp }, attempt);
  }
}
