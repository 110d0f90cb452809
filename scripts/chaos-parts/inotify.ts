/**
 * The kernel's own word on what happens in folders, in the order in which it happened. Only so "published by one rename" can be told
 * from "written under its name", and nothing that appears is missed.
 */
import { dlopen, FFIType } from "bun:ffi";
import { readdirSync } from "node:fs";
import { join } from "node:path";

const flags = {
  create: 0x100,
  modify: 0x2,
  movedTo: 0x80,
  movedFrom: 0x40,
  delete: 0x200,
  isFolder: 0x4000_0000,
  overflow: 0x4000,
};
const wanted = flags.create | flags.modify | flags.movedTo | flags.movedFrom | flags.delete;
const nonBlocking = 0x800;
const headBytes = 16;

/** created: made under its name. appeared: renamed to its name, or there before the folder was watched. */
export interface FolderEvent {
  kind: "created" | "appeared" | "modified" | "vanished";
  path: string;
}

const libc = dlopen("libc.so.6", {
  inotify_init1: { args: [FFIType.i32], returns: FFIType.i32 },
  inotify_add_watch: { args: [FFIType.i32, FFIType.cstring, FFIType.u32], returns: FFIType.i32 },
  read: { args: [FFIType.i32, FFIType.ptr, FFIType.u64], returns: FFIType.i64 },
  close: { args: [FFIType.i32], returns: FFIType.i32 },
});

export class Inotify {
  readonly #descriptor: number;
  readonly #folders = new Map<number, string>();
  readonly #isWanted: (path: string) => boolean;
  readonly #buffer = Buffer.alloc(1 << 16);
  #pending: FolderEvent[] = [];

  /** @param isWanted whether a file or folder is of interest; what is in a folder that is not is never looked at */
  constructor(isWanted: (path: string) => boolean) {
    this.#isWanted = isWanted;
    this.#descriptor = libc.symbols.inotify_init1(nonBlocking);
    if (this.#descriptor < 0) throw new Error("inotify_init1 failed");
  }

  /** Follows a folder and all in it; files that are there already have appeared. */
  add(folder: string): void {
    const watch = libc.symbols.inotify_add_watch(this.#descriptor, Buffer.from(`${folder}\0`), wanted);
    // Gone again: then there is nothing to see in it.
    if (watch < 0) return;
    this.#folders.set(watch, folder);
    for (const entry of readdirSync(folder, { withFileTypes: true })) {
      const path = join(folder, entry.name);
      if (!this.#isWanted(path)) continue;
      if (entry.isDirectory()) this.add(path);
      else this.#pending.push({ kind: "appeared", path });
    }
  }

  /** Everything that has happened since the last call. */
  take(): FolderEvent[] {
    for (;;) {
      const bytes = Number(libc.symbols.read(this.#descriptor, this.#buffer, this.#buffer.length));
      if (bytes <= 0) break;
      for (let at = 0; at < bytes; ) at += this.#takeOne(at);
    }
    const events = this.#pending;
    this.#pending = [];
    return events;
  }

  close(): void {
    libc.symbols.close(this.#descriptor);
  }

  /** struct inotify_event: watch, mask, cookie, length of the name that follows. */
  #takeOne(at: number): number {
    const watch = this.#buffer.readInt32LE(at);
    const mask = this.#buffer.readUInt32LE(at + 4);
    const nameBytes = this.#buffer.readUInt32LE(at + 12);
    if (mask & flags.overflow)
      throw new Error("more happened than the kernel remembers: fs.inotify.max_queued_events");
    const name = this.#buffer
      .toString("utf8", at + headBytes, at + headBytes + nameBytes)
      .replace(/\0+$/, "");
    const folder = this.#folders.get(watch);
    if (folder !== undefined && name !== "") this.#note(mask, join(folder, name));
    return headBytes + nameBytes;
  }

  #note(mask: number, path: string): void {
    if (!this.#isWanted(path)) return;
    if (mask & flags.isFolder) {
      if (mask & (flags.create | flags.movedTo)) this.#addIfThere(path);
      return;
    }
    const kind =
      mask & flags.create
        ? "created"
        : mask & flags.movedTo
          ? "appeared"
          : mask & flags.modify
            ? "modified"
            : "vanished";
    this.#pending.push({ kind, path });
  }

  #addIfThere(folder: string): void {
    try {
      this.add(folder);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== "ENOENT") throw error;
    }
  }
}
