/** What a run would send now, without sending it: for `--dry-run`. */
import type { UploaderConfig } from "../../config/config.ts";
import type { UploaderLedger } from "../../ledger/uploader/uploader-ledger.ts";
import type { Log } from "../../observe/log.ts";
import { pathToDisplay } from "../../wire/path.ts";
import { FileSystemGate } from "../access/file-system-gate.ts";
import { fingerprintOf, sameFingerprint } from "../access/fingerprint.ts";
import { Watch } from "../access/watch.ts";
import { isTooOld } from "./max-age.ts";
import { type ScanListener, scan } from "./scan.ts";
import { UnreadablePaths } from "./unreadable-paths.ts";

/** Logs each file that the ledger does not have as sent; `ledger` is undefined where there is none yet. */
export async function previewUpload(
  config: UploaderConfig,
  ledger: UploaderLedger | undefined,
  log: Log,
): Promise<void> {
  let files = 0;
  let bytes = 0;
  for (const watchConfig of config.watch) {
    const watch = new Watch(watchConfig, new FileSystemGate(watchConfig.path, 64, log));
    const unread = new UnreadablePaths(watch, log);
    const listener: ScanListener = {
      isKnown: () => false,
      isSentAs: () => false,
      unwanted: () => undefined,
      folder: () => undefined,
      unreadable: (relative, error) => unread.add(relative, error),
    };
    for await (const { file, stats } of scan(watch, listener)) {
      const entry = ledger?.file(file.path);
      const fingerprint = fingerprintOf(stats);
      if (entry?.state === "sent" && sameFingerprint(entry, fingerprint)) continue;
      if (isTooOld(fingerprint, config.maxAgeMs, undefined)) continue;
      files++;
      bytes += Number(stats.size);
      log.info(`${pathToDisplay(file.path)}: would be sent, ${stats.size} bytes`);
    }
    unread.endLook();
  }
  log.info(`${files} files, ${bytes} bytes would be sent`);
}
