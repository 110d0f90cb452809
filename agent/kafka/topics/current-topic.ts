/**
 * A topic as the brokers have it now, looked at from time to time while the agent runs: it may be deleted and made again
 * under another id, get more partitions, take larger records than before, or be given settings that lose data.
 */
import type { KafkaConfig } from "../../config/config.ts";
import { CoalescedRefresh } from "../../lib/coalesced-refresh.ts";
import { retry } from "../../lib/retry.ts";
import type { Trouble } from "../../lib/troubles.ts";
import type { Log } from "../../observe/log.ts";
import { KafkaError } from "../errors.ts";
import type { RecordProducer } from "../producer.ts";
import type { TopicLooks } from "./topic-looks.ts";
import {
  isByDevices,
  prepareTopics,
  settingProblem,
  settingsOf,
  type Topic,
  type Topics,
  topicId,
  toTopic,
  warnOfClocks,
  watermarks,
} from "./topics.ts";

export interface CurrentTopicOptions {
  kafka: KafkaConfig;
  producer: RecordProducer;
  log: Log;
  /** Shared with the other topic. */
  looks: TopicLooks;
  /** The other topic, if it is looked at with this one: the answer is of both. */
  beside?: CurrentTopic;
  /** How often to look whether it is still the same topic, milliseconds. */
  everyMs: number;
}

/** How often its settings are looked at: that answer is small, where one about the topic names all partitions. */
export const settingsMs = 60_000;

export class CurrentTopic {
  readonly #options: CurrentTopicOptions;
  readonly #sharedLook = new CoalescedRefresh(() => this.refresh());
  readonly #which: keyof Topics;
  #topic: Topic;
  #describedAtMs = performance.now();
  #lookedAtMs = performance.now();
  /** A setting that loses data, for as long as it is so. */
  #trouble: Trouble | undefined;

  constructor(options: CurrentTopicOptions, topics: Topics, which: keyof Topics) {
    this.#options = options;
    this.#which = which;
    this.#topic = topics[which];
  }

  get value(): Topic {
    return this.#topic;
  }

  /**
   * Looks at once; makes the topic when it is missing and may be made. Throws an `AgentError`.
   *
   * @param sinceMs an answer that was asked for at this time, by the monotonic clock, or later is good enough
   */
  async refresh(sinceMs = performance.now()): Promise<void> {
    const { kafka, producer, log, looks } = this.#options;
    const before = this.#topic;
    const { name, id } = before;
    const found = await looks.topic(name, sinceMs);
    this.#topic = found
      ? toTopic(found, await looks.settings(name, sinceMs))
      : (await prepareTopics(await producer.client(), kafka, log))[this.#which];
    this.#describedAtMs = performance.now();
    if (this.#topic.id !== id || this.#topic.partitions !== before.partitions) await producer.lookAt(name);
    if (this.#topic.id !== id) log.warn(`topic ${name} was deleted and made again: it is another one now`);
    this.#judge(before);
  }

  /** Looks at once whether it is still the same topic, by one small request. See `refresh`. */
  async look(sinceMs = performance.now()): Promise<void> {
    // What is wrong with the other one is for whoever follows it to say.
    const beside = this.#options.beside?.look(sinceMs).catch(() => undefined);
    if (!(await this.#isSame(sinceMs))) await this.refreshSince(performance.now());
    this.#lookedAtMs = performance.now();
    await beside;
  }

  /**
   * Looks for whoever was told of something at `sinceMs`, by the monotonic clock, unless that was done since and within the
   * last second. Throws an `AgentError`.
   */
  refreshSince(sinceMs: number): Promise<void> {
    return this.#sharedLook.since(sinceMs);
  }

  /** Where a partition ends now. Throws a `KafkaError`. */
  async end(partition: number): Promise<number> {
    return (await watermarks(await this.#options.producer.client(), this.#topic.name, partition)).high;
  }

  /** The first offset of a partition that is still there; infinity when the topic has another id. Throws a `KafkaError`. */
  async logStart(id: string, partition: number): Promise<number> {
    if (id !== this.#topic.id) return Number.POSITIVE_INFINITY;
    return (await watermarks(await this.#options.producer.client(), this.#topic.name, partition)).low;
  }

  /** Looks again and again until the signal fires. */
  async follow(signal: AbortSignal): Promise<void> {
    const { log, looks } = this.#options;
    while (!signal.aborted) {
      let sinceMs: number | undefined = await looks.next(signal);
      if (signal.aborted) return;
      const options = { what: `looking at topic ${this.#topic.name}`, signal, log };
      await retry(options, () => {
        const good = sinceMs;
        // What was answered before is no answer to the next try.
        sinceMs = undefined;
        return this.#lookAtDue(good);
      }).catch((error: unknown) => {
        if (!signal.aborted) throw error;
      });
    }
  }

  /** Says what has become wrong with its settings, or right again. */
  #judge(before: Topic): void {
    const { log } = this.#options;
    const { name, settings } = this.#topic;
    // The right to read them is missing.
    if (settings.size === 0) return;
    if (!isByDevices(before)) warnOfClocks(this.#which, this.#topic, log);
    const problem = settingProblem(this.#which, this.#topic);
    if (problem === this.#trouble?.reason) return;
    if (this.#trouble) log.troubles.end(this.#trouble);
    this.#trouble = problem === undefined ? undefined : log.troubles.begin(`topic ${name}`, problem);
    if (problem === undefined) log.info(`topic ${name}: its settings are right again`);
    else log.error(`topic ${name}: ${problem}; what is in it may be lost until that is put right`);
  }

  async #lookAtDue(sinceMs: number | undefined): Promise<void> {
    // Nobody looks to the millisecond.
    const isOver = (atMs: number, everyMs: number) => performance.now() - atMs > 0.8 * everyMs;
    if (isOver(this.#lookedAtMs, this.#options.everyMs)) await this.look(sinceMs);
    if (isOver(this.#describedAtMs, settingsMs)) await this.#refreshSettings(sinceMs);
  }

  async #refreshSettings(sinceMs = performance.now()): Promise<void> {
    const before = this.#topic;
    this.#topic = { ...before, ...settingsOf(await this.#options.looks.settings(before.name, sinceMs)) };
    this.#describedAtMs = performance.now();
    this.#judge(before);
  }

  async #isSame(sinceMs: number): Promise<boolean> {
    const { id, name, partitions } = this.#topic;
    const found = await this.#options.looks.topic(name, sinceMs);
    return found !== undefined && topicId(found) === id && found.partitions.length === partitions;
  }
}

/** Looks at a topic that `work` does not find: it may have been deleted, and looking at it creates it again. Throws what `work` throws. */
export async function lookIfMissing<T>(
  topic: Partial<Pick<CurrentTopic, "refreshSince">>,
  work: Promise<T>,
): Promise<T> {
  try {
    return await work;
  } catch (error) {
    if (error instanceof KafkaError && error.unknownTopic) await topic.refreshSince?.(performance.now());
    throw error;
  }
}
