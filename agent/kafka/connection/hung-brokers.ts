/**
 * Brokers of several that hang, or have lost their power: they refuse nothing and close nothing, so whoever waits for their answer
 * would wait for as long as a large request may take on a slow link (`socket.timeout.ms`), though others lead their partitions
 * within seconds.
 *
 * The client tells for how long nothing has moved on a connection on which something waits: no answer, and no byte that TCP
 * would acknowledge. That alone is no proof. A proxy can take a minute to pass on what it took at once, and a broker that is well can
 * let a request wait. So the broker is asked a small question on a connection of its own, and others are at the same time:
 * where the link is slow, or away, they answer no sooner, and nothing is given up.
 */
import { pause } from "../../lib/retry.ts";
import type { Log } from "../../observe/log.ts";
import type { BrokerStatistics } from "./statistics.ts";

/** So long nothing has to have moved. The brokers themselves take nine seconds (`broker.session.timeout.ms`). */
export const silentMs = 5000;
/** A broker has so long for its answer, */
const leastPatienceMs = 5000;
/** and so many times as long as the first of the others has taken. */
const patienceFactor = 4;
/** Of a large cluster not all are asked. */
const mostOthers = 3;

export interface HungBrokersOptions {
  /** `host:port` of those that the configuration names. */
  named: readonly string[];
  /** Whether a broker, `host:port`, answers; false after half a minute at the latest. Never rejects. */
  isAnswered(address: string): Promise<boolean>;
  /** Has the client close its connections to a broker, `host:port`, unless something has moved there meanwhile. */
  giveUp(address: string): void;
  log: Pick<Log, "warn" | "troubles">;
  time?: Time;
}

/** The monotonic clock, milliseconds. */
interface Time {
  nowMs(): number;
  pause(ms: number, signal: AbortSignal): Promise<void>;
}

const realTime: Time = { nowMs: () => performance.now(), pause };

/** Finds them for one client. */
export class HungBrokers {
  readonly #options: HungBrokersOptions;
  readonly #time: Time;
  #isAsking = false;

  constructor(options: HungBrokersOptions) {
    this.#options = options;
    this.#time = options.time ?? realTime;
  }

  /** To be called each time when the client says how its brokers are. Never rejects. */
  async look(brokers: BrokerStatistics): Promise<void> {
    if (this.#isAsking) return;
    const silent = silentOf(brokers);
    const others = [...this.#addresses(brokers)].filter((address) => !silent.has(address));
    if (silent.size === 0 || others.length === 0) return;
    this.#isAsking = true;
    try {
      await Promise.all([...silent].map((address) => this.#judge(address, others)));
    } finally {
      this.#isAsking = false;
    }
  }

  #addresses(brokers: BrokerStatistics): Set<string> {
    const known = Object.values(brokers).flatMap(({ nodename = "" }) => (nodename === "" ? [] : [nodename]));
    return new Set([...known, ...this.#options.named]);
  }

  async #judge(address: string, others: readonly string[]): Promise<void> {
    if (!(await this.#isHung(address, others))) return;
    const { log, giveUp } = this.#options;
    giveUp(address);
    // Several clients find it at the same time.
    const trouble = log.troubles.share(`broker ${address}`, "it does not answer, and others do");
    if (trouble.isFirst)
      log.warn(`broker ${address}: it does not answer, and others do: what waits for it is asked of them`);
    trouble.end();
  }

  async #isHung(address: string, others: readonly string[]): Promise<boolean> {
    const { isAnswered } = this.#options;
    const sinceMs = this.#time.nowMs();
    const over = new AbortController();
    let hasAnswered = false;
    const answer = isAnswered(address).then((isOne) => {
      hasAnswered = isOne;
      over.abort();
    });
    if (!(await anyOf(someAtRandom(others).map(isAnswered)))) return false;
    const tookMs = this.#time.nowMs() - sinceMs;
    const patienceMs = Math.max(leastPatienceMs, patienceFactor * tookMs) - tookMs;
    await Promise.race([answer, this.#time.pause(patienceMs, over.signal)]);
    return !hasAnswered;
  }
}

function silentOf(brokers: BrokerStatistics): Set<string> {
  const silent = new Set<string>();
  for (const { nodename, silent: silentUs = 0 } of Object.values(brokers))
    if (nodename !== undefined && silentUs >= silentMs * 1000) silent.add(nodename);
  return silent;
}

function someAtRandom(addresses: readonly string[]): string[] {
  return addresses
    .map((address) => ({ address, place: Math.random() }))
    .sort((a, b) => a.place - b.place)
    .slice(0, mostOthers)
    .map(({ address }) => address);
}

/** Resolves with true as soon as one does, else with false. */
async function anyOf(answers: readonly Promise<boolean>[]): Promise<boolean> {
  const orThrow = answers.map(async (answer) => {
    if (!(await answer)) throw new Error("no answer");
  });
  return Promise.any(orThrow).then(
    () => true,
    () => false,
  );
}
