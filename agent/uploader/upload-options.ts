/** What sending a version needs. */
import type { UploaderConfig } from "../config/config.ts";
import type { UploaderLedger } from "../ledger/uploader/uploader-ledger.ts";
import type { Log } from "../observe/log.ts";
import type { Observer } from "../observe/observer.ts";
import type { Moving } from "../observe/status.ts";
import type { WatchFiles } from "./access/watch-files.ts";
import type { Transport } from "./transport/transport.ts";

export interface UploadOptions {
  config: UploaderConfig;
  ledger: UploaderLedger;
  transport: Transport;
  gate: WatchFiles;
  log: Log;
  observer: Observer;
  /** The versions under way; each adds itself when it is taken up. */
  moving: Set<{ progress: Moving }>;
  logChunks: boolean;
  /** How long the topic keeps chunks. */
  retentionMs: number;
  signal: AbortSignal;
  /** A missing right ends it instead of being waited for. */
  once: boolean;
  /** How long a stop waits for what is under way. */
  drainMs: number;
}
