/** Whether what was sent of a file is what it is to be, besides its content. */
import type { UploaderLedger } from "../../ledger/uploader/uploader-ledger.ts";
import type { FileValue } from "../../wire/entry-value.ts";
import type { WatchedFile } from "./watch.ts";

/** Whether the version has the attributes that are wanted, and no other one of the name has sent something newer of the path since. */
export function stillCounts(
  { path, watch }: WatchedFile,
  { version, attributes }: Pick<FileValue, "version" | "attributes">,
  ledger: Pick<UploaderLedger, "isOvertaken">,
): boolean {
  return watch.takes(attributes) && !ledger.isOvertaken(path, version);
}
