/** What sending a version needs. */
import type { UploaderConfig } from "../config/config.ts";
import type { UploaderLedger } from "../ledger/uploader/uploader-ledger.ts";
import type { Reporting } from "../observe/reporting.ts";
import type { Moving } from "../observe/status.ts";
import type { WatchFiles } from "./access/watch-files.ts";
import type { Run } from "./parts.ts";
import type { CheckpointRule } from "./send/checkpoints.ts";
import type { Transport } from "./transport/transport.ts";

export interface UploadOptions {
  config: UploaderConfig;
  ledger: UploaderLedger;
  transport: Transport;
  files: WatchFiles;
  checkpoints: CheckpointRule;
  reporting: Reporting;
  run: Run;
  /** Told of each file that the brokers have as it is here, once it is noted. `before`: they had it already. */
  onSent?: ((path: string, before: boolean) => void) | undefined;
  /** The versions under way; each adds itself when it is taken up. */
  moving: Set<{ progress: Moving }>;
}
