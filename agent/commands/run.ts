/** The composition root of `run`: builds what the role needs, hands it down, and takes it apart again. */
import { hostname } from "node:os";
import { version } from "../../package.json" with { type: "json" };
import type { Config } from "../config/config.ts";
import { type HttpServer, startHttp } from "../http/server.ts";
import { RecordProducer } from "../kafka/producer.ts";
import { FollowedTopics } from "../kafka/topics/followed-topics.ts";
import { prepareTopics } from "../kafka/topics/topics.ts";
import { checkLayout } from "../ledger/layout.ts";
import { Ledger } from "../ledger/ledger.ts";
import { effectsOfBuild } from "../lib/crash-points.ts";
import type { Effects } from "../lib/effects.ts";
import { AgentError, ConfigurationError, messageOf } from "../lib/errors.ts";
import { watchMemory } from "../lib/memory-watch.ts";
import { isPermanent, retry } from "../lib/retry.ts";
import { Log } from "../observe/log.ts";
import { Observer } from "../observe/observer.ts";
import type { Reporting } from "../observe/reporting.ts";
import { serviceManagerOf } from "../observe/service-manager.ts";
import { dryRun } from "./dry-run.ts";
import { exitCode } from "./exit-code.ts";
import type { Connected, RoleRun } from "./role-run.ts";
import { runAsDownloader } from "./run-downloader.ts";
import { runAsUploader } from "./run-uploader.ts";
import { ignoreOtherSignals } from "./signals.ts";
import { describeStart } from "./start-line.ts";
import { listenForStop } from "./stop-signal.ts";

export interface RunOptions {
  once: boolean;
  dryRun: boolean;
}

/** Of its own, without code: somewhat below what a role takes with one large file. */
const softMemoryBytes = { uploader: 34 << 20, downloader: 50 << 20 };
/**
 * How often the topics are looked at. An uploader looks before it writes besides, unless it has within 5 s (`NameClaim.confirm`), and
 * when its reader finds the ledger gone or cut: what an idle one learns late is that the chunks' topic is another one. Until then
 * it is asked by the downloaders for what they miss of that.
 */
const topicLookMs = { uploader: 300_000, downloader: 10_000 };

/** Runs the configured role until it is done or stopped. Returns the exit code. */
export async function run(config: Config, options: RunOptions): Promise<number> {
  const log = new Log({ level: config.log.level, format: config.log.format, agent: config.name });
  ignoreOtherSignals(log);
  const { role, name } = config;
  const observer = new Observer({ role, name, version, host: hostname(), troubles: log.troubles });
  const service = serviceManagerOf(process.env, observer);
  const stop = listenForStop(config, log, () => {
    observer.phase = "stopping";
    service.stopping();
  });
  let http: HttpServer | undefined;
  try {
    log.info(describeStart(config));
    if (options.dryRun) {
      await dryRun(config, log, stop.signal);
      return exitCode.done;
    }
    http = startHttp(config.http, observer, log);
    const reporting = { log, observer, logChunks: config.log.chunks };
    return await runRole(config, options.once, { reporting, ready: service.ready }, stop.signal);
  } catch (error) {
    // Whatever was being waited for when the stop came.
    if (stop.signal.aborted && error instanceof AgentError) return exitCode.done;
    log.error(messageOf(error));
    if (!(error instanceof AgentError)) log.debug(error instanceof Error ? (error.stack ?? "") : "");
    return error instanceof ConfigurationError ? exitCode.misconfigured : exitCode.failed;
  } finally {
    stop.end();
    http?.stop();
    service.end();
    log.flush();
  }
}

async function runRole(
  config: Config,
  once: boolean,
  told: Pick<RoleRun<unknown>, "reporting" | "ready">,
  signal: AbortSignal,
): Promise<number> {
  const { reporting } = told;
  const { log, observer } = reporting;
  // A mistake in the set-up ends --once; otherwise it is waited for, as somebody may be about to mend it.
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
      const run = { config, once, connected, effects, attempt, ...told };
      return config.role === "uploader"
        ? runAsUploader({ ...run, role: config.uploader })
        : runAsDownloader({ ...run, role: config.downloader });
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
  const ledger = new Ledger(
    { kafka, agentName, producer, topic: followed.ledger, log, signal: attempt.signal, observer },
    role === "uploader" ? attempt.giveUp : isPermanent,
  );
  return { producer, topics, followed, ledger };
}
