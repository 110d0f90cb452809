/** The composition of the uploader: its ledger, its name, and what follows both beside the work. */
import type { UploaderConfig } from "../config/config.ts";
import { KafkaError } from "../kafka/errors.ts";
import { retentionOf } from "../kafka/topics/topics.ts";
import { forgetGone, keepForgetting } from "../ledger/uploader/forget-gone.ts";
import { UploaderLedger } from "../ledger/uploader/uploader-ledger.ts";
import { FilesBelow } from "../lib/files-below.ts";
import { retry } from "../lib/retry.ts";
import { native } from "../native/load-native.ts";
import { WatchFiles } from "../uploader/access/watch-files.ts";
import { usualCheckpoints } from "../uploader/send/checkpoints.ts";
import { ChunkSize } from "../uploader/transport/chunk-size.ts";
import { InFlightWindow } from "../uploader/transport/in-flight-window.ts";
import { Transport } from "../uploader/transport/transport.ts";
import { runUploader, type UploadResult } from "../uploader/uploader.ts";
import { exitCode } from "./exit-code.ts";
import type { RoleRun } from "./role-run.ts";

/** Runs until it is done or stopped. Returns the exit code. */
export async function runAsUploader(run: RoleRun<UploaderConfig>): Promise<number> {
  const { config, once, connected, reporting, attempt } = run;
  const { log } = reporting;
  const { topics, followed } = connected;
  // A missing right is waited for, another holder of the name is not.
  const giveUp = (error: unknown) => !(error instanceof KafkaError) || attempt.giveUp(error);
  const entries = await retry({ ...attempt, what: "claiming the name", giveUp }, () => claimName(run));
  // Losing the name stops the work as a signal does.
  const evicted = new AbortController();
  const signal = AbortSignal.any([attempt.signal, evicted.signal]);
  let eviction: unknown;
  const retentionMs = retentionOf(topics.chunks) ?? config.kafka.retentionMs;
  const topic = followed.chunks;
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
    followed.ledger.follow(signal),
    keepForgetting(forgetting, signal),
  ]);
  try {
    const result = await send(run, entries, retentionMs, signal);
    if (eviction !== undefined && !attempt.signal.aborted) throw eviction;
    await entries.release();
    return result.failedCount > 0 && once ? exitCode.failed : exitCode.done;
  } finally {
    evicted.abort();
    await following;
    await entries.close();
  }
}

/** Also a name that can't be claimed is read for anew: the ledger may have been recreated meanwhile. */
async function claimName({
  config,
  role,
  connected,
  reporting,
}: RoleRun<UploaderConfig>): Promise<UploaderLedger> {
  const entries = await UploaderLedger.open(
    config.name,
    connected.ledger,
    countingGroups(role),
    reporting.log,
    role.afterGroups,
  );
  try {
    await entries.claim();
    return entries;
  } catch (error) {
    await entries.close();
    throw error;
  }
}

async function send(
  { config, role, once, connected, effects, reporting }: RoleRun<UploaderConfig>,
  ledger: UploaderLedger,
  retentionMs: number,
  signal: AbortSignal,
): Promise<UploadResult> {
  const { producer, topics, followed } = connected;
  const { log, observer } = reporting;
  const chunkBytes = topics.chunks.maxMessageBytes;
  const ledgerBytes = topics.ledger.maxMessageBytes;
  await producer.limitBatches(Math.min(chunkBytes, ledgerBytes));
  observer.phase = undefined;
  return runUploader({
    config: role,
    ledger,
    transport: new Transport({
      producer,
      topic: followed.chunks,
      retentionMs,
      ledgerBytes,
      window: new InFlightWindow(role.inFlightBytes, role.rateBytesPerSecond),
      chunkSize: new ChunkSize(role.chunkBytes, chunkBytes),
      log,
    }),
    files: new WatchFiles(new FilesBelow(native, effects)),
    checkpoints: usualCheckpoints,
    reporting,
    run: { signal, once, drainMs: config.shutdownTimeoutMs / 2 },
  });
}

/** Whose receipts decide on a source; where nothing is done to it, any group's shows that somebody has it. */
function countingGroups({ after, afterGroups }: UploaderConfig): readonly string[] | undefined {
  return after === "keep" ? undefined : afterGroups;
}
