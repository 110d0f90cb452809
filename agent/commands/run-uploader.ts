/** The composition of the uploader: what it works with, under its name. */
import type { UploaderConfig } from "../config/config.ts";
import { retentionOf } from "../kafka/topics/topics.ts";
import type { UploaderLedger } from "../ledger/uploader/uploader-ledger.ts";
import { FilesBelow } from "../lib/files-below.ts";
import { native } from "../native/load-native.ts";
import { WatchFiles } from "../uploader/access/watch-files.ts";
import { usualCheckpoints } from "../uploader/send/checkpoints.ts";
import { ChunkSize } from "../uploader/transport/chunk-size.ts";
import { InFlightWindow } from "../uploader/transport/in-flight-window.ts";
import { Transport } from "../uploader/transport/transport.ts";
import { runUploader, type UploadResult } from "../uploader/uploader.ts";
import { exitCode } from "./exit-code.ts";
import { holdingName } from "./hold-name.ts";
import type { RoleRun } from "./role-run.ts";

/** Runs until it is done or stopped. Returns the exit code. */
export async function runAsUploader(run: RoleRun<UploaderConfig>): Promise<number> {
  const { config, role, once, connected, reporting, attempt } = run;
  const { topics, followed, ledger } = connected;
  const retentionMs = retentionOf(topics.chunks) ?? config.kafka.retentionMs;
  const { chunks } = followed;
  const hold = { name: config.name, role, ledger, chunks, retentionMs, log: reporting.log, attempt };
  const { failedCount } = await holdingName(hold, (entries, signal) =>
    send(run, entries, retentionMs, signal),
  );
  return failedCount > 0 && once ? exitCode.failed : exitCode.done;
}

async function send(
  { config, role, once, connected, effects, reporting, ready }: RoleRun<UploaderConfig>,
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
  ready();
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
