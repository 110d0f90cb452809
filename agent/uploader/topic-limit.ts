/** Keeps chunks and batches as small as the topic takes them now, which may be less than when the agent began. */
import type { RecordProducer } from "../kafka/producer.ts";
import { describeTopic } from "../kafka/topics.ts";
import type { Log } from "../observe/log.ts";
import type { ChunkSize } from "./chunk-size.ts";

export interface TopicLimitOptions {
  producer: RecordProducer;
  topic: { name: string };
  chunkSize: ChunkSize;
  log: Log;
}

export class TopicLimit {
  readonly #options: TopicLimitOptions;

  constructor(options: TopicLimitOptions) {
    this.#options = options;
  }

  /** The topic takes less than was thought: smaller chunks, and smaller batches of small files. Throws a `KafkaError`. */
  async shrink(): Promise<void> {
    const { producer, topic, chunkSize, log } = this.#options;
    const tried = chunkSize.topicBytes;
    const now = await describeTopic(producer.client, topic.name);
    // Another file may have been here before.
    if (chunkSize.topicBytes !== tried) return;
    const limit = now && now.maxMessageBytes < tried ? now.maxMessageBytes : Math.floor(tried / 2);
    chunkSize.limit(limit);
    log.warn(`topic ${topic.name} takes no more than ${limit} bytes at a time now: chunks become smaller`);
    await producer.limitBatches(limit);
  }
}
