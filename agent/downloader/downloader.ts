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
import { LogReader, type Position } from "../kafka/log-reader.ts";
import type { CurrentTopic } from "../kafka/topics/current-topic.ts";
import { retentionOf } from "../kafka/topics/topics.ts";
import type { GroupLedger } from "../ledger/group/group-ledger.ts";
import type { SummaryKeeper } from "../ledger/group/summary/summary-keeper.ts";
import type { Disk } from "../lib/disk.ts";
import type { Effects } from "../lib/effects.ts";
import { AgentError, codeOf } from "../lib/errors.ts";
import { giveBack } from "../lib/memory-watch.ts";
import { isPermanent, retry } from "../lib/retry.ts";
import type { Reporting } from "../observe/reporting.ts";
import { UnreadPartitions } from "./group/unread-partitions.ts";
import type { ProcessMemory, SessionRun } from "./parts.ts";
import { OutputPaths } from "./publish/output-path.ts";
import { type DownloadResult, Session } from "./session.ts";
import { OpenFiles } from "./store/open-files.ts";
import type { Holder } from "./store/output-lock.ts";
import { OutputMount } from "./store/output-mount.ts";
import { Store } from "./store/store.ts";

export interface DownloaderOptions {
  common: CommonConfig;
  config: DownloaderConfig;
  topic: CurrentTopic;
  ledger: GroupLedger;
  summary: SummaryKeeper;
  system: { disk: Disk; effects: Effects };
  reporting: Reporting;
  run: Pick<SessionRun, "signal" | "once">;
}

const now = () => performance.now();

/** Runs until the signal fires, or with `once` until the ends are reached. Throws a permanent `AgentError` only. */
export async function runDownloader(options: DownloaderOptions): Promise<DownloadResult> {
  const { config, system, run } = options;
  const { log } = options.reporting;
  const { signal, once } = run;
  const giveUp = (error: unknown) => once && (isPermanent(error) || isWithoutRoom(error));
  const mount = new OutputMount(system.disk, config);
  // A required mount that is none is an error at once; one that is stale, or whose driver is gone, may come back.
  await retry({ what: "opening the output", signal, log, giveUp: isPermanent }, () => mount.check());
  const unread = new UnreadPartitions(config.group, log, now);
  const memory: ProcessMemory = { rereadParked: new Set(), unread, failedCount: 0 };
  let isFirst = true;
  return retry({ what: "downloading", signal, log, giveUp }, async (reportSuccess) => {
    const first = isFirst;
    isFirst = false;
    await mount.check();
    if (!first) await prepareAgain(options);
    return runSession(options, memory, first, reportSuccess);
  });
}

/** Whether it is of an output that nothing more can be written to until somebody makes room. */
function isWithoutRoom(error: unknown): boolean {
  const code = error instanceof AgentError ? codeOf(error.cause) : undefined;
  return code === "ENOSPC" || code === "EDQUOT";
}

async function prepareAgain({ topic }: DownloaderOptions): Promise<void> {
  // What the session before has left in memory, its clients among it, would add to what this one needs.
  giveBack();
  await topic.refresh();
}

async function runSession(
  options: DownloaderOptions,
  memory: ProcessMemory,
  first: boolean,
  reportSuccess: () => void,
): Promise<DownloadResult> {
  const { common, config, system, reporting, run } = options;
  const files = new OpenFiles(system.disk);
  // With `once` nobody waits for room: what finds none is told of in the end.
  const leastFreeBytes = run.once ? 0 : config.minFreeBytes;
  const store = new Store(config.output, files, holderOf(common.name, config.group), leastFreeBytes);
  try {
    await store.open();
    if (first && !store.isLocked)
      reporting.log.warn(
        `output ${config.output} is on a file system without locks: let no other downloader have it`,
      );
    await store.require();
    return await runOn(store, options, memory, reportSuccess);
  } catch (error) {
    // What concerns one file has failed that file: the rest concerns the output as a whole.
    throw codeOf(error) === undefined ? error : await store.explain(error);
  } finally {
    await files.dropAll();
    await store.close();
  }
}

async function runOn(
  store: Store,
  options: DownloaderOptions,
  memory: ProcessMemory,
  reportSuccess: () => void,
): Promise<DownloadResult> {
  const { common, config, topic, ledger, summary, system, reporting, run } = options;
  const { disk, effects } = system;
  const client = { kafka: common.kafka, agentName: common.name, effects, log: reporting.log };
  const { id, name, maxMessageBytes } = topic.value;
  const group = await GroupConsumer.open({ ...client, maxMessageBytes }, config.group, store.name);
  const chunkTopic = {
    id,
    get partitions() {
      return topic.value.partitions;
    },
    retentionMs: retentionOf(topic.value) ?? common.kafka.retentionMs,
    isCurrent: () => topic.value.id === id,
    openReader: (from: readonly Position[]) =>
      LogReader.open({ ...client, maxMessageBytes: topic.value.maxMessageBytes }, name, from),
  };
  const session = new Session({
    ...{ config, reporting, memory },
    kafka: { topic: chunkTopic, group, ledger },
    output: { store, disk, paths: new OutputPaths(disk, config.output, config.dirMode) },
    run: { ...run, now, reportSuccess },
  });
  try {
    return await summary.during(() => session.run());
  } finally {
    await group.close();
  }
}

function holderOf(agent: string, group: string): Holder {
  return { agent, host: hostname(), pid: process.pid, group, session: randomUUID().slice(0, 8) };
}
