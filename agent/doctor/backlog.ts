/** Does the downloaders' group keep up, or will chunks expire before it has read them? */
import type { Config, DownloaderConfig } from "../config/config.ts";
import { LogReader } from "../kafka/log-reader.ts";
import { groupLag, type PartitionLag } from "../kafka/topics/group-lag.ts";
import type { Topic } from "../kafka/topics/topics.ts";
import type { Log } from "../observe/log.ts";
import { about, count } from "./amounts.ts";
import { type Finding, fail, ok, untried, warn } from "./finding.ts";
import { setTopic } from "./fixes.ts";

/** More partitions than this are not read from; their lag is counted all the same. */
const mostReads = 64;
const readMs = 10_000;

/** What of the topic the group has not read. */
export interface Backlog {
  unread: number;
  /** Records that expired before they were read. */
  expired: number;
  /** When the oldest of the unread was written, milliseconds since 1970; undefined: there is none, or it did not come. */
  oldestMs: number | undefined;
}

/** Throws a `KafkaError`. */
export async function measureBacklog(
  config: Config,
  role: DownloaderConfig,
  topic: Topic,
  log: Log,
): Promise<Backlog> {
  const lags = await groupLag({ kafka: config.kafka, agentName: config.name, log }, role.group);
  const starts = lags.map((lag) => ({ partition: lag.partition, offset: next(lag, role.start), lag }));
  const behind = starts.filter(({ offset, lag }) => offset < lag.high);
  return {
    unread: behind.reduce((sum, { offset, lag }) => sum + lag.high - offset, 0),
    expired: lags.reduce((sum, { committed, low }) => sum + Math.max(0, low - (committed ?? low)), 0),
    oldestMs: await oldest(config, topic, behind.slice(0, mostReads), log),
  };
}

/** @param nowMs by this machine's clock */
export function judgeBacklog(config: Config, topic: Topic, backlog: Backlog, nowMs: number): Finding[] {
  const { kafka } = config;
  const { unread, expired, oldestMs } = backlog;
  const subject = "backlog";
  const retentionMs = Number(topic.settings.get("retention.ms") ?? Number.NaN);
  const wrong: Finding[] = [];
  const longer = (ms: number) =>
    `keep chunks for longer: ${setTopic(kafka, topic.name, `retention.ms=${Math.ceil(ms)}`)}`;
  if (expired > 0) {
    const text = `${count(expired, "chunk")} expired before this group read them`;
    const known = Number.isNaN(retentionMs) || retentionMs < 0 ? kafka.retentionMs : retentionMs;
    wrong.push(
      fail(subject, text, `${longer(4 * known)}; what is lost is asked for again by a running agent`),
    );
  }
  if (unread > 0 && oldestMs === undefined) {
    wrong.push(
      untried(subject, `the oldest of ${count(unread, "unread chunk")} did not come within ${about(readMs)}`),
    );
  } else if (oldestMs !== undefined) {
    const ageMs = nowMs - oldestMs;
    const said = `the oldest of ${count(unread, "unread chunk")} is ${about(ageMs)} old`;
    if (retentionMs >= 0 && ageMs > retentionMs) {
      const text = `${said} and kept for ${about(retentionMs)}: it may be gone at any moment`;
      wrong.push(fail(subject, text, `${longer(4 * ageMs)}; then start the downloader, or more of them`));
    } else if (retentionMs >= 0 && ageMs > retentionMs / 2) {
      const text = `${said} and kept for ${about(retentionMs)} only`;
      wrong.push(warn(subject, text, `start the downloader, or more of them, or ${longer(4 * ageMs)}`));
    } else if (wrong.length === 0) {
      return [ok(subject, said)];
    }
  }
  return wrong.length > 0 ? wrong : [ok(subject, "everything is read")];
}

/** Where the group would go on. */
function next({ committed, low, high }: PartitionLag, start: DownloaderConfig["start"]): number {
  if (committed === undefined) return start === "latest" ? high : low;
  return committed > high ? low : Math.max(low, committed);
}

async function oldest(
  { kafka, name }: Config,
  topic: Topic,
  from: readonly { partition: number; offset: number }[],
  log: Log,
): Promise<number | undefined> {
  if (from.length === 0) return undefined;
  const positions = from.map(({ partition, offset }) => ({ partition, offset }));
  const reader = await LogReader.open({ kafka, agentName: name, log }, topic.name, positions);
  const times = new Map<number, number>();
  const deadline = performance.now() + readMs;
  try {
    while (times.size < from.length && performance.now() < deadline) {
      for (const event of await reader.read(false)) {
        if (event.kind === "end") continue;
        const { partition, timestampMs } = event.record;
        if (!times.has(partition)) times.set(partition, timestampMs);
      }
    }
  } finally {
    await reader.close();
  }
  return times.size < from.length ? undefined : Math.min(...times.values());
}
