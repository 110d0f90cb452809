/**
 * Clients that do not find back. After almost every outage the client connects again by itself. But when the brokers named a
 * wrong address for a moment, for one, it can go on trying that address for ever (librdkafka 2.15.1), while a new client gets
 * through: then it has to be made anew.
 */
import type { GivesUp } from "@confluentinc/kafka-javascript/types/rdkafka.js";
import { messageOf } from "../../lib/errors.ts";
import type { Log } from "../../observe/log.ts";
import { type Client, disconnect, makeProducer } from "./client.ts";
import { type ClientOptions, connect, watchOf } from "./connect.ts";
import { HungBrokers, silentMs } from "./hung-brokers.ts";
import { bareProperties } from "./settings.ts";
import { type BrokerStatistics, onStatistics, type Statistics } from "./statistics.ts";

/** So many looks in a row at which no broker is reached, and another client is tried: a minute. */
const patience = 6;
/** So many more, once another client got through: more than the longest wait between two connections. */
const secondPatience = 3;

/**
 * Watches a connected client for as long as it lives, and has it give up connections to brokers that hang. `onLost` is called when it has to be made anew: it has reached no broker for
 * a minute and more, and another client has, or it was refused, and what it logs in with is another one on disk by now.
 *
 * @param take called each time when the client says how it is
 */
export function watchForLoss(
  client: Client,
  options: ClientOptions,
  onLost: () => void,
  take?: (statistics: Statistics) => void,
): void {
  const { agentName, log } = options;
  const connectAnother = async () => {
    await disconnect(await connect(makeProducer, options, (kafka) => bareProperties(kafka, agentName)));
  };
  const loss = new LossWatch(connectAnother, log, onLost);
  const watch = watchOf(client);
  let isSaid = false;
  if (watch) {
    watch.onOutdated = (reason) => {
      if (!isSaid) log.info(`a client is made anew: ${reason}`);
      isSaid = true;
      onLost();
    };
  }
  const hung =
    watch &&
    new HungBrokers({
      named: watch.named,
      isAnswered: (address) => watch.answers(address),
      giveUp: (address) => giveUp(client, address),
      log,
    });
  onStatistics(client, log, (statistics) => {
    const { brokers, leaderless } = statistics;
    take?.(statistics);
    loss.look(brokers);
    void hung?.look(brokers);
    watch?.look(brokers);
    watch?.lookAtLeaders(leaderless);
  });
}

function giveUp(client: Client, address: string): void {
  // Closed meanwhile, it has nothing to give up.
  if (!client.isConnected()) return;
  const native: GivesUp = client.getClient();
  native.giveUpSilent(address, silentMs);
}

export class LossWatch {
  readonly #connectAnother: () => Promise<void>;
  readonly #log: Pick<Log, "debug" | "warn">;
  readonly #onLost: () => void;
  #received = 0;
  /** Looks in a row at which no broker was reached. */
  #alone = 0;
  #isTrying = false;
  /** At how many of them it is lost, if it is alone until then: another client got through. */
  #lostAt: number | undefined;

  /** @param connectAnother connects a new client, for the try; throws when it can't */
  constructor(connectAnother: () => Promise<void>, log: Pick<Log, "debug" | "warn">, onLost: () => void) {
    this.#connectAnother = connectAnother;
    this.#log = log;
    this.#onLost = onLost;
  }

  /** To be called each time when the client says how its brokers are. */
  look(brokers: BrokerStatistics): void {
    if (this.#isReached(brokers)) {
      this.#alone = 0;
      this.#lostAt = undefined;
      return;
    }
    this.#alone++;
    if (this.#lostAt !== undefined) {
      if (this.#alone < this.#lostAt) return;
      this.#alone = 0;
      this.#lostAt = undefined;
      this.#log.warn("a client does not find back to the brokers, and a new one does: it is made anew");
      this.#onLost();
    } else if (this.#alone % patience === 0 && !this.#isTrying) {
      void this.#tryAnother();
    }
  }

  #isReached(brokers: BrokerStatistics): boolean {
    // The group's coordinator has a connection of its own, which says nothing about the others.
    const known = Object.values(brokers).filter(
      ({ source }) => source === "learned" || source === "configured",
    );
    const received = known.reduce((sum, { rx }) => sum + rx, 0);
    const isAnswered = received !== this.#received;
    this.#received = received;
    return isAnswered || known.some(({ state }) => state === "UP");
  }

  async #tryAnother(): Promise<void> {
    this.#isTrying = true;
    try {
      await this.#connectAnother();
      // The outage may have ended just now, also for this one.
      if (this.#alone > 0) this.#lostAt = this.#alone + secondPatience;
    } catch (error) {
      this.#log.debug(`a new client gets no further: ${messageOf(error)}`);
    } finally {
      this.#isTrying = false;
    }
  }
}
