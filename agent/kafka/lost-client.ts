/**
 * Clients that do not find back. After almost every outage the client connects again by itself. But when the brokers named a
 * wrong address for a moment, for one, it can go on trying that address for ever (librdkafka 2.15.1), while a new client gets
 * through: then it has to be made anew.
 */
import type { KafkaConfig } from "../config/config.ts";
import { messageOf } from "../lib/errors.ts";
import type { Log } from "../observe/log.ts";
import { type Client, connect, disconnect, makeProducer } from "./connect.ts";
import { connectionProperties } from "./settings.ts";
import { type BrokerStatistics, onStatistics } from "./statistics.ts";

/** Longer than a client takes to connect again after a quiet time, when it asks for the topic's partitions (every 30 s). */
const patienceMs = 60_000;

/** Calls `onLost` when this client has reached no broker for a minute and a new one can. Ends when it is disconnected. */
export function watchForLoss(
  client: Client,
  options: { kafka: KafkaConfig; agentName: string; log: Log },
  onLost: () => void,
): void {
  const { kafka, agentName, log } = options;
  const properties = { ...connectionProperties(kafka, agentName), ...kafka.options };
  const connectAnother = async () => {
    await disconnect(await connect(makeProducer, properties, kafka.topic, log));
  };
  const watch = new LostClientWatch(connectAnother, log, () => {
    if (client.isConnected()) onLost();
  });
  onStatistics(client, (brokers) => watch.look(brokers, performance.now()));
}

export class LostClientWatch {
  readonly #connectAnother: () => Promise<void>;
  readonly #log: Pick<Log, "debug" | "warn">;
  readonly #onLost: () => void;
  #received = 0;
  /** Since when no broker has been reached. */
  #aloneSinceMs: number | undefined;
  #isTrying = false;

  /** @param connectAnother connects a new client, for the try; throws when it can't */
  constructor(connectAnother: () => Promise<void>, log: Pick<Log, "debug" | "warn">, onLost: () => void) {
    this.#connectAnother = connectAnother;
    this.#log = log;
    this.#onLost = onLost;
  }

  /** To be called every few seconds with what the client says, and the monotonic clock. */
  look(brokers: BrokerStatistics, nowMs: number): void {
    // The group's coordinator has a connection of its own, which says nothing about the others.
    const known = Object.values(brokers).filter(
      ({ source }) => source === "learned" || source === "configured",
    );
    const received = known.reduce((sum, { rx }) => sum + rx, 0);
    const isReached = received !== this.#received || known.some(({ state }) => state === "UP");
    this.#received = received;
    if (isReached) this.#aloneSinceMs = undefined;
    else this.#aloneSinceMs ??= nowMs;
    if (this.#aloneSinceMs !== undefined && nowMs - this.#aloneSinceMs >= patienceMs && !this.#isTrying) {
      this.#aloneSinceMs = nowMs;
      void this.#tryAnother();
    }
  }

  async #tryAnother(): Promise<void> {
    this.#isTrying = true;
    try {
      await this.#connectAnother();
      // Meanwhile this one may have found back, too.
      if (this.#aloneSinceMs === undefined) return;
      this.#log.warn("a client does not find back to the brokers, and a new one does: it is made anew");
      this.#onLost();
    } catch (error) {
      this.#log.debug(`a new client gets no further: ${messageOf(error)}`);
    } finally {
      this.#isTrying = false;
    }
  }
}
