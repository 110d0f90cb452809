/**
 * A topic as the brokers have it now, looked at from time to time while the agent runs: it may be deleted and made again
 * under another id, get more partitions, or take larger records than before.
 */
import type { KafkaConfig } from "../config/config.ts";
import { pause, retry } from "../lib/retry.ts";
import type { Log } from "../observe/log.ts";
import type { RecordProducer } from "./producer.ts";
import { SharedLook } from "./shared-look.ts";
import {
  describeTopic,
  lookUpTopic,
  prepareTopics,
  type Topic,
  type Topics,
  topicId,
  watermarks,
} from "./topics.ts";

export interface CurrentTopicOptions {
  kafka: KafkaConfig;
  producer: RecordProducer;
  log: Log;
  /** How often to look whether it is still the same topic, milliseconds: that is one small request. */
  everyMs: number;
}

/** How often its settings are looked at, too: a fleet must not keep the brokers busy with it. */
const settingsMs = 60_000;

export class CurrentTopic {
  readonly #options: CurrentTopicOptions;
  readonly #sharedLook = new SharedLook(() => this.refresh());
  readonly #which: keyof Topics;
  #topic: Topic;
  #describedAtMs = performance.now();

  /** @param topics as they were found or made at the start */
  constructor(options: CurrentTopicOptions, topics: Topics, which: keyof Topics) {
    this.#options = options;
    this.#which = which;
    this.#topic = topics[which];
  }

  get value(): Topic {
    return this.#topic;
  }

  /** Looks at once; makes the topic when it is missing and may be made. Throws an `AgentError`. */
  async refresh(): Promise<void> {
    const { kafka, producer, log } = this.#options;
    const { name, id } = this.#topic;
    const client = await producer.client();
    const found = await describeTopic(client, name);
    this.#topic = found ?? (await prepareTopics(client, kafka, log))[this.#which];
    this.#describedAtMs = performance.now();
    if (this.#topic.id !== id) log.warn(`topic ${name} was deleted and made again: it is another one now`);
  }

  /**
   * Looks for whoever was told of something at `sinceMs`, by the monotonic clock, unless that was done since and within the
   * last second. Throws an `AgentError`.
   */
  refreshSince(sinceMs: number): Promise<void> {
    return this.#sharedLook.since(sinceMs);
  }

  /** The first offset of a partition that is still there; infinity when the topic has another id. Throws a `KafkaError`. */
  async logStart(id: string, partition: number): Promise<number> {
    if (id !== this.#topic.id) return Number.POSITIVE_INFINITY;
    return (await watermarks(await this.#options.producer.client(), this.#topic.name, partition)).low;
  }

  /** Looks again and again until the signal fires. */
  async follow(signal: AbortSignal): Promise<void> {
    const { log, everyMs } = this.#options;
    while (!signal.aborted) {
      await pause(everyMs, signal);
      if (signal.aborted) return;
      const options = { what: `looking at topic ${this.#topic.name}`, signal, log };
      await retry(options, () => this.#look()).catch((error: unknown) => {
        if (!signal.aborted) throw error;
      });
    }
  }

  async #look(): Promise<void> {
    const isDue = performance.now() - this.#describedAtMs >= settingsMs;
    if (isDue || !(await this.#isSame())) await this.refresh();
  }

  async #isSame(): Promise<boolean> {
    const { id, name, partitions } = this.#topic;
    const found = await lookUpTopic(await this.#options.producer.client(), name);
    return found !== undefined && topicId(found) === id && found.partitions.length === partitions;
  }
}
