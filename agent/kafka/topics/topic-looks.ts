/**
 * What the brokers say of the agent's topics. A request names all of them, and its answer serves all who can do with one that old:
 * those who look from time to time, who make sure of the ledger, and who were told of something. When those look who look from time
 * to time is here, too: all at the same moment, and no two agents of a fleet in step.
 */
import type RdKafka from "@confluentinc/kafka-javascript/lib/rdkafka.js";
import { jitteredPeriodMs } from "../../lib/jitter.ts";
import { pause } from "../../lib/retry.ts";
import type { KafkaError } from "../errors.ts";

export type FoundTopic = RdKafka.TopicDescription;
/** By name; a topic that is missing is not in it, what was refused is its error. */
export type FoundTopics = ReadonlyMap<string, FoundTopic | KafkaError>;
/** By the topic's name; see `Topic.settings`. */
export type FoundSettings = ReadonlyMap<string, ReadonlyMap<string, string>>;

/** One request each, for all of the topics. Both throw a `KafkaError`. */
export interface TopicRequests {
  topics(): Promise<FoundTopics>;
  settings(): Promise<FoundSettings>;
}

interface Asked<T> {
  /** By the monotonic clock. */
  atMs: number;
  answer: Promise<T>;
}

export class TopicLooks {
  /** How often is looked, at least, milliseconds. */
  readonly everyMs: number;
  readonly #topics: SharedAnswer<FoundTopics>;
  readonly #settings: SharedAnswer<FoundSettings>;
  readonly #random: () => number;
  #next: Promise<number> | undefined;
  #isFirst = true;

  /** @param random from 0 to 1 */
  constructor(requests: TopicRequests, everyMs: number, random: () => number = Math.random) {
    this.#topics = new SharedAnswer(() => requests.topics());
    this.#settings = new SharedAnswer(() => requests.settings());
    this.everyMs = everyMs;
    this.#random = random;
  }

  /** The topic as it was at `sinceMs`, by the monotonic clock, or later; `undefined`: it is missing. Throws a `KafkaError`. */
  async topic(name: string, sinceMs: number): Promise<FoundTopic | undefined> {
    const found = (await this.#topics.since(sinceMs)).get(name);
    if (found instanceof Error) throw found;
    return found;
  }

  /** Its settings as they were then. Throws a `KafkaError`. */
  async settings(name: string, sinceMs: number): Promise<ReadonlyMap<string, string>> {
    return (await this.#settings.since(sinceMs)).get(name) ?? new Map();
  }

  /**
   * Resolves when it is time to look, for all who wait, or when the signal fires. The first time is anywhere in the period: who was
   * started together is apart from then on.
   *
   * @returns how old an answer may be then, by the monotonic clock: half a period, so that who has just looked need not again
   */
  next(signal: AbortSignal): Promise<number> {
    this.#next ??= this.#wait(signal).finally(() => {
      this.#next = undefined;
    });
    return this.#next;
  }

  async #wait(signal: AbortSignal): Promise<number> {
    const waitMs = this.#isFirst
      ? this.everyMs * this.#random()
      : jitteredPeriodMs(this.everyMs, this.#random);
    this.#isFirst = false;
    await pause(waitMs, signal);
    return performance.now() - this.everyMs / 2;
  }
}

/** The last answer, and the one that is under way. */
class SharedAnswer<T> {
  readonly #ask: () => Promise<T>;
  #asked: Asked<T> | undefined;

  constructor(ask: () => Promise<T>) {
    this.#ask = ask;
  }

  /** An answer to what was asked at `sinceMs` or later. Throws what asking throws; who comes after a failure asks anew. */
  async since(sinceMs: number): Promise<T> {
    if (!this.#asked || this.#asked.atMs < sinceMs)
      this.#asked = { atMs: performance.now(), answer: this.#ask() };
    const asked = this.#asked;
    try {
      return await asked.answer;
    } catch (error) {
      if (this.#asked === asked) this.#asked = undefined;
      throw error;
    }
  }
}
