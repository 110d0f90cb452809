/**
 * What a command that sends or stores works with: the producer, both topics, which are followed, and the ledger, for as long as it
 * works.
 */
import type { Config } from "../config/config.ts";
import { RecordProducer } from "../kafka/producer.ts";
import { FollowedTopics } from "../kafka/topics/followed-topics.ts";
import { prepareTopics } from "../kafka/topics/topics.ts";
import { checkLayout } from "../ledger/layout.ts";
import { Ledger } from "../ledger/ledger.ts";
import { effectsOfBuild } from "../lib/crash-points.ts";
import type { Effects } from "../lib/effects.ts";
import { watchMemory } from "../lib/memory-watch.ts";
import { isPermanent, retry } from "../lib/retry.ts";
import type { Log } from "../observe/log.ts";
import type { Reporting } from "../observe/reporting.ts";
import type { Connected, RoleRun } from "./role-run.ts";

/** Of its own, without code: somewhat below what a role takes with one large file. */
const softMemoryBytes = { uploader: 34 << 20, downloader: 50 << 20 };
/**
 * How often the topics are looked at. An uploader looks before it writes besides, unless it has within 5 s (`NameClaim.confirm`), and
 * when its reader finds the ledger gone or cut: what an idle one learns late is that the chunks' topic is another one. Until then
 * it is asked by the downloaders for what they miss of that.
 */
const topicLookMs = { uploader: 300_000, downloader: 10_000 };

/**
 * Connects, and returns what the work does. A mistake in the set-up ends `once`; otherwise it is waited for, as somebody may be about to
 * mend it.
 */
export async function whileConnected<Result>(
  config: Config,
  once: boolean,
  reporting: Reporting,
  signal: AbortSignal,
  work: (connection: Pick<RoleRun<unknown>, "connected" | "effects" | "attempt">) => Promise<Result>,
): Promise<Result> {
  const { log, observer } = reporting;
  const giveUp = once ? isPermanent : () => false;
  const attempt = { what: "starting", log, signal, giveUp };
  const effects = effectsOfBuild();
  watchMemory(softMemoryBytes[config.role], signal);
  observer.phase = "connecting to Kafka";
  const producer = await retry(attempt, () => openProducer(config, effects, log, signal));
  observer.kafkaConnected = () => producer.isConnected;
  try {
    const connected = await connectTopics(config, producer, reporting, attempt);
    return await followingTopics(connected, async () => {
      observer.phase = "reading the ledger";
      await retry({ ...attempt, what: "reading the ledger" }, () => checkLayout(connected.ledger));
      return work({ connected, effects, attempt });
    });
  } finally {
    await producer.close(config.shutdownTimeoutMs);
  }
}

/** Both topics are followed while something is done: they may be deleted and made again also while the ledger is read first. */
async function followingTopics<Result>(
  { followed }: Connected,
  work: () => Promise<Result>,
): Promise<Result> {
  // Also while what is under way is finished, once the agent is told to stop.
  const ended = new AbortController();
  const { signal } = ended;
  const following = followed.follow(signal);
  try {
    return await work();
  } finally {
    ended.abort();
    await following;
  }
}

function openProducer(
  config: Config,
  effects: Effects,
  log: Log,
  signal: AbortSignal,
): Promise<RecordProducer> {
  const { kafka, name: agentName } = config;
  const options = { kafka, agentName, effects, log, signal };
  if (config.role === "downloader") return RecordProducer.open(options);
  const { inFlightBytes: queueBytes, compression } = config.uploader;
  return RecordProducer.open({ ...options, queueBytes, compression });
}

async function connectTopics(
  { role, kafka, name: agentName }: Config,
  producer: RecordProducer,
  { log, observer }: Reporting,
  attempt: RoleRun<unknown>["attempt"],
): Promise<Connected> {
  const topics = await retry(attempt, async () => prepareTopics(await producer.client(), kafka, log));
  const followed = new FollowedTopics({ kafka, producer, log, everyMs: topicLookMs[role] }, topics);
  const options = { kafka, agentName, producer, topic: followed.ledger, log, signal: attempt.signal };
  const ledger = new Ledger({ ...options, observer }, role === "uploader" ? attempt.giveUp : isPermanent);
  return { producer, topics, followed, ledger, searched: new Ledger(options) };
}
