/** The gate to the files of watches, as the executable has it. */

import { Effects } from "../../agent/lib/effects.ts";
import { FilesBelow } from "../../agent/lib/files-below.ts";
import { native } from "../../agent/native/load-native.ts";
import { WatchFiles } from "../../agent/uploader/access/watch-files.ts";

/** @param onCall told of each call that is made */
export function makeGate(onCall: (name: string) => void = () => undefined): WatchFiles {
  const files = new FilesBelow(native, new Effects());
  const counted = new Proxy(files, {
    get(_, name: keyof FilesBelow) {
      onCall(name);
      return files[name].bind(files);
    },
  });
  return new WatchFiles(counted);
}
