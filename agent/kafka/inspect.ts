/** Looking at a cluster without touching it: its brokers, a topic's replicas, and what this user may do. */
import RdKafka from "@confluentinc/kafka-javascript/lib/rdkafka.js";
import type { Client } from "./connect.ts";
import { codes, kafkaError } from "./errors.ts";
import { describeTopic, lookUpTopic, type Topic } from "./topics.ts";

const requestTimeoutMs = 10_000;

/** Operations by their names in Kafka; ALL is none of them, the brokers name each. */
export type Operation = "READ" | "WRITE" | "CREATE" | "DESCRIBE" | "DESCRIBE_CONFIGS";

const operations: ReadonlyMap<number, Operation> = new Map([
  [3, "READ"],
  [4, "WRITE"],
  [5, "CREATE"],
  [8, "DESCRIBE"],
  [10, "DESCRIBE_CONFIGS"],
]);

export interface TopicInspection {
  topic: Topic;
  /** Of the partition that has the fewest. */
  replicas: number;
  /** Partitions without a leader: nothing can be written or read there now. */
  leaderless: number;
  /** What this user may do; undefined where the brokers do not say. */
  rights: ReadonlySet<Operation> | undefined;
}

/** The topic with all that the brokers tell of it, `undefined` when there is none. Throws a `KafkaError`. */
export async function inspectTopic(client: Client, name: string): Promise<TopicInspection | undefined> {
  const topic = await describeTopic(client, name);
  const found = topic && (await lookUpTopic(client, name, { includeAuthorizedOperations: true }));
  if (!found) return undefined;
  return {
    topic,
    replicas: Math.min(...found.partitions.map(({ replicas }) => replicas.length)),
    leaderless: found.partitions.filter(({ leader }) => leader === null || leader.id < 0).length,
    rights: toRights(found.authorizedOperations),
  };
}

/** What this user may do with a group; undefined where the brokers do not say. Throws a `KafkaError`. */
export async function groupRights(
  client: Client,
  group: string,
): Promise<ReadonlySet<Operation> | undefined> {
  const admin = RdKafka.AdminClient.createFrom(client);
  const options = { includeAuthorizedOperations: true, timeout: requestTimeoutMs };
  const what = `looking up group ${group}`;
  const { groups } = await new Promise<RdKafka.GroupDescriptions>((resolve, reject) => {
    admin.describeGroups([group], options, (error, result) =>
      error ? reject(kafkaError(what, error)) : resolve(result),
    );
  });
  const [found] = groups;
  if (found?.error && kafkaError(what, found.error).code === codes.groupAuthorization) return new Set();
  return toRights(found?.authorizedOperations);
}

/** `host:port` of every broker, as clients are told to find it. Throws a `KafkaError`. */
export function brokerAddresses(client: Client, topic: string): Promise<string[]> {
  return new Promise((resolve, reject) => {
    client.getMetadata({ allTopics: false, topic, timeout: requestTimeoutMs }, (error, metadata) => {
      if (error) return reject(kafkaError("asking for the brokers", error));
      resolve(metadata.brokers.map(({ host, port }) => `${host.includes(":") ? `[${host}]` : host}:${port}`));
    });
  });
}

function toRights(found: readonly number[] | undefined): ReadonlySet<Operation> | undefined {
  if (!found || found.length === 0) return undefined;
  return new Set(found.flatMap((operation) => operations.get(operation) ?? []));
}
