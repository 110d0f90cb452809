/**
 * A disk in memory that forgets in a power cut what was not synced, wholly or in part, and that fails when it is told
 * to. A machine has one; each process on it gets its own access, whose calls wait for their turns.
 */
import type { Disk, DiskFile, FileLock, FilePath, Found } from "../../agent/lib/disk.ts";
import { codeOf } from "../../agent/lib/errors.ts";
import type { Random } from "../support/random.ts";
import { SimulatedFileSystem, shownName, systemError, textOf } from "./file-system.ts";
import { type Luck, type SimulatedFile, type SimulatedNode, wallNs } from "./inode.ts";
import type { Process, Turns } from "./turns.ts";

/** Told of what the checks are about, before it happens. */
export interface DiskWatcher {
  /** A file is about to stand at a path. */
  naming(disk: SimulatedDisk, process: Process, from: string, to: string, file: SimulatedFile): void;
  writing(disk: SimulatedDisk, path: string): void;
  removing(disk: SimulatedDisk, path: string): void;
  changing(disk: SimulatedDisk, file: SimulatedFile): void;
  called(process: Process, what: string): void;
  /** Told when it is asked for: it is done later. */
  asked(process: Process, path: string, content: string): void;
}

/** A disk that is broken on purpose, so that the checks can be seen to notice. */
export interface DiskFaults {
  /** A sync of these paths does nothing. */
  skipsSync?: (path: string) => boolean;
  /** A rename to these paths is said to be done and never is. */
  skipsRename?: (to: string) => boolean;
}

/** As syncfs: for so many paths the whole file system is synced, see `LocalDisk`. */
const fewPaths = 8;

export class SimulatedDisk {
  readonly name: string;
  readonly files = new SimulatedFileSystem();
  readonly #turns: Turns;
  readonly #random: Random;
  readonly #watcher: DiskWatcher;
  readonly #faults: DiskFaults;
  readonly #locks = new Map<SimulatedFile, Process>();
  /** How many bytes there is room for. */
  capacity = Number.MAX_SAFE_INTEGER;
  /** So many of the next syncs fail. */
  failingSyncs = 0;
  /** So many of the next calls fail. */
  failingCalls = 0;

  constructor(name: string, turns: Turns, random: Random, watcher: DiskWatcher, faults: DiskFaults) {
    this.name = name;
    this.#turns = turns;
    this.#random = random;
    this.#watcher = watcher;
    this.#faults = faults;
  }

  get usedBytes(): number {
    let used = 0;
    for (const file of this.files.files().values()) used += file.seen.bytes.length;
    return used;
  }

  powerCut(luck: Luck): void {
    this.files.powerCut(luck, this.#random);
  }

  for(process: Process): Disk {
    const call = <T>(what: string, path: FilePath, run: (path: string) => T): Promise<T> =>
      this.#turns.take(process, () => {
        const text = textOf(path);
        this.#watcher.called(process, `${what} ${text}`);
        this.#failIfTold(text);
        return run(text);
      });
    const { files } = this;
    return {
      open: (path, make) => call("open", path, (text) => this.#open(text, process, make)),
      look: (path) => call("look", path, (text) => described(orNothing(() => files.at(text)))),
      list: (path) => call("list", path, (text) => [...files.folder(text).entries.keys()].map(shownName)),
      readText: (path) =>
        call("read", path, (text) => orNothing(() => files.file(text).seen.bytes.toString())),
      freeBytes: (path) =>
        call("ask for room", path, (text) => {
          this.#require(text);
          return Math.max(0, this.capacity - this.usedBytes);
        }),
      blockBytes: async (path) => {
        this.#require(textOf(path));
        return 4096;
      },
      freeInodes: async (path) => {
        this.#require(textOf(path));
        return undefined;
      },
      mayChange: (path) =>
        call("ask for rights", path, (text) => orNothing(() => files.at(text))?.kind === "folder"),
      lock: (path, holders, self) => call("lock", path, (text) => this.#lock(process, text, holders, self)),
      storeWhole: async (path, bytes, { mode, mtime }) => {
        const copy = Buffer.from(bytes);
        // It is one call, in the middle of which the process may be killed.
        const file = await call("make", path, (text) => files.opened(text, wallNs()));
        await call(`write all ${copy.length} bytes of`, path, (text) => this.#fill(text, file, copy));
        return call("set mode and time", path, () => {
          file.change({ kind: "mode", mode });
          file.change({ kind: "mtime", mtime: mtime ?? wallNs() });
          return file.inode;
        });
      },
      writeText: (path, content) => {
        this.#watcher.asked(process, textOf(path), content);
        return call("write", path, (text) => this.#writeText(text, content));
      },
      setModificationTime: (path, mtime) =>
        call("set time", path, (text) => {
          const node = orNothing(() => files.at(text));
          if (node?.kind === "file") node.change({ kind: "mtime", mtime });
        }),
      sync: async (paths) => {
        if (paths.length <= fewPaths)
          for (const path of paths) await call("sync", path, (text) => this.#sync(text));
        else await call("sync all", paths[0] ?? "/", (text) => this.#syncAll(text, paths));
      },
      rename: (from, to) => call("rename", to, (text) => this.#rename(process, textOf(from), text)),
      link: (file, name) => call("link", name, (text) => this.#link(process, textOf(file), text)),
      remove: (path) => call("remove", path, (text) => this.#remove(text)),
      makeFolder: (path, mode) => call("make folder", path, (text) => files.makeFolder(text, mode)),
    };
  }

  #lock(process: Process, path: string, holders: string, self: string): FileLock {
    const file = this.files.file(path);
    if (this.#locks.get(file)?.alive) {
      const [takenBy = ""] = orNothing(() => this.files.folder(holders))?.entries.keys() ?? [];
      return { takenBy, isTold: false, isReal: true, release: async () => undefined };
    }
    this.#locks.set(file, process);
    const isTold = this.#tellHolder(holders, self);
    const release = async () => void this.#locks.delete(file);
    return { takenBy: undefined, isTold, isReal: true, release };
  }

  #tellHolder(holders: string, self: string): boolean {
    if (!this.files.at(holders)) this.files.makeFolder(holders);
    const folder = orNothing(() => this.files.folder(holders));
    if (!folder) return false;
    for (const name of folder.entries.keys()) if (name !== self) this.files.remove(`${holders}/${name}`);
    if (!folder.entries.has(self)) this.files.makeFolder(`${holders}/${self}`);
    return true;
  }

  #open(path: string, process: Process, make: boolean): DiskFile {
    const file = make ? this.files.opened(path, wallNs()) : this.files.file(path);
    const call = <T>(what: string, run: () => T): Promise<T> =>
      this.#turns.take(process, () => {
        this.#watcher.called(process, `${what} ${path}`);
        this.#failIfTold(path);
        return run();
      });
    return {
      read: (buffer, length, position) =>
        call("read from", () => file.seen.bytes.subarray(position, position + length).copy(buffer)),
      write: (bytes, at) => {
        // The caller may use the buffer for something else once it is told that it was written.
        const copy = Buffer.from(bytes);
        return call(`write ${copy.length} bytes at ${at} of`, () => {
          this.#watcher.changing(this, file);
          this.#requireRoom(path, at + copy.length - file.seen.bytes.length);
          file.change({ kind: "write", bytes: copy, at });
          file.change({ kind: "mtime", mtime: wallNs() });
        });
      },
      extend: (from, to) =>
        call(`extend to ${to}`, () => {
          const end = file.seen.bytes.length;
          if (end > from) return false;
          this.#watcher.changing(this, file);
          this.#requireRoom(path, to - end);
          file.change({ kind: "write", bytes: Buffer.alloc(to - end), at: end });
          file.change({ kind: "mtime", mtime: wallNs() });
          return true;
        }),
      chmod: (mode) => call("chmod", () => file.change({ kind: "mode", mode })),
      close: () => this.#turns.take(process, () => undefined),
    };
  }

  #fill(path: string, file: SimulatedFile, bytes: Buffer): void {
    this.#watcher.changing(this, file);
    this.#requireRoom(path, bytes.length - file.seen.bytes.length);
    if (file.seen.bytes.length > bytes.length) file.change({ kind: "truncate" });
    file.change({ kind: "write", bytes, at: 0 });
  }

  #writeText(path: string, content: string): void {
    const bytes = Buffer.from(content);
    this.#requireRoom(path, bytes.length);
    this.#watcher.writing(this, path);
    const file = this.files.opened(path, wallNs());
    file.change({ kind: "truncate" });
    file.change({ kind: "write", bytes, at: 0 });
    file.change({ kind: "mtime", mtime: wallNs() });
  }

  #rename(process: Process, from: string, to: string): void {
    if (!this.files.canRename(from, to) || this.#faults.skipsRename?.(to)) return;
    const node = this.files.at(from);
    if (node?.kind === "file") this.#watcher.naming(this, process, from, to, node);
    this.files.rename(from, to);
  }

  #link(process: Process, path: string, name: string): void {
    const node = this.files.at(path);
    if (node?.kind === "file" && !this.files.at(name)) this.#watcher.naming(this, process, path, name, node);
    this.files.link(path, name);
  }

  #remove(path: string): void {
    const node = orNothing(() => this.files.at(path));
    if (!node) return;
    if (node.kind === "folder") throw systemError("EISDIR", path);
    this.#watcher.removing(this, path);
    this.files.remove(path);
  }

  #sync(path: string): void {
    const node = this.#require(path);
    if (this.#faults.skipsSync?.(path)) return;
    if (this.failingSyncs > 0) {
      this.failingSyncs--;
      if (node.kind === "file") node.failSync();
      throw systemError("EIO", path);
    }
    if (node.kind === "file") node.sync();
    else this.files.syncFolder(node);
  }

  #syncAll(path: string, paths: readonly FilePath[]): void {
    this.#require(path);
    if (this.#faults.skipsSync && paths.some((one) => this.#faults.skipsSync?.(one.toString()))) return;
    if (this.failingSyncs > 0) {
      this.failingSyncs--;
      for (const file of this.files.files().values()) file.failSync();
      throw systemError("EIO", path);
    }
    this.files.syncAll();
  }

  #require(path: string): SimulatedNode {
    const node = this.files.at(path);
    if (!node) throw systemError("ENOENT", path);
    return node;
  }

  #failIfTold(path: string): void {
    if (this.failingCalls === 0 || this.#random.below(2) === 0) return;
    this.failingCalls--;
    throw systemError("EIO", path);
  }

  #requireRoom(path: string, bytes: number): void {
    if (bytes > 0 && this.usedBytes + bytes > this.capacity) throw systemError("ENOSPC", path);
  }
}

function described(node: SimulatedNode | undefined): Found | undefined {
  if (!node) return undefined;
  const { kind, inode } = node;
  if (kind === "folder") return { kind, inode, size: 0, device: 1, changedMs: Date.now() };
  return {
    kind,
    inode,
    size: node.seen.bytes.length,
    device: 1,
    changedMs: Number(node.seen.mtime / 1_000_000n),
  };
}

/** Nothing is at a path, or below a file. */
export function orNothing<T>(look: () => T): T | undefined {
  try {
    return look();
  } catch (error) {
    if (codeOf(error) === "ENOENT" || codeOf(error) === "ENOTDIR") return undefined;
    throw error;
  }
}
