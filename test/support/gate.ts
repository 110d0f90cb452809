/** The gate to the files of watches, as the executable has it. */

import { Effects } from "../../agent/lib/effects.ts";
import { FilesBelow } from "../../agent/lib/files-below.ts";
import { native } from "../../agent/native/load-native.ts";
import { WatchFiles } from "../../agent/uploader/access/watch-files.ts";

export function makeGate(): WatchFiles {
  return new WatchFiles(new FilesBelow(native, new Effects()));
}
