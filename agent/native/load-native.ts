// Loads the client's addon, which the executable carries inside itself.
//
// Bun would unpack it to a predictable name in /tmp and load whatever lies there: that fails where /tmp is read-only or
// noexec, leaves a file behind, and loads what another user may have put there. So it goes into memory without a name
// (memfd), and where the kernel forbids to execute from there, into a private folder that is gone once it is loaded.

import { dlopen, FFIType, ptr } from "bun:ffi";
import { closeSync, mkdtempSync, openSync, rmSync, writeSync } from "node:fs";
import { join } from "node:path";
import type { NativeDigest } from "../lib/digest.ts";
import type { NativeFiles } from "../lib/files-below.ts";
import type { NativeDisk } from "../lib/local-disk.ts";
import type { NativeFolders } from "../lib/native-folders.ts";
import { addonPieces } from "./addon-bytes.ts";

/** The addon's exports: the client's own classes (for its `librdkafka.js` only), and what this project adds. */
export interface NativeAddon extends NativeDigest, NativeDisk, NativeFiles, NativeFolders {
  [clientExport: string]: unknown;
}

export const native: NativeAddon = load();

function load(): NativeAddon {
  const failures: Error[] = [];
  for (const attempt of [loadFromMemory, ...privateFolders().map((parent) => loadFromFolder(parent))]) {
    try {
      return attempt();
    } catch (error) {
      failures.push(error instanceof Error ? error : new Error(String(error)));
    }
  }
  const reasons = failures.map((failure) => failure.message).join("; ");
  throw new AggregateError(
    failures,
    `cannot load the Kafka client: ${reasons}. It needs memfd_create, or a folder it may write to and execute from: $XDG_RUNTIME_DIR, /dev/shm or /tmp`,
  );
}

function loadFromMemory(): NativeAddon {
  const fd = createMemoryFile();
  try {
    writeAddon(fd);
    return loadFile(`/proc/self/fd/${fd}`);
  } finally {
    closeSync(fd); // what is mapped stays
  }
}

/** From memfd_create(2). */
const MFD_CLOEXEC = 0x01;
const MFD_EXEC = 0x10;

function createMemoryFile(): number {
  const libc = dlopen("libc.so.6", {
    memfd_create: { args: [FFIType.ptr, FFIType.u32], returns: FFIType.i32 },
  });
  try {
    const name = Buffer.from("kafka.node\0");
    // Where the vm.memfd_noexec sysctl is set, execution must be asked for; kernels before 6.3 do not know the flag.
    for (const flags of [MFD_CLOEXEC | MFD_EXEC, MFD_CLOEXEC]) {
      const fd = libc.symbols.memfd_create(ptr(name), flags);
      if (fd >= 0) return fd;
    }
    throw new Error("memfd_create is refused");
  } finally {
    libc.close();
  }
}

function privateFolders(): string[] {
  const own = process.env.XDG_RUNTIME_DIR;
  return [...(own ? [own] : []), "/dev/shm", "/tmp"];
}

function loadFromFolder(parent: string): () => NativeAddon {
  return () => {
    const folder = mkdtempSync(join(parent, ".streamsend-")); // mode 0700
    try {
      const file = join(folder, "kafka.node");
      const fd = openSync(file, "wx", 0o700);
      try {
        writeAddon(fd);
      } finally {
        closeSync(fd);
      }
      return loadFile(file);
    } finally {
      rmSync(folder, { recursive: true, force: true });
    }
  };
}

function writeAddon(fd: number): void {
  for (const piece of addonPieces()) {
    for (let at = 0; at < piece.length; ) at += writeSync(fd, piece, at);
  }
}

function loadFile(path: string): NativeAddon {
  const module: { exports: NativeAddon | Record<string, never> } = { exports: {} };
  process.dlopen(module, path);
  if (typeof module.exports.syncFileSystem !== "function")
    throw new Error(`${path} is not the client's addon`);
  return module.exports as NativeAddon;
}
