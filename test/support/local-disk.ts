/** This machine's file system, as the agent's parts get it; a sync of a whole file system is one of nothing here. */
import { Effects } from "../../agent/lib/effects.ts";
import { LocalDisk } from "../../agent/lib/local-disk.ts";

export function localDisk(): LocalDisk {
  return new LocalDisk(new Effects(), async () => undefined);
}
