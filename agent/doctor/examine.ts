/**
 * `doctor`: looks at everything that the role needs, in the order in which it needs it. What could not be looked at
 * because of an earlier finding is said to be untried. Nothing is made or changed: rights are asked for, topics that are
 * missing are only validated, positions are read without joining the group.
 */

import type { Config, KafkaConfig } from "../config/config.ts";
import { type Client, disconnect } from "../kafka/connection/client.ts";
import { watchOf } from "../kafka/connection/connect.ts";
import { groupConsumerProperties } from "../kafka/connection/settings.ts";
import { codes, KafkaError } from "../kafka/errors.ts";
import {
  type BrokerAddress,
  brokerAddresses,
  brokerSettings,
  inspectGroup,
  inspectTopic,
  type TopicInspection,
} from "../kafka/topics/inspect.ts";
import { type NewTopic, newLog, newTopics, validateTopic } from "../kafka/topics/new-topic.ts";
import type { Topics } from "../kafka/topics/topics.ts";
import { deviceNowMs } from "../lib/clock.ts";
import { messageOf } from "../lib/errors.ts";
import type { Log } from "../observe/log.ts";
import { judgeBacklog, measureBacklog } from "./backlog.ts";
import { brokerFailure, knockAtCluster, reachBrokers } from "./brokers.ts";
import { examineClock } from "./clock.ts";
import { type Finding, fail, untried } from "./finding.ts";
import { giveRights, makeTopic } from "./fixes.ts";
import { examineHttp } from "./http.ts";
import { examineLayout } from "./layout.ts";
import { examineName } from "./name.ts";
import { examineOutput } from "./output.ts";
import { Patience } from "./patience.ts";
import { eventsTopicOf, judgeMembers, judgeRights, judgeSession, neededRights } from "./rights.ts";
import { judgeChunks, judgeLedger, judgeMissing } from "./topics.ts";
import { examineWatches } from "./watches.ts";

/** To let go of the brokers in order; the process ends anyhow. */
const closeMs = 1000;
/** For the addresses; what keeps the client from asking takes a moment to be found out. */
const askMs = 4000;

/** Gives findings as they are made. Throws a `ConfigurationError` where the client refuses `kafka.options`. */
export async function* examine(config: Config, log: Log): AsyncGenerator<Finding> {
  const patience = new Patience();
  // Beside the brokers: the one may take its time while the others do.
  const files = collect(
    config.role === "uploader"
      ? examineWatches(config.uploader, patience)
      : examineOutput(config.downloader, config.name, patience),
  );
  files.catch(() => undefined);
  const client = yield* reachBrokers(config, log, patience);
  if (client === undefined) {
    yield untried("topics, rights, limits, retention, clock", "there is no connection");
  } else {
    yield* examineCluster({ config, client, log, patience });
    await patience.wait(disconnect(client), closeMs);
  }
  yield* await files;
  yield* (await patience.wait(examineHttp(config.http, config.name))) ?? [];
}

async function collect(findings: AsyncGenerator<Finding>): Promise<Finding[]> {
  return Array.fromAsync(findings);
}

interface Parts {
  config: Config;
  client: Client;
  log: Log;
  patience: Patience;
}

async function* examineCluster(parts: Parts): AsyncGenerator<Finding> {
  const { config, client, patience } = parts;
  const { kafka } = config;
  const addresses = await patience.wait(
    brokerAddresses(client, kafka.topic).catch(() => undefined),
    askMs,
  );
  if (!addresses) {
    const known = await patience.wait(watchOf(client)?.reason() ?? Promise.resolve(undefined));
    yield known
      ? brokerFailure(known.reason)
      : fail("brokers", "they do not say who belongs to the cluster", "see the brokers' logs");
    return;
  }
  const unreachable = await knockAtCluster(addresses);
  yield* unreachable.findings;
  if (unreachable.all) {
    yield untried("topics, rights, limits, retention, clock", "no broker can be reached where it says it is");
    return;
  }
  const wanted = newTopics(kafka);
  const others = eventsTopicOf(config).map((name) => newLog(kafka, name));
  const looks = [wanted.chunks, wanted.ledger, ...others].map((topic) => findTopic(parts, topic, addresses));
  const rights = examineGroupRights(parts);
  rights.catch(() => undefined);
  const session = examineSession(parts, addresses[0]?.id ?? 0);
  session.catch(() => undefined);
  const [chunks, ledger, events] = await Promise.all(looks);
  const spreads = config.role === "uploader" && config.uploader.partitioning === "spread";
  const circumstances = { kafka, brokers: addresses.length, spreads, ...chunkBytesOf(config) };
  yield* chunks?.findings ?? [];
  if (chunks?.topic) yield* judgeChunks(chunks.topic, circumstances);
  yield* ledger?.findings ?? [];
  if (ledger?.topic) yield* judgeLedger(ledger.topic, circumstances);
  yield* events?.findings ?? [];
  const found = [chunks?.topic, ledger?.topic, events?.topic];
  const onRights = [...judgeTopicRights(config, found), ...(await rights)];
  yield* onRights;
  yield* await session;
  const denied = onRights.some(({ level }) => level === "fail");
  if (!chunks?.topic || !ledger?.topic || denied) {
    const why = denied ? "a right is missing" : "a topic is missing";
    yield untried(config.role === "uploader" ? "name, clock" : "backlog, clock", why);
    return;
  }
  yield* examineContents(parts, { chunks: chunks.topic.topic, ledger: ledger.topic.topic });
}

function chunkBytesOf(config: Config): { chunkBytes?: number } {
  const chunkBytes = config.role === "uploader" ? config.uploader.chunkBytes : "auto";
  return chunkBytes === "auto" ? {} : { chunkBytes };
}

/** What stands in the topics, as far as the role depends on it. */
async function* examineContents(parts: Parts, topics: Topics): AsyncGenerator<Finding> {
  const { config, client, log, patience } = parts;
  const subject = `ledger ${topics.ledger.name}`;
  const looks = [
    attempt(subject, patience, () => examineLayout(config, client, topics.ledger, log)),
    attempt("clock", patience, () => examineClock(config, topics, log)),
  ];
  if (config.role === "uploader") {
    const look = async () => [await examineName(config, topics.ledger, log)];
    looks.unshift(attempt(`name ${config.name}`, patience, look));
  } else {
    const role = config.downloader;
    const look = async () => {
      const backlog = await measureBacklog(config, role, topics.chunks, log);
      return judgeBacklog(config, topics.chunks, backlog, deviceNowMs());
    };
    looks.unshift(attempt("backlog", patience, look));
  }
  for (const findings of await Promise.all(looks)) yield* findings;
}

interface FoundTopic {
  /** undefined: there is none, or no right to know. */
  topic?: TopicInspection;
  findings: Finding[];
}

/** What the brokers tell of the topic. */
async function findTopic(
  { config, client, patience }: Parts,
  wanted: NewTopic,
  brokers: readonly BrokerAddress[],
): Promise<FoundTopic> {
  const { kafka } = config;
  const subject = wanted.name === kafka.ledger ? `ledger ${wanted.name}` : `topic ${wanted.name}`;
  const look = async (): Promise<FoundTopic> => {
    const found = await inspectTopic(client, wanted.name);
    if (found) return { topic: found, findings: [] };
    if (!kafka.createTopics) {
      const text = "is missing, and kafka.create_topics is false";
      return { findings: [fail(subject, text, makeTopic(kafka, wanted))] };
    }
    try {
      await validateTopic(client, wanted, kafka);
    } catch (error) {
      return { findings: [explainRefusal(kafka, subject, wanted, error)] };
    }
    const defaults = await brokerSettings(client, brokers[0]?.id ?? 0).catch(() => new Map<string, string>());
    const circumstances = { kafka, brokers: brokers.length };
    return { findings: [judgeMissing(subject, wanted, circumstances, defaults)] };
  };
  try {
    const found = await patience.wait(look());
    return found ?? { findings: [fail(subject, "the brokers do not answer", "see the lines on brokers")] };
  } catch (error) {
    return { findings: [explainLookUp(config, subject, wanted, error)] };
  }
}

/** The topic could not be looked up. */
function explainLookUp(config: Config, subject: string, wanted: NewTopic, error: unknown): Finding {
  if (!(error instanceof KafkaError)) throw error;
  if (!isDenied(error)) return fail(subject, error.message, "see the line on brokers");
  const needed = neededRights(config).find(({ name }) => name === wanted.name);
  const rights = [...(needed?.operations ?? []), ...(needed?.better ?? [])];
  const text = "denied to this user, be it there or not";
  return fail(subject, text, giveRights(config.kafka, "topic", wanted.name, rights));
}

/** The brokers would not make the topic. */
function explainRefusal(kafka: KafkaConfig, subject: string, wanted: NewTopic, error: unknown): Finding {
  if (!(error instanceof KafkaError)) throw error;
  if (isDenied(error)) {
    const fix = `${giveRights(kafka, "topic", wanted.name, ["CREATE"])}; or ${makeTopic(kafka, wanted)}`;
    return fail(subject, "is missing, and this user may not make it", fix);
  }
  const text = `is missing, and the brokers would not make it: ${error.reason}`;
  return fail(subject, text, "correct kafka.replication, partitions and retention, or make it yourself");
}

function isDenied({ code }: KafkaError): boolean {
  return code === codes.topicAuthorization || code === codes.clusterAuthorization;
}

function judgeTopicRights(config: Config, topics: readonly (TopicInspection | undefined)[]): Finding[] {
  return neededRights(config).flatMap((needed) => {
    const found = topics.find((inspection) => inspection?.topic.name === needed.name);
    return needed.resource === "topic" && found ? judgeRights(config.kafka, needed, found.rights) : [];
  });
}

async function examineGroupRights({ config, client, patience }: Parts): Promise<Finding[]> {
  const looks = neededRights(config)
    .filter(({ resource }) => resource === "group")
    .map((needed) => {
      const look = async () => {
        const { rights, members } = await inspectGroup(client, needed.name);
        return [
          ...judgeRights(config.kafka, needed, rights),
          ...judgeMembers(config.kafka, needed.name, members),
        ];
      };
      return attempt(`rights on group ${needed.name}`, patience, look);
    });
  return (await Promise.all(looks)).flat();
}

/** Whether the brokers allow a member's session.timeout.ms; says nothing where that can't be known. */
async function examineSession({ config, client, patience }: Parts, broker: number): Promise<Finding[]> {
  if (config.role !== "downloader") return [];
  const { kafka, name, downloader } = config;
  const properties = groupConsumerProperties(kafka, name, downloader.group, undefined);
  const settings = await patience.wait(brokerSettings(client, broker).catch(() => undefined));
  return settings ? judgeSession(downloader.group, Number(properties["session.timeout.ms"]), settings) : [];
}

/** A look that fails is a finding as well. */
async function attempt(
  subject: string,
  patience: Patience,
  look: () => Promise<Finding[]>,
): Promise<Finding[]> {
  try {
    return (await patience.wait(look())) ?? [untried(subject, "the brokers take too long")];
  } catch (error) {
    if (!(error instanceof KafkaError)) throw error;
    return [fail(subject, messageOf(error), "see the lines on rights and brokers")];
  }
}
