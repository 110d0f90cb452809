/** The two topics: described, made when missing, and checked for settings that would lose data. */
import RdKafka from "@confluentinc/kafka-javascript/lib/rdkafka.js";
import type { KafkaConfig } from "../../config/config.ts";
import { AgentError } from "../../lib/errors.ts";
import { defaultMessageBytes, leastMessageBytes } from "../../lib/limits.ts";
import { pause } from "../../lib/retry.ts";
import type { Log } from "../../observe/log.ts";
import type { Client } from "../connection/client.ts";
import { ask, type KafkaError, kafkaError } from "../errors.ts";
import { askController } from "./ask-controller.ts";
import { createTopic, type NewTopic, newLog, newTopics } from "./new-topic.ts";
import type { FoundSettings, FoundTopic, FoundTopics } from "./topic-looks.ts";

/** A topic as the brokers have it now. */
export interface Topic {
  name: string;
  /** Changes when the topic is deleted and made again. */
  id: string;
  partitions: number;
  /** `max.message.bytes`; the brokers' default where the right to read it is missing. */
  maxMessageBytes: number;
  /** Settings by name; empty where the right to read them (DESCRIBE_CONFIGS) is missing. */
  settings: ReadonlyMap<string, string>;
}

export interface Topics {
  chunks: Topic;
  ledger: Topic;
}

const requestTimeoutMs = 30_000;

/**
 * Both topics, made when they are missing and `create_topics` allows it. Throws an `AgentError`: permanent when a
 * right is missing, a topic is missing and may not be made, or a setting would lose data; else retryable.
 */
export async function prepareTopics(client: Client, kafka: KafkaConfig, log: Log): Promise<Topics> {
  const wanted = newTopics(kafka);
  const found = await describeTopics(client, [kafka.topic, kafka.ledger]);
  const prepare = (topic: NewTopic) => found.get(topic.name) ?? makeTopic(client, kafka, log, topic);
  const chunks = await prepare(wanted.chunks);
  const ledger = await prepare(wanted.ledger);
  checkSettings("chunks", chunks, log);
  checkSettings("ledger", ledger, log);
  return { chunks, ledger };
}

/** The topic for events, made when it is missing and `create_topics` allows it. Throws an `AgentError`, see `prepareTopics`. */
export async function prepareEventsTopic(
  client: Client,
  kafka: KafkaConfig,
  name: string,
  log: Log,
): Promise<void> {
  if (!(await lookUpTopic(client, name))) await makeTopic(client, kafka, log, newLog(kafka, name));
}

/** The topic as it is now, `undefined` when there is none. Throws a `KafkaError`. */
export async function describeTopic(client: Client, name: string): Promise<Topic | undefined> {
  return (await describeTopics(client, [name])).get(name);
}

/** Those of these topics that are there, by name. Throws a `KafkaError`. */
async function describeTopics(client: Client, names: readonly string[]): Promise<Map<string, Topic>> {
  const all = await lookUpTopics(client, names);
  const found = names.flatMap((name) => {
    const one = all.get(name);
    if (one instanceof Error) throw one;
    return one ?? [];
  });
  if (found.length === 0) return new Map();
  const settings = await describeSettingsOf(
    client,
    found.map(({ name }) => name),
  );
  return new Map(found.map((one) => [one.name, toTopic(one, settings.get(one.name) ?? new Map())]));
}

export function toTopic(found: FoundTopic, settings: ReadonlyMap<string, string>): Topic {
  return {
    name: found.name,
    id: topicId(found),
    partitions: found.partitions.length,
    ...settingsOf(settings),
  };
}

/** What of a topic its settings say. */
export function settingsOf(
  settings: ReadonlyMap<string, string>,
): Pick<Topic, "maxMessageBytes" | "settings"> {
  return { maxMessageBytes: Number(settings.get("max.message.bytes") ?? defaultMessageBytes), settings };
}

type LookOptions = { includeAuthorizedOperations?: boolean };

/** The topic in the client's words, `undefined` when there is none. Throws a `KafkaError`. */
export async function lookUpTopic(
  client: Client,
  name: string,
  options: LookOptions = {},
): Promise<FoundTopic | undefined> {
  const found = (await lookUpTopics(client, [name], options)).get(name);
  if (found instanceof Error) throw found;
  return found;
}

/** These topics by one request: in the client's words, or why each can't be had. Throws a `KafkaError` where none is answered. */
export async function lookUpTopics(
  client: Client,
  names: readonly string[],
  options: LookOptions = {},
): Promise<FoundTopics> {
  const admin = RdKafka.AdminClient.createFrom(client);
  const found = await askController<FoundTopic[]>(client, lookingUp(names), (answer) =>
    admin.describeTopics([...names], { ...options, timeout: requestTimeoutMs }, answer),
  );
  return new Map(
    found.flatMap((one): [string, FoundTopic | KafkaError][] => {
      if (!one.error) return [[one.name, one]];
      const reason = kafkaError(lookingUp([one.name]), one.error);
      return reason.unknownTopic ? [] : [[one.name, reason]];
    }),
  );
}

function lookingUp(names: readonly string[]): string {
  return `looking up topic ${names.join(" and ")}`;
}

/** How long the topic keeps records, milliseconds; `undefined`: for ever, or the right to read it is missing. */
export function retentionOf({ settings }: Topic): number | undefined {
  const retentionMs = Number(settings.get("retention.ms") ?? -1);
  return retentionMs >= 0 ? retentionMs : undefined;
}

/** How long the topic keeps what was taken out by a tombstone, milliseconds; `undefined`: the right to read it is missing. */
export function deleteRetentionOf({ settings }: Topic): number | undefined {
  const text = settings.get("delete.retention.ms");
  return text === undefined ? undefined : Number(text);
}

/** The offset after the last record of a partition. Throws a `KafkaError`. */
export async function endOffset(client: Client, topic: string, partition: number): Promise<number> {
  return (await watermarks(client, topic, partition)).high;
}

/** First offset that is still there, and the one after the last. Throws a `KafkaError`. */
export async function watermarks(
  client: Client,
  topic: string,
  partition: number,
): Promise<{ low: number; high: number }> {
  const what = `asking for the offsets of ${topic} [${partition}]`;
  const { lowOffset, highOffset } = await ask<RdKafka.WatermarkOffsets>(what, (answer) =>
    client.queryWatermarkOffsets(topic, partition, requestTimeoutMs, answer),
  );
  return { low: lowOffset, high: highOffset };
}

async function makeTopic(client: Client, kafka: KafkaConfig, log: Log, wanted: NewTopic): Promise<Topic> {
  const { name, partitions } = wanted;
  if (!kafka.createTopics) {
    throw new AgentError(
      `topic ${name} is missing, and kafka.create_topics is false: make it first`,
      "permanent",
    );
  }
  await createTopic(client, wanted, kafka);
  log.info(`made topic ${name} with ${partitions} partition${partitions === 1 ? "" : "s"}`);
  // It is there for one broker at first; the others hear of it a little later.
  for (let triesLeft = 50; triesLeft > 0; triesLeft--) {
    const made = await describeTopic(client, name);
    if (made && made.partitions > 0) return made;
    await pause(100);
  }
  throw new AgentError(`topic ${name} was made but the brokers do not show it`, "retryable");
}

/** Those that somebody here asks for: all of them are kilobytes, and each agent asks for them once a minute. */
const topicSettings = [
  "cleanup.policy",
  "delete.retention.ms",
  "max.message.bytes",
  "message.timestamp.type",
  "min.insync.replicas",
  "retention.bytes",
  "retention.ms",
];

/** The settings of these topics, by one request; see `Topic.settings`. Throws a `KafkaError`. */
export function describeSettingsOf(client: Client, names: readonly string[]): Promise<FoundSettings> {
  return describeSettings(
    client,
    names.map((name) => ({ type: 2, name, keys: topicSettings })),
  );
}

/** The settings of topics (2) or a broker (4), by name; with keys only those. Throws a `KafkaError`. */
export async function describeSettings(
  client: Client,
  resources: { type: 2 | 4; name: string; keys?: readonly string[] }[],
): Promise<FoundSettings> {
  const admin = RdKafka.AdminClient.createFrom(client);
  const what = `reading the settings of ${resources.map(({ name }) => name).join(" and ")}`;
  const described = await askController<RdKafka.DescribedResource[] | undefined>(client, what, (answer) =>
    admin._client.describeConfigs(resources, requestTimeoutMs, answer),
  );
  // A resource with an error of its own has no entries: the right to read settings is missing.
  return new Map((described ?? []).map(({ name, entries }) => [name, toSettings(entries)]));
}

function toSettings(entries: RdKafka.DescribedResource["entries"]): Map<string, string> {
  return new Map(
    Object.entries(entries).flatMap(([key, { value }]) => (value === null ? [] : [[key, value]])),
  );
}

/** The topic's id. The package's types say `base64str`; what comes is `base64`. */
export function topicId(found: FoundTopic): string {
  return (found.topicId as unknown as { base64: string }).base64;
}

/** What of the topic's settings would lose data, undefined: nothing that can be seen. */
export function settingProblem(which: keyof Topics, topic: Topic): string | undefined {
  const policy = topic.settings.get("cleanup.policy");
  if (which === "ledger") {
    if (policy === undefined || policy === "compact") return undefined;
    return setting(
      topic,
      "cleanup.policy",
      `${policy} would forget what was sent and delivered: use compact`,
    );
  }
  if (policy?.includes("compact"))
    return setting(
      topic,
      "cleanup.policy",
      "compact would keep one chunk of each file and lose the rest: use delete",
    );
  if (topic.maxMessageBytes < leastMessageBytes)
    return setting(topic, "max.message.bytes", `must be at least ${leastMessageBytes}`);
  return undefined;
}

/** Whether the topic goes by the clocks of the devices, which may be wrong. */
export function isByDevices(topic: Topic): boolean {
  return topic.settings.get("message.timestamp.type") === "CreateTime";
}

/** Says what comes of a topic that goes by the clocks of the devices. */
export function warnOfClocks(which: keyof Topics, topic: Topic, log: Log): void {
  if (!isByDevices(topic)) return;
  if (which === "ledger")
    log.warn(
      `topic ${topic.name}: message.timestamp.type is CreateTime: versions are numbered by the uploaders' own clocks; LogAppendTime is safe`,
    );
  else
    log.warn(
      `topic ${topic.name}: message.timestamp.type is CreateTime: chunks from a device with a wrong clock may expire at once; LogAppendTime is safe`,
    );
}

function checkSettings(which: keyof Topics, topic: Topic, log: Log): void {
  const problem = settingProblem(which, topic);
  if (problem !== undefined) throw new AgentError(`topic ${topic.name}: ${problem}`, "permanent");
  warnOfClocks(which, topic, log);
}

function setting(topic: Topic, name: string, what: string): string {
  return `${name}: ${what} (it is ${topic.settings.get(name)})`;
}
