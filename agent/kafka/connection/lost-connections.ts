/**
 * Which brokers' connections were lost, from the client's statistics. Its event for lost brokers comes only when all of a
 * cluster's brokers are down at once.
 */
import type { BrokerStatistics } from "./statistics.ts";

/** By the names that the client has for its brokers. */
export type LostConnections = ReadonlySet<string>;

/** Counts for one client, whose numbers begin with zero. */
export class LossCounter {
  readonly #before = new Map<string, { disconnects: number; rx: number }>();

  /**
   * Brokers whose connection was lost since the call before, if it had worked: something was received since the loss before.
   * So an outage, however long, counts once, also one in which connections are accepted and never answered.
   */
  lost(brokers: BrokerStatistics): LostConnections {
    const lost = new Set<string>();
    for (const [broker, { disconnects, rx }] of Object.entries(brokers)) {
      const before = this.#before.get(broker) ?? { disconnects: 0, rx: 0 };
      if (disconnects === before.disconnects) continue;
      if (rx > before.rx) lost.add(broker);
      this.#before.set(broker, { disconnects, rx });
    }
    return lost;
  }
}
