/** This machine's file system, as the agent's parts get it; a sync of a whole file system is one of nothing here. */
import { Effects } from "../../agent/lib/effects.ts";
import { LocalDisk, type NativeDisk } from "../../agent/lib/local-disk.ts";
import { native } from "../../agent/native/load-native.ts";

/** The addon's calls, but for this one. */
export function nativeDisk(syncFileSystem: NativeDisk["syncFileSystem"]): NativeDisk {
  return {
    syncFileSystem,
    handOver: (...args) => native.handOver(...args),
    startWriting: (...args) => native.startWriting(...args),
    storeWhole: (...args) => native.storeWhole(...args),
  };
}

export function localDisk(): LocalDisk {
  return new LocalDisk(
    new Effects(),
    nativeDisk((_, done) => done(null)),
  );
}
