/** Is a topic made so that nothing gets lost in it? Judges what `inspectTopic` gave, asks nothing. */
import type { KafkaConfig } from "../config/config.ts";
import type { TopicInspection } from "../kafka/topics/inspect.ts";
import type { NewTopic } from "../kafka/topics/new-topic.ts";
import { isByDevices, type Topic } from "../kafka/topics/topics.ts";
import { leastMessageBytes } from "../lib/limits.ts";
import { longestKeyBytes } from "../wire/entry-key.ts";
import { limits } from "../wire/limits.ts";
import { about, aboutBytes, count } from "./amounts.ts";
import { type Finding, fail, ok, warn } from "./finding.ts";
import { addPartitions, setTopic } from "./fixes.ts";

/** For whoever wants several and has not said how many. */
const usualPartitions = 4;

/** About what a batch of the ledger has at most, and what a mark, bytes. */
const batchBytes = limits.entry + longestKeyBytes;
const markBytes = limits.startEntry + longestKeyBytes;

/** What a topic is judged by. */
export interface Circumstances {
  kafka: KafkaConfig;
  brokers: number;
  /** The configured chunk size; undefined: as large as the topic takes. */
  chunkBytes?: number;
  /** An uploader spreads each file over all partitions. */
  spreads?: boolean;
}

/** The topic of the chunks. */
export function judgeChunks(found: TopicInspection, circumstances: Circumstances): Finding[] {
  const { kafka, chunkBytes, spreads = false } = circumstances;
  const { topic } = found;
  const subject = `topic ${topic.name}`;
  const policy = topic.settings.get("cleanup.policy");
  const wrong = judgeBoth(found, circumstances, subject);
  if (policy?.includes("compact")) {
    const text = `cleanup.policy is ${policy}: all chunks of a file but one would be lost`;
    wrong.push(fail(subject, text, setTopic(kafka, topic.name, "cleanup.policy=delete")));
  }
  wrong.push(
    ...judgeTimes(topic, kafka, subject, "chunks from a device with a wrong clock may expire at once"),
  );
  if (chunkBytes !== undefined && chunkBytes > topic.maxMessageBytes) {
    const text = `takes records of at most ${topic.maxMessageBytes} bytes, so chunks will be smaller than uploader.chunk (${chunkBytes})`;
    wrong.push(
      warn(subject, text, setTopic(kafka, topic.name, `max.message.bytes=${chunkBytes + leastMessageBytes}`)),
    );
  }
  if (spreads && topic.partitions === 1) {
    const text = "has 1 partition: with it uploader.partitioning: spread is the same as file";
    wrong.push(warn(subject, text, addPartitions(kafka, topic.name, usualPartitions)));
  }
  const facts = [describe(found), kept(topic.settings), `records up to ${aboutBytes(topic.maxMessageBytes)}`];
  return orFine(wrong, subject, facts);
}

/** The ledger. */
export function judgeLedger(found: TopicInspection, circumstances: Circumstances): Finding[] {
  const { kafka } = circumstances;
  const { topic } = found;
  const subject = `ledger ${topic.name}`;
  const policy = topic.settings.get("cleanup.policy");
  const wrong = judgeBoth(found, circumstances, subject);
  if (policy !== undefined && policy !== "compact") {
    const text = `cleanup.policy is ${policy}: what was sent and what arrived would be forgotten`;
    wrong.push(fail(subject, text, setTopic(kafka, topic.name, "cleanup.policy=compact")));
  }
  wrong.push(...judgeTimes(topic, kafka, subject, "versions are numbered by the uploaders' own clocks"));
  if (topic.partitions !== kafka.ledgerPartitions) {
    const text = `has ${topic.partitions} partitions, not ${kafka.ledgerPartitions} as kafka.ledger_partitions says; what it has counts`;
    wrong.push(
      warn(subject, text, `set kafka.ledger_partitions: ${topic.partitions}; never add partitions to it`),
    );
  }
  wrong.push(...judgeEntries(topic, kafka, subject));
  return orFine(wrong, subject, [describe(found), ...(policy === undefined ? [] : ["compacted"])]);
}

/** Whoever has to write an entry that the brokers do not take waits until they do. */
function judgeEntries({ name, maxMessageBytes }: Topic, kafka: KafkaConfig, subject: string): Finding[] {
  // What is less than any topic needs is said already.
  if (maxMessageBytes >= markBytes || maxMessageBytes < leastMessageBytes) return [];
  const fix = setTopic(kafka, name, "max.message.bytes=1048588");
  const text = `max.message.bytes is ${maxMessageBytes}`;
  if (maxMessageBytes >= batchBytes)
    return [
      warn(subject, `${text}, and a mark may have ${markBytes}: a downloader would stand still then`, fix),
    ];
  return [fail(subject, `${text}, and a batch may have ${batchBytes}: an uploader stands still then`, fix)];
}

/**
 * A topic that is missing, and that the brokers would make.
 *
 * @param defaults settings of a broker by name, for what the agent leaves to them; empty where they can't be read
 */
export function judgeMissing(
  subject: string,
  { partitions }: NewTopic,
  { kafka, brokers }: Circumstances,
  defaults: ReadonlyMap<string, string>,
): Finding {
  const replicas =
    kafka.replication < 0
      ? Number(defaults.get("default.replication.factor") ?? Number.NaN)
      : kafka.replication;
  const copies = Number.isNaN(replicas) ? "" : ` and ${count(replicas, "replica")}`;
  const text = `is missing; the agent will make it, with ${count(partitions, "partition")}${copies}`;
  if (replicas > 1 || brokers === 1 || Number.isNaN(replicas))
    return ok(subject, `${text}: the brokers would accept that`);
  const fix = `set kafka.replication: ${Math.min(brokers, 3)}`;
  return fail(subject, `${text}, in a cluster of ${brokers} brokers: ${lostWithOne}`, fix);
}

const lostWithOne = "the loss of one disk loses data";

/** @param what comes of times that devices give */
function judgeTimes(topic: Topic, kafka: KafkaConfig, subject: string, what: string): Finding[] {
  if (!isByDevices(topic)) return [];
  const fix = setTopic(kafka, topic.name, "message.timestamp.type=LogAppendTime");
  return [warn(subject, `message.timestamp.type is CreateTime: ${what}`, fix)];
}

function judgeBoth(found: TopicInspection, { kafka, brokers }: Circumstances, subject: string): Finding[] {
  const { topic, replicas, leaderless } = found;
  const wrong: Finding[] = [];
  if (topic.settings.size === 0) {
    const text = "its settings can't be read: whether they would lose data is not known";
    wrong.push(warn(subject, text, `give the right DESCRIBE_CONFIGS on topic ${topic.name}`));
  }
  if (leaderless.length > 0) {
    const text = `${leaderless.length} of ${topic.partitions} partitions have no leader`;
    wrong.push(fail(subject, text, "start the brokers that hold them"));
  }
  if (replicas === 1 && brokers > 1) {
    const text = `is kept once, in a cluster of ${brokers} brokers: ${lostWithOne}`;
    wrong.push(
      fail(
        subject,
        text,
        "give it more replicas with kafka-reassign-partitions.sh, and set kafka.replication",
      ),
    );
  }
  wrong.push(...judgeInSync(found, kafka, subject));
  if (topic.maxMessageBytes < leastMessageBytes) {
    const text = `max.message.bytes is ${topic.maxMessageBytes}, less than the ${leastMessageBytes} that are needed`;
    wrong.push(fail(subject, text, setTopic(kafka, topic.name, "max.message.bytes=1048588")));
  }
  return wrong;
}

/** Writes wait until as many replicas as min.insync.replicas are in sync. */
function judgeInSync(found: TopicInspection, kafka: KafkaConfig, subject: string): Finding[] {
  const { topic, replicas, behind } = found;
  const wrong: Finding[] = [];
  const least = Number(topic.settings.get("min.insync.replicas") ?? 1);
  if (least > replicas) {
    // Since then they take the number of replicas where there are fewer (KAFKA-15583).
    const text = `min.insync.replicas is ${least}, with ${count(replicas, "replica")}: brokers before 3.7 would take no writes`;
    wrong.push(warn(subject, text, setTopic(kafka, topic.name, `min.insync.replicas=${replicas}`)));
  }
  if (behind.length === 0) return [...wrong, ...judgeLeast(found, kafka, subject)];
  const out = [...new Set(behind.flatMap((partition) => partition.out))].toSorted((a, b) => a - b);
  const fix = `start ${out.length === 1 ? "broker" : "brokers"} ${out.join(", ")}, or see why ${out.length === 1 ? "it lags" : "they lag"} behind`;
  const tooFew = behind.filter((partition) => partition.inSync < Math.min(least, partition.replicas));
  if (tooFew.length > 0) {
    const inSync = Math.min(...tooFew.map((partition) => partition.inSync));
    const text = `${tooFew.length} of ${count(topic.partitions, "partition")} can't be written to: ${count(inSync, "replica")} in sync, min.insync.replicas is ${least}`;
    wrong.push(fail(subject, text, fix));
  } else {
    const text = `${behind.length} of ${count(topic.partitions, "partition")} are not in sync on all of their replicas`;
    wrong.push(warn(subject, text, fix));
  }
  return wrong;
}

/** Whether an acknowledgement is worth what the replicas cost. */
function judgeLeast({ topic, replicas }: TopicInspection, kafka: KafkaConfig, subject: string): Finding[] {
  if (topic.settings.get("min.insync.replicas") !== "1" || replicas < 3) return [];
  const text = `min.insync.replicas is 1, with ${count(replicas, "replica")}: what one broker alone has counts as stored, and is lost with it`;
  return [warn(subject, text, setTopic(kafka, topic.name, "min.insync.replicas=2"))];
}

function describe({ topic, replicas }: TopicInspection): string {
  return `${count(topic.partitions, "partition")}, ${count(replicas, "replica")}`;
}

function kept(settings: ReadonlyMap<string, string>): string {
  const ms = Number(settings.get("retention.ms") ?? Number.NaN);
  const bytes = Number(settings.get("retention.bytes") ?? -1);
  if (Number.isNaN(ms)) return "kept for an unknown time";
  const most = bytes < 0 ? "" : `, at most ${aboutBytes(bytes)} a partition`;
  return `kept ${ms < 0 ? "for ever" : `for ${about(ms)}`}${most}`;
}

function orFine(wrong: Finding[], subject: string, facts: readonly string[]): Finding[] {
  return wrong.length > 0 ? wrong : [ok(subject, facts.join(", "))];
}
