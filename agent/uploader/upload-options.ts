/** What sending a version needs. */
import type { UploaderConfig } from "../config/config.ts";
import type { UploaderLedger } from "../ledger/uploader/uploader-ledger.ts";
import type { WatchFiles } from "./access/watch-files.ts";
import type { Report, Run } from "./parts.ts";
import type { Transport } from "./transport/transport.ts";

export interface UploadOptions {
  config: UploaderConfig;
  ledger: UploaderLedger;
  transport: Transport;
  files: WatchFiles;
  report: Report;
  run: Run;
}
