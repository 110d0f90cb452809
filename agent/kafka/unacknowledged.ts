/**
 * Why what was sent is not acknowledged. The client tries again by itself, for as long as it takes, and says nothing of the
 * brokers' refusals (too few replicas in sync, no leader): what they tell of the topic says it instead.
 */
import { messageOf } from "../lib/errors.ts";
import type { Trouble } from "../lib/troubles.ts";
import type { Log } from "../observe/log.ts";
import { KafkaError } from "./errors.ts";
import type { TopicInspection } from "./topics/inspect.ts";

/** A record that waits for its acknowledgement. */
export interface WaitingRecord {
  topic: string;
  partition: number;
  /** When it was handed over, by the monotonic clock. */
  sinceMs: number;
}

/** As long may a large record be under way on a slow link, or a broker away for a restart. */
const patienceMs = 30_000;
const what = "waiting for the brokers to store what was sent";

export class Unacknowledged {
  readonly #inspect: (topic: string) => Promise<TopicInspection | undefined>;
  readonly #isAnswered: () => Promise<boolean>;
  readonly #log: Pick<Log, "warn" | "info" | "troubles">;
  #trouble: Trouble | undefined;
  #isLooking = false;

  /**
   * @param inspect what the brokers tell of a topic; undefined: there is none
   * @param isAnswered whether a broker answers, however much is on its way to it
   */
  constructor(
    inspect: (topic: string) => Promise<TopicInspection | undefined>,
    isAnswered: () => Promise<boolean>,
    log: Pick<Log, "warn" | "info" | "troubles">,
  ) {
    this.#inspect = inspect;
    this.#isAnswered = isAnswered;
    this.#log = log;
  }

  /** To be called from time to time with the record that waits the longest; undefined: none does. Never throws. */
  async look(oldest: WaitingRecord | undefined): Promise<void> {
    if (oldest === undefined || performance.now() - oldest.sinceMs < patienceMs) return this.end();
    if (this.#isLooking) return;
    this.#isLooking = true;
    try {
      this.#say(await this.#reason(oldest));
    } finally {
      this.#isLooking = false;
    }
  }

  end(): void {
    if (!this.#trouble) return;
    this.#log.info(`${what}: works again`);
    this.#log.troubles.end(this.#trouble);
    this.#trouble = undefined;
  }

  #say(reason: string | undefined): void {
    if (reason === this.#trouble?.reason) return;
    // Nothing is wrong with the topic: a slow link, that is.
    if (reason === undefined) {
      this.end();
      return;
    }
    this.#log.warn(`${what}: ${reason}`);
    this.#trouble ??= this.#log.troubles.begin(what, reason);
    this.#trouble.reason = reason;
  }

  async #reason({ topic, partition }: WaitingRecord): Promise<string | undefined> {
    try {
      const found = await this.#inspect(topic);
      return found ? explainUnwritable(found, partition) : `topic ${topic} is not there any more`;
    } catch (error) {
      if (!(error instanceof KafkaError) || !error.unanswered) return messageOf(error);
      // On a slow link the question waits behind what is on its way.
      return (await this.#isAnswered()) ? undefined : "the brokers do not answer: see whether they hang";
    }
  }
}

/** Why nothing can be written to a partition; undefined: it can. */
export function explainUnwritable(found: TopicInspection, partition: number): string | undefined {
  const { topic, leaderless, behind } = found;
  const which = `topic ${topic.name}, partition ${partition}`;
  const short = behind.find((one) => one.partition === partition);
  const brokers = short ? `broker${short.out.length === 1 ? "" : "s"} ${short.out.join(", ")}` : "";
  if (leaderless.includes(partition))
    return `${which} has no leader: start ${brokers === "" ? "the brokers that hold it" : brokers}`;
  const least = Number(topic.settings.get("min.insync.replicas") ?? Number.NaN);
  if (!short || short.inSync >= Math.min(Number.isNaN(least) ? short.replicas : least, short.replicas))
    return undefined;
  const wanted = Number.isNaN(least) ? "" : `, min.insync.replicas is ${least}`;
  return `${which} has ${short.inSync} of ${short.replicas} replicas in sync${wanted}: start ${brokers}`;
}
