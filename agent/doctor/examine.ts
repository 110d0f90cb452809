/**
 * `doctor`: looks at everything that the role needs, in the order in which it needs it. What could not be looked at
 * because of an earlier finding is said to be untried. Nothing is made or changed: rights are asked for, topics that are
 * missing are only validated, positions are read without joining the group.
 */

import type { Config } from "../config/config.ts";
import type { Client } from "../kafka/connect.ts";
import { codes, KafkaError } from "../kafka/errors.ts";
import { brokerAddresses, groupRights, inspectTopic, type TopicInspection } from "../kafka/inspect.ts";
import { type NewTopic, newTopics, validateTopic } from "../kafka/new-topic.ts";
import type { RecordProducer } from "../kafka/producer.ts";
import { deviceNowMs } from "../lib/clock.ts";
import { messageOf } from "../lib/errors.ts";
import type { Log } from "../observe/log.ts";
import { judgeBacklog, measureBacklog } from "./backlog.ts";
import { knockAtCluster, reachBrokers } from "./brokers.ts";
import { examineClock } from "./clock.ts";
import { type Finding, fail, ok, untried } from "./finding.ts";
import { giveRights, makeTopic } from "./fixes.ts";
import { examineName } from "./name.ts";
import { examineOutput } from "./output.ts";
import { withPatience } from "./patience.ts";
import { judgeRights, neededRights } from "./rights.ts";
import { judgeChunks, judgeLedger } from "./topics.ts";
import { examineWatches } from "./watches.ts";

/** For a look that takes several requests, or reads a part of the ledger. */
const requestsMs = 60_000;

/** Gives findings as they are made. Throws a `ConfigurationError` where the client refuses `kafka.options`. */
export async function* examine(config: Config, log: Log, signal: AbortSignal): AsyncGenerator<Finding> {
  const producer = yield* reachBrokers(config, log, signal);
  if (producer === undefined) {
    yield untried("topics, rights, limits, retention, clock", "there is no connection");
  } else {
    try {
      yield* examineCluster(config, producer, log);
    } finally {
      await producer.close(0);
    }
  }
  if (config.role === "uploader") yield* examineWatches(config.uploader);
  else yield* await examineOutput(config.downloader);
}

async function* examineCluster(config: Config, producer: RecordProducer, log: Log): AsyncGenerator<Finding> {
  const { kafka } = config;
  const client = await producer.client();
  const addresses = await brokerAddresses(client, kafka.topic);
  yield await knockAtCluster(addresses);
  const chunkBytes = config.role === "uploader" ? config.uploader.chunkBytes : "auto";
  const circumstances = {
    kafka,
    brokers: addresses.length,
    ...(chunkBytes === "auto" ? {} : { chunkBytes }),
  };
  const wanted = newTopics(kafka);
  const chunks = yield* findTopic(config, client, wanted.chunks);
  if (chunks) yield* judgeChunks(chunks, circumstances);
  const ledger = yield* findTopic(config, client, wanted.ledger);
  if (ledger) yield* judgeLedger(ledger, circumstances);
  const denied = yield* examineRights(config, client, [chunks, ledger]);
  if (!chunks || !ledger || denied) {
    const why = denied ? "a right is missing" : "a topic is missing";
    yield untried(config.role === "uploader" ? "name, clock" : "backlog, clock", why);
    return;
  }
  const topics = { chunks: chunks.topic, ledger: ledger.topic };
  if (config.role === "uploader") {
    yield* attempt(`name ${config.name}`, async () => [await examineName(config, topics.ledger, log)]);
  } else {
    const role = config.downloader;
    yield* attempt("backlog", async () => {
      const backlog = await measureBacklog(config, role, topics.chunks, log);
      return judgeBacklog(config, topics.chunks, backlog, deviceNowMs());
    });
  }
  yield* attempt("clock", () => examineClock(config, topics, producer));
}

/** What the brokers tell of the topic; undefined where there is none, or no right to know. */
async function* findTopic(
  config: Config,
  client: Client,
  wanted: NewTopic,
): AsyncGenerator<Finding, TopicInspection | undefined> {
  const { kafka } = config;
  const subject = wanted.name === kafka.ledger ? `ledger ${wanted.name}` : `topic ${wanted.name}`;
  try {
    const found = await inspectTopic(client, wanted.name);
    if (found) return found;
    if (!kafka.createTopics) {
      yield fail(subject, "is missing, and kafka.create_topics is false", makeTopic(kafka, wanted));
      return undefined;
    }
    await validateTopic(client, wanted, kafka);
    const partitions = `${wanted.partitions} partition${wanted.partitions === 1 ? "" : "s"}`;
    yield ok(
      subject,
      `is missing; the agent will make it, with ${partitions}: the brokers would accept that`,
    );
  } catch (error) {
    yield explain(config, subject, wanted, error);
  }
  return undefined;
}

function explain(config: Config, subject: string, wanted: NewTopic, error: unknown): Finding {
  if (!(error instanceof KafkaError)) throw error;
  const { kafka } = config;
  const denied = error.code === codes.topicAuthorization || error.code === codes.clusterAuthorization;
  const reason = error.message.replace(/^making topic [^:]*: /, "");
  const isLookingUp = reason === error.message;
  if (denied && isLookingUp) {
    const needed = neededRights(config).find(({ name }) => name === wanted.name);
    const rights = [...(needed?.operations ?? []), ...(needed?.better ?? [])];
    const text = "denied to this user, be it there or not";
    return fail(subject, text, giveRights(kafka, "topic", wanted.name, rights));
  }
  if (denied) {
    const fix = `${giveRights(kafka, "topic", wanted.name, ["CREATE"])}; or ${makeTopic(kafka, wanted)}`;
    return fail(subject, "is missing, and this user may not make it", fix);
  }
  if (isLookingUp) return fail(subject, reason, "see the line on brokers");
  const text = `is missing, and the brokers would not make it: ${reason}`;
  return fail(subject, text, "correct kafka.replication, partitions and retention, or make it yourself");
}

/** Returns whether one is denied without which the role can't work. */
async function* examineRights(
  config: Config,
  client: Client,
  topics: readonly (TopicInspection | undefined)[],
): AsyncGenerator<Finding, boolean> {
  const findings: Finding[] = [];
  for (const needed of neededRights(config)) {
    if (needed.resource === "group") {
      const judge = async () => judgeRights(config.kafka, needed, await groupRights(client, needed.name));
      for await (const finding of attempt(`rights on group ${needed.name}`, judge)) findings.push(finding);
      continue;
    }
    const found = topics.find((inspection) => inspection?.topic.name === needed.name);
    if (found) findings.push(...judgeRights(config.kafka, needed, found.rights));
  }
  yield* findings;
  return findings.some(({ level }) => level === "fail");
}

/** A look that fails is a finding as well. */
async function* attempt(subject: string, look: () => Promise<Finding[]>): AsyncGenerator<Finding> {
  try {
    yield* (await withPatience(look(), requestsMs)) ?? [untried(subject, "the brokers take too long")];
  } catch (error) {
    if (!(error instanceof KafkaError)) throw error;
    yield fail(subject, messageOf(error), "see the lines on rights and brokers");
  }
}
