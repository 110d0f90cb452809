/** The composition of the uploader: what it works with, under its name. */
import type { UploaderConfig } from "../config/config.ts";
import { retentionOf } from "../kafka/topics/topics.ts";
import type { UploaderLedger } from "../ledger/uploader/uploader-ledger.ts";
import type { Effects } from "../lib/effects.ts";
import { FilesBelow } from "../lib/files-below.ts";
import { LocalDisk } from "../lib/local-disk.ts";
import { native } from "../native/load-native.ts";
import type { Log } from "../observe/log.ts";
import { WatchFiles } from "../uploader/access/watch-files.ts";
import { usualCheckpoints } from "../uploader/send/checkpoints.ts";
import { TestFiles } from "../uploader/test-files.ts";
import { ChunkSize } from "../uploader/transport/chunk-size.ts";
import { InFlightWindow } from "../uploader/transport/in-flight-window.ts";
import { Transport } from "../uploader/transport/transport.ts";
import type { UploadOptions } from "../uploader/upload-options.ts";
import { runUploader, type UploadResult } from "../uploader/uploader.ts";
import type { FileValue } from "../wire/entry-value.ts";
import { exitCode } from "./exit-code.ts";
import { holdingName } from "./hold-name.ts";
import type { RoleRun } from "./role-run.ts";

/** Runs until it is done or stopped. Returns the exit code. */
export async function runAsUploader(run: RoleRun<UploaderConfig>): Promise<number> {
  const { failedCount } = await upload(run, run.config.name);
  return failedCount > 0 && run.once ? exitCode.failed : exitCode.done;
}

/**
 * Sends under a name until it is done or stopped.
 *
 * @param onSent told of each file with what the ledger has of it; see `UploadOptions`
 */
export function upload(
  run: RoleRun<UploaderConfig>,
  name: string,
  onSent?: (path: string, file: FileValue | undefined, before: boolean) => void,
): Promise<UploadResult> {
  const { config, role, connected, reporting, attempt } = run;
  const { topics, followed, ledger } = connected;
  const retentionMs = retentionOf(topics.chunks) ?? config.kafka.retentionMs;
  const { chunks } = followed;
  const hold = { name, role, ledger, chunks, retentionMs, log: reporting.log, attempt };
  return holdingName(hold, (entries, signal) => {
    const told = onSent && ((path: string, before: boolean) => onSent(path, entries.file(path), before));
    return send(run, entries, retentionMs, signal, told);
  });
}

async function send(
  { config, role, once, connected, effects, reporting, ready }: RoleRun<UploaderConfig>,
  ledger: UploaderLedger,
  retentionMs: number,
  signal: AbortSignal,
  onSent: UploadOptions["onSent"],
): Promise<UploadResult> {
  const { producer, topics, followed } = connected;
  const { log, observer } = reporting;
  const chunkBytes = topics.chunks.maxMessageBytes;
  const ledgerBytes = topics.ledger.maxMessageBytes;
  await producer.limitBatches(Math.min(chunkBytes, ledgerBytes));
  observer.phase = undefined;
  ready();
  // The first one is there before anything is looked at, so that `--once` sends it.
  const testFiles = testFilesOf(role, ledger, effects, log);
  await testFiles?.write();
  const ended = new AbortController();
  const writing = once ? undefined : testFiles?.keepWriting(AbortSignal.any([signal, ended.signal]));
  const work = runUploader({
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
    onSent,
    run: { signal, once, drainMs: config.shutdownTimeoutMs / 2 },
  });
  return work.finally(() => {
    ended.abort();
    return writing;
  });
}

function testFilesOf(
  { testFile: settings, watch: [watch] }: UploaderConfig,
  ledger: UploaderLedger,
  effects: Effects,
  log: Log,
): TestFiles | undefined {
  if (!settings || !watch) return undefined;
  const disk = new LocalDisk(effects, native);
  return new TestFiles({ settings, watch, disk, files: new FilesBelow(native, effects), ledger, log });
}
