/** Keeps chunks and batches as large as the topic takes them now, which changes when somebody changes `max.message.bytes`. */

import type { RecordProducer } from "../../kafka/producer.ts";
import type { CurrentTopic } from "../../kafka/topics/current-topic.ts";
import { AgentError, ConfigurationError } from "../../lib/errors.ts";
import { leastMessageBytes } from "../../lib/limits.ts";
import type { Log } from "../../observe/log.ts";
import type { ChunkSize } from "./chunk-size.ts";

export interface TopicLimitOptions {
  producer: Pick<RecordProducer, "limitBatches">;
  topic: Pick<CurrentTopic, "value" | "refresh">;
  /** The ledger's `max.message.bytes`: its entries go through the same producer. */
  ledgerBytes: number;
  chunkSize: ChunkSize;
  log: Log;
}

export class TopicLimit {
  readonly #options: TopicLimitOptions;
  /** What the topic was said to take when chunks were last made to fit it. */
  #saidBytes: number;

  constructor(options: TopicLimitOptions) {
    this.#options = options;
    this.#saidBytes = options.topic.value.maxMessageBytes;
  }

  /**
   * A record was refused as too large: smaller chunks, and smaller batches of small files. Throws an `AgentError`: a
   * retryable one when the topic takes too little for any chunk, which somebody may change; a `ConfigurationError` when
   * nothing but `kafka.options` can be behind a refusal of the smallest chunks.
   *
   * @param triedBytes the limit that the record was made for
   */
  async shrink(triedBytes: number): Promise<void> {
    const { producer, topic, ledgerBytes, chunkSize, log } = this.#options;
    await topic.refresh();
    // The news of a record that was made before the last time.
    if (chunkSize.topicBytes < triedBytes) return;
    const { name, maxMessageBytes } = topic.value;
    if (maxMessageBytes < leastMessageBytes)
      throw new AgentError(
        `topic ${name}: max.message.bytes is ${maxMessageBytes}: it must be at least ${leastMessageBytes}`,
        "retryable",
      );
    if (maxMessageBytes >= triedBytes && triedBytes <= leastMessageBytes)
      throw new ConfigurationError(
        `kafka.options: records of ${leastMessageBytes} bytes are refused as too large, though topic ${name} takes ${maxMessageBytes}: check message.max.bytes`,
      );
    const halved = Math.max(leastMessageBytes, Math.floor(triedBytes / 2));
    const limit = maxMessageBytes < triedBytes ? maxMessageBytes : halved;
    this.#saidBytes = maxMessageBytes;
    chunkSize.limit(limit);
    log.warn(`topic ${name} takes no more than ${limit} bytes at a time now: chunks become smaller`);
    await producer.limitBatches(Math.min(limit, ledgerBytes));
  }

  /** Larger chunks again, if the topic is said to take more than when they were made smaller. */
  rise(): void {
    const { topic, chunkSize, log } = this.#options;
    const { name, maxMessageBytes } = topic.value;
    if (maxMessageBytes <= this.#saidBytes) return;
    this.#saidBytes = maxMessageBytes;
    if (maxMessageBytes <= chunkSize.topicBytes) return;
    chunkSize.limit(maxMessageBytes);
    // The batches stay as they are: they bound what small files have in common, not a single record.
    log.info(`topic ${name} takes ${maxMessageBytes} bytes at a time now: chunks become larger`);
  }
}
