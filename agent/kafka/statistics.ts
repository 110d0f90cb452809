/** What a client says about itself every ten seconds. Source of the fields: librdkafka's STATISTICS.md. */
import type { EventEmitter } from "node:events";
import { messageOf } from "../lib/errors.ts";
import { count, fields, mapOf, type Shaped, text } from "../lib/shape.ts";
import type { Log } from "../observe/log.ts";
import type { Client } from "./connect.ts";

export const statisticsEveryMs = 10_000;

/** By the names that the client has for its brokers. */
export type BrokerStatistics = Shaped<typeof statistics>["brokers"];

const statistics = fields({
  brokers: mapOf(fields({ source: text, state: text, disconnects: count, rx: count }, { nodename: text })),
});

/** Hands on what a client says, for as long as it is connected. */
export function onStatistics(
  client: Client,
  log: Pick<Log, "debug">,
  take: (brokers: BrokerStatistics) => void,
): void {
  const events: EventEmitter = client;
  events.on("event.stats", ({ message }: { message: string }) => {
    if (!client.isConnected()) return;
    let brokers: BrokerStatistics;
    try {
      brokers = readStatistics(message);
    } catch (error) {
      // The client escapes nothing: a quotation mark in `client.id` is enough.
      return log.debug(`the client's statistics can't be read: ${messageOf(error)}`);
    }
    take(brokers);
  });
}

/** Throws when these are no statistics. */
export function readStatistics(json: string): BrokerStatistics {
  return statistics(JSON.parse(json)).brokers;
}
