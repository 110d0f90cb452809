/** The gate to the files of watches, as the executable has it. */
import { native } from "../../agent/kafka/load-native.ts";
import { Effects } from "../../agent/lib/effects.ts";
import { FilesBelow } from "../../agent/lib/files-below.ts";
import { Gate } from "../../agent/uploader/gate.ts";

export function makeGate(): Gate {
  return new Gate(new FilesBelow(native, new Effects()));
}
