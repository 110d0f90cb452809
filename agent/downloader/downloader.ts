/**
 * The downloader: one session after the other, each with a member of the group and a store.
 *
 * It is crash-only: whatever goes wrong with the output or the group (a full disk, a failed sync, a lost
 * membership) ends the session, and the next one starts from what is on disk and committed, exactly as after a
 * kill -9. There is no second way of recovery that would only be taken on bad days.
 */
import { randomUUID } from "node:crypto";
import { hostname } from "node:os";
import type { CommonConfig, DownloaderConfig } from "../config/config.ts";
import { GroupConsumer } from "../kafka/group-consumer.ts";
import { LogReader } from "../kafka/log-reader.ts";
import type { CurrentTopic } from "../kafka/topics/current-topic.ts";
import type { GroupLedger } from "../ledger/group/group-ledger.ts";
import type { Disk } from "../lib/disk.ts";
import type { Effects } from "../lib/effects.ts";
import { codeOf } from "../lib/errors.ts";
import { giveBack } from "../lib/memory-watch.ts";
import { isPermanent, retry } from "../lib/retry.ts";
import type { Log } from "../observe/log.ts";
import type { Observer } from "../observe/observer.ts";
import { UnreadPartitions } from "./group/unread-partitions.ts";
import { type DownloadResult, Session, type SessionOptions } from "./session.ts";
import { OpenFiles } from "./store/open-files.ts";
import type { Holder } from "./store/output-lock.ts";
import { OutputMount } from "./store/output-mount.ts";
import { Store } from "./store/store.ts";

export interface DownloaderOptions {
  common: CommonConfig;
  config: DownloaderConfig;
  topic: CurrentTopic;
  ledger: GroupLedger;
  disk: Disk;
  effects: Effects;
  log: Log;
  observer: Observer;
  /** Fires when the agent is to stop; what is under way is then made durable. */
  signal: AbortSignal;
  /** Read to the ends of the partitions as they are at the start, then end. */
  once: boolean;
}

/** What the sessions of one process share. */
type ProcessOptions = DownloaderOptions & Pick<SessionOptions, "parkedLooked" | "unread">;

/** Runs until the signal fires, or with `once` until the ends are reached. Throws a permanent `AgentError` only. */
export async function runDownloader(options: DownloaderOptions): Promise<DownloadResult> {
  const { signal, log, disk, config } = options;
  const giveUp = (error: unknown) => options.once && isPermanent(error);
  const mount = new OutputMount(disk, config);
  // That a mount is required and is none is told at once; one that is stale, or whose driver is gone, may come back.
  await retry({ what: "opening the output", signal, log, giveUp: isPermanent }, () => mount.check());
  const parkedLooked = new Set<number>();
  const unread = new UnreadPartitions(config.group, log, () => performance.now());
  let isFirst = true;
  return retry({ what: "downloading", signal, log, giveUp }, (works) => {
    const first = isFirst;
    isFirst = false;
    return runSession({ ...options, parkedLooked, unread }, mount, first, works);
  });
}

async function runSession(
  options: ProcessOptions,
  mount: OutputMount,
  first: boolean,
  works: () => void,
): Promise<DownloadResult> {
  const { common, config, disk, topic, log } = options;
  await mount.check();
  if (!first) {
    // What the session before has left in memory, that one's clients among it, would stand beside what this one takes.
    giveBack();
    await topic.refresh();
  }
  const files = new OpenFiles(disk);
  const store = new Store(config.output, files, holderOf(common.name, config.group));
  try {
    await store.open();
    if (first && !store.isLocked)
      log.warn(`output ${config.output} is on a file system without locks: let no other downloader have it`);
    await store.require(config.minFreeBytes);
    return await runOn(store, options, works);
  } catch (error) {
    // What the file system says of some file under way is about the output: what is about one file has ended that one.
    throw codeOf(error) === undefined ? error : await store.explain(error);
  } finally {
    await files.closeAll();
    await store.close();
  }
}

async function runOn(store: Store, options: ProcessOptions, works: () => void): Promise<DownloadResult> {
  const { common, config, topic, effects, log } = options;
  const client = { kafka: common.kafka, agentName: common.name, effects, log };
  const { id, name, maxMessageBytes } = topic.value;
  const group = await GroupConsumer.open({ ...client, maxMessageBytes }, config.group, store.name);
  const session = new Session({
    ...options,
    topic: {
      id,
      get partitions() {
        return topic.value.partitions;
      },
    },
    isTopicCurrent: () => topic.value.id === id,
    retentionMs: common.kafka.retentionMs,
    logChunks: common.log.chunks,
    store,
    group,
    openReader: (from) =>
      LogReader.open({ ...client, maxMessageBytes: topic.value.maxMessageBytes }, name, from),
    now: () => performance.now(),
    works,
  });
  try {
    return await session.run();
  } finally {
    await group.close();
  }
}

function holderOf(agent: string, group: string): Holder {
  return { agent, host: hostname(), pid: process.pid, group, session: randomUUID().slice(0, 8) };
}
