/** Looking at a cluster without touching it: its brokers, a topic's replicas, and what this user may do. */
import RdKafka from "@confluentinc/kafka-javascript/lib/rdkafka.js";
import { formatAddress } from "../../lib/address.ts";
import { pause } from "../../lib/retry.ts";
import type { Client } from "../connection/client.ts";
import { ask, codes, kafkaError } from "../errors.ts";
import { describeSettings, describeTopic, lookUpTopic, type Topic } from "./topics.ts";

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

export interface PartitionBehind {
  partition: number;
  replicas: number;
  /** Replicas that have all of it; `min.insync.replicas` is about these. */
  inSync: number;
  /** The brokers whose replica has not. */
  out: readonly number[];
}

export interface TopicInspection {
  topic: Topic;
  /** Of the partition that has the fewest. */
  replicas: number;
  /** Partitions without a leader: nothing can be written or read there now. */
  leaderless: readonly number[];
  /** Partitions that not all of their replicas have in full. */
  behind: readonly PartitionBehind[];
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
    leaderless: found.partitions
      .filter(({ leader }) => leader === null || leader.id < 0)
      .map(({ partition }) => partition),
    behind: partitionsBehind(found),
    rights: toRights(found.authorizedOperations),
  };
}

/** Partitions that not all of their replicas have in full. */
export function partitionsBehind({ partitions }: RdKafka.TopicDescription): PartitionBehind[] {
  return partitions.flatMap(({ partition, replicas, isr }) => {
    const inSync = new Set(isr.map(({ id }) => id));
    const out = replicas.map(({ id }) => id).filter((id) => !inSync.has(id));
    return out.length === 0
      ? []
      : [{ partition, replicas: replicas.length, inSync: replicas.length - out.length, out }];
  });
}

/** A member of a group, and the topics of which it has partitions now. */
export interface GroupMember {
  clientId: string;
  host: string;
  topics: readonly string[];
}

export interface GroupInspection {
  members: readonly GroupMember[];
  /** What this user may do with it; undefined where the brokers do not say. */
  rights: ReadonlySet<Operation> | undefined;
}

/** The group as the brokers tell of it. Throws a `KafkaError`. */
export async function inspectGroup(client: Client, group: string): Promise<GroupInspection> {
  const what = `looking up group ${group}`;
  // A cluster that never had a group makes the topic of their positions at the first question, and has no coordinator until then.
  for (let triesLeft = 20; ; triesLeft--) {
    const found = await describeGroup(client, group, what);
    const error = found?.error && kafkaError(what, found.error);
    if (error?.code === codes.groupAuthorization) return { members: [], rights: new Set() };
    const rights = toRights(found?.authorizedOperations);
    if (rights || !error || triesLeft === 0) return { members: (found?.members ?? []).map(toMember), rights };
    await pause(250);
  }
}

function toMember({ clientId, clientHost, assignment }: RdKafka.MemberDescription): GroupMember {
  const topics = assignment.topicPartitions.map(({ topic }) => topic);
  return { clientId, host: clientHost.replace(/^\//, ""), topics: [...new Set(topics)] };
}

/** `undefined`: the brokers know no such group. Throws a `KafkaError`. */
export async function describeGroup(
  client: Client,
  group: string,
  what: string,
): Promise<RdKafka.GroupDescription | undefined> {
  const admin = RdKafka.AdminClient.createFrom(client);
  const options = { includeAuthorizedOperations: true, timeout: requestTimeoutMs };
  const { groups } = await ask<RdKafka.GroupDescriptions>(what, (answer) =>
    admin.describeGroups([group], options, answer),
  );
  return groups[0];
}

/** A broker's own settings; empty where the right to read them (DESCRIBE_CONFIGS on the cluster) is missing. Throws a `KafkaError`. */
export async function brokerSettings(client: Client, id: number): Promise<ReadonlyMap<string, string>> {
  const name = String(id);
  return (await describeSettings(client, [{ type: 4, name }])).get(name) ?? new Map();
}

/** A broker as clients are told to find it. */
export interface BrokerAddress {
  id: number;
  /** `host:port` */
  address: string;
}

/** Every broker of the cluster. Throws a `KafkaError`. */
export async function brokerAddresses(client: Client, topic: string): Promise<BrokerAddress[]> {
  const { brokers } = await ask<RdKafka.Metadata>("asking for the brokers", (answer) =>
    client.getMetadata({ allTopics: false, topic, timeout: requestTimeoutMs }, answer),
  );
  return brokers.map((broker) => ({ id: broker.id, address: formatAddress(broker) }));
}

function toRights(found: readonly number[] | undefined): ReadonlySet<Operation> | undefined {
  if (!found || found.length === 0) return undefined;
  return new Set(found.flatMap((operation) => operations.get(operation) ?? []));
}
