/** The composition root of `run`: builds what the role needs, hands it down, and takes it apart again. */
import { hostname } from "node:os";
import { version } from "../../package.json" with { type: "json" };
import type { Config, DownloaderConfig, UploaderConfig } from "../config/config.ts";
import { runDownloader } from "../downloader/downloader.ts";
import { type HttpServer, startHttp } from "../http/server.ts";
import { KafkaError } from "../kafka/errors.ts";
import { RecordProducer } from "../kafka/producer.ts";
import { CurrentTopic } from "../kafka/topics/current-topic.ts";
import { prepareTopics, retentionOf, type Topics } from "../kafka/topics/topics.ts";
import { GroupLedger } from "../ledger/group/group-ledger.ts";
import { checkLayout } from "../ledger/layout.ts";
import { Ledger } from "../ledger/ledger.ts";
import { forgetGone, keepForgetting } from "../ledger/uploader/forget-gone.ts";
import { UploaderLedger } from "../ledger/uploader/uploader-ledger.ts";
import { effectsOfBuild } from "../lib/crash-points.ts";
import type { Effects } from "../lib/effects.ts";
import { AgentError, ConfigurationError, messageOf } from "../lib/errors.ts";
import { FilesBelow } from "../lib/files-below.ts";
import { LocalDisk } from "../lib/local-disk.ts";
import { watchMemory } from "../lib/memory-watch.ts";
import { isPermanent, pause, type RetryOptions, retry } from "../lib/retry.ts";
import { native } from "../native/load-native.ts";
import { Log } from "../observe/log.ts";
import { Observer } from "../observe/observer.ts";
import { watchDisk } from "../observe/watched-disk.ts";
import { WatchFiles } from "../uploader/access/watch-files.ts";
import { ChunkSize } from "../uploader/transport/chunk-size.ts";
import { InFlightWindow } from "../uploader/transport/in-flight-window.ts";
import { Transport } from "../uploader/transport/transport.ts";
import { runUploader } from "../uploader/uploader.ts";
import { dryRun } from "./dry-run.ts";
import { ignoreOtherSignals } from "./signals.ts";
import { describeStart } from "./start-line.ts";

export interface RunOptions {
  once: boolean;
  dryRun: boolean;
}

const done = 0;
const failed = 1;
const misconfigured = 2;
/** Somewhat below what a role takes with one large file: 80 MiB, and 96. */
const softMemoryBytes = { uploader: 66 << 20, downloader: 82 << 20 };
/** How often a topic is looked at: a fleet of uploaders must not keep the brokers busy with it. */
const topicLookMs = { uploader: 20_000, downloader: 10_000 };

/** Runs the configured role until it is done or stopped. Returns the exit code. */
export async function run(config: Config, options: RunOptions): Promise<number> {
  const log = new Log({ level: config.log.level, format: config.log.format, agent: config.name });
  ignoreOtherSignals(log);
  const { role, name } = config;
  const observer = new Observer({ role, name, version, host: hostname(), troubles: log.troubles });
  const stop = listenForStop(config, log, observer);
  let http: HttpServer | undefined;
  try {
    log.info(describeStart(config));
    if (options.dryRun) {
      await dryRun(config, log, stop.signal);
      return done;
    }
    http = startHttp(config.http, observer, log);
    return await runRole(config, options, log, observer, stop.signal);
  } catch (error) {
    // Whatever was being waited for when the stop came.
    if (stop.signal.aborted && error instanceof AgentError) return done;
    log.error(messageOf(error));
    if (!(error instanceof AgentError)) log.debug(error instanceof Error ? (error.stack ?? "") : "");
    return error instanceof ConfigurationError ? misconfigured : failed;
  } finally {
    stop.end();
    http?.stop();
    log.flush();
  }
}

async function runRole(
  config: Config,
  options: RunOptions,
  log: Log,
  observer: Observer,
  signal: AbortSignal,
): Promise<number> {
  const { kafka, name: agentName } = config;
  // A mistake in the set-up ends --once; otherwise it is waited for, as somebody may be about to mend it.
  const giveUp = options.once ? isPermanent : () => false;
  const attempt = { what: "starting", log, signal, giveUp };
  watchMemory(softMemoryBytes[config.role], signal);
  observer.phase = "connecting to Kafka";
  const uploader = config.role === "uploader" ? config.uploader : undefined;
  const effects = effectsOfBuild();
  const producer = await retry(attempt, () =>
    RecordProducer.open({
      kafka,
      agentName,
      queueBytes: uploader?.inFlightBytes ?? 1 << 20,
      compression: uploader?.compression ?? "none",
      effects,
      log,
      signal,
    }),
  );
  observer.kafkaConnected = () => producer.isConnected;
  try {
    const topics = await retry(attempt, async () => prepareTopics(await producer.client(), kafka, log));
    const current = { kafka, producer, log, everyMs: topicLookMs[config.role] };
    const followed = {
      chunks: new CurrentTopic(current, topics, "chunks"),
      ledger: new CurrentTopic(current, topics, "ledger"),
    };
    const ledger = new Ledger({
      kafka,
      agentName,
      producer,
      topic: followed.ledger,
      log,
      signal,
      observer,
      giveUp: config.role === "uploader" ? giveUp : isPermanent,
    });
    observer.phase = "reading the ledger";
    await retry({ ...attempt, what: "reading the ledger" }, () => checkLayout(ledger));
    const parts = {
      config,
      options,
      log,
      observer,
      signal,
      producer,
      topics,
      followed,
      ledger,
      effects,
      attempt,
    };
    return config.role === "uploader"
      ? await runAsUploader({ ...parts, role: config.uploader })
      : await runAsDownloader({ ...parts, role: config.downloader });
  } finally {
    await producer.close(config.shutdownTimeoutMs);
  }
}

interface Parts<Role> {
  config: Config;
  role: Role;
  options: RunOptions;
  log: Log;
  observer: Observer;
  signal: AbortSignal;
  producer: RecordProducer;
  topics: Topics;
  followed: Record<keyof Topics, CurrentTopic>;
  ledger: Ledger;
  effects: Effects;
  attempt: RetryOptions & { giveUp: (error: unknown) => boolean };
}

async function runAsUploader(parts: Parts<UploaderConfig>): Promise<number> {
  const { config, role, options, log, observer, producer, topics, attempt } = parts;
  const entries = await retry({ ...attempt, what: "reading the ledger" }, () =>
    UploaderLedger.open(config.name, parts.ledger, countingGroups(role), log, role.afterGroups),
  );
  // Losing the name stops the work as a signal does.
  const evicted = new AbortController();
  const signal = AbortSignal.any([parts.signal, evicted.signal]);
  let eviction: unknown;
  // A missing right is waited for, another holder of the name is not.
  const giveUp = (error: unknown) => !(error instanceof KafkaError) || attempt.giveUp(error);
  await retry({ ...attempt, what: "claiming the name", giveUp }, () => entries.claim());
  const retentionMs = retentionOf(topics.chunks) ?? config.kafka.retentionMs;
  const topic = parts.followed.chunks;
  const logStart = topic.logStart.bind(topic);
  const forgetting = { ledger: entries, retentionMs, logStart, log };
  await retry({ ...attempt, what: "tidying the ledger", giveUp }, () => forgetGone(forgetting));
  const follow = entries.follow(topic, signal).catch((error: unknown) => {
    eviction = error;
    evicted.abort();
  });
  const following = Promise.all([
    follow,
    topic.follow(signal),
    parts.followed.ledger.follow(signal),
    keepForgetting(forgetting, signal),
  ]);
  try {
    await producer.limitBatches(Math.min(topics.chunks.maxMessageBytes, topics.ledger.maxMessageBytes));
    observer.phase = undefined;
    const result = await runUploader({
      config: role,
      ledger: entries,
      transport: new Transport({
        producer,
        topic,
        ledgerBytes: topics.ledger.maxMessageBytes,
        window: new InFlightWindow(role.inFlightBytes, role.rateBytesPerSecond),
        chunkSize: new ChunkSize(role.chunkBytes, topics.chunks.maxMessageBytes),
        retentionMs,
        log,
      }),
      files: new WatchFiles(new FilesBelow(native, parts.effects)),
      report: { log, observer, logChunks: config.log.chunks },
      run: { signal, once: options.once, drainMs: config.shutdownTimeoutMs / 2 },
    });
    if (eviction !== undefined && !parts.signal.aborted) throw eviction;
    await entries.release();
    return result.failedCount > 0 && options.once ? failed : done;
  } finally {
    evicted.abort();
    await following;
    await entries.close();
  }
}

/** Whose receipts decide on a source; where nothing is done to it, any group's shows that somebody has it. */
function countingGroups({ after, afterGroups }: UploaderConfig): readonly string[] | undefined {
  return after === "keep" ? undefined : afterGroups;
}

async function runAsDownloader(parts: Parts<DownloaderConfig>): Promise<number> {
  const { config, role, options, log, observer, effects, attempt } = parts;
  const ledger = await retry({ ...attempt, what: "reading the ledger" }, () =>
    GroupLedger.open(role.group, parts.ledger),
  );
  const topic = parts.followed.chunks;
  const ended = new AbortController();
  const beside = AbortSignal.any([parts.signal, ended.signal]);
  const following = Promise.all([
    topic.follow(beside),
    parts.followed.ledger.follow(beside),
    ledger.follow(beside, log),
  ]);
  observer.phase = "opening the output";
  try {
    const result = await runDownloader({
      ...parts,
      common: config,
      config: role,
      topic,
      ledger,
      disk: watchDisk(new LocalDisk(effects, syncFileSystem), observer.stalls, role.output),
      once: options.once,
    });
    return result.lostCount > 0 && options.once ? failed : done;
  } finally {
    ended.abort();
    await following;
    await ledger.close();
  }
}

function syncFileSystem(fd: number): Promise<void> {
  return new Promise((resolve, reject) => {
    native.syncFileSystem(fd, (error) => (error ? reject(error) : resolve()));
  });
}

/** The first SIGTERM or SIGINT drains, for as long as `shutdown_timeout` at most; the second, or SIGQUIT, ends at once. */
function listenForStop(config: Config, log: Log, observer: Observer): { signal: AbortSignal; end(): void } {
  const stop = new AbortController();
  const end = new AbortController();
  const exitNow = (code: number) => {
    log.flush();
    process.exit(code);
  };
  const onSignal = (name: NodeJS.Signals) => {
    if (stop.signal.aborted) return exitNow(failed);
    log.info(`${name}: finishing what is under way`);
    observer.phase = "stopping";
    stop.abort();
    void pause(config.shutdownTimeoutMs, end.signal).then(() => {
      if (end.signal.aborted) return;
      log.warn("shutdown_timeout is over: what was not finished goes on at the next start");
      exitNow(done);
    });
  };
  process.on("SIGTERM", onSignal);
  process.on("SIGINT", onSignal);
  process.on("SIGQUIT", () => exitNow(failed));
  return { signal: stop.signal, end: () => end.abort() };
}
