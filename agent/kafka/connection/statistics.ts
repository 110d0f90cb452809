/** What a client says about itself every ten seconds. Source of the fields: librdkafka's STATISTICS.md. */
import type { EventEmitter } from "node:events";
import { messageOf } from "../../lib/errors.ts";
import { count, fields, mapOf, type Shape, type Shaped, text } from "../../lib/json-shape.ts";
import type { Log } from "../../observe/log.ts";
import type { Client } from "./client.ts";

/** By the names that the client has for its brokers. */
export type BrokerStatistics = Shaped<typeof statistics>["brokers"];

export interface Statistics {
  brokers: BrokerStatistics;
  /** What the client reads and can't, as nobody leads it: "topic files, partition 3". */
  leaderless: readonly string[];
  /** Which topic it is that it has to do with under a name, where the brokers tell (upstream-fixes.patch). */
  topicIds: ReadonlyMap<string, string>;
}

const flag: Shape<boolean> = (value) => value === true;
const id: Shape<number> = (value) => (typeof value === "number" ? value : -1);

const statistics = fields(
  {
    brokers: mapOf(
      fields(
        { source: text, state: text, disconnects: count, rx: count },
        // For how long something has waited there and nothing has moved, microseconds (upstream-fixes.patch).
        { nodename: text, silent: count },
      ),
    ),
  },
  { topics: mapOf(fields({ topic_id: text, partitions: mapOf(fields({ desired: flag, leader: id })) })) },
);

/** Hands on what a client says, for as long as it is connected. */
export function onStatistics(
  client: Client,
  log: Pick<Log, "debug">,
  take: (statistics: Statistics) => void,
): void {
  const events: EventEmitter = client;
  events.on("event.stats", ({ message }: { message: string }) => {
    if (!client.isConnected()) return;
    let read: Statistics;
    try {
      read = readStatistics(message);
    } catch (error) {
      // The client escapes nothing: a quotation mark in `client.id` is enough.
      return log.debug(`the client's statistics can't be read: ${messageOf(error)}`);
    }
    take(read);
  });
}

/** Throws when these are no statistics. */
export function readStatistics(json: string): Statistics {
  const { brokers, topics = {} } = statistics(JSON.parse(json));
  const leaderless: string[] = [];
  const topicIds = new Map<string, string>();
  for (const [topic, { topic_id, partitions }] of Object.entries(topics)) {
    if (topic_id !== "") topicIds.set(topic, topic_id);
    for (const [partition, { desired, leader }] of Object.entries(partitions))
      if (desired && leader < 0) leaderless.push(`topic ${topic}, partition ${partition}`);
  }
  return { brokers, leaderless, topicIds };
}
