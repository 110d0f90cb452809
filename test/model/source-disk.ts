/**
 * The disk that an uploader's watch is on: what others put there, change and take away, and the uploader's own way to it
 * (`FileCalls`, `Folders`), whose calls wait for their turns.
 */
import type { Expected, FileCalls, FileState, Outcome, Place } from "../../agent/lib/files-below.ts";
import type { Random } from "../support/random.ts";
import { orNothing } from "./disk.ts";
import { SimulatedFileSystem, systemError } from "./file-system.ts";
import { SimulatedFile, wallNs } from "./inode.ts";
import type { Process, Turns } from "./turns.ts";
import { type Changed, stateOf, WatchedFolders, watchFolder } from "./watched-folders.ts";

/** Told of what the uploader does to sources, before it does it. */
export interface SourceWatcher {
  /** @param path below the watch */
  takingAway(path: string, file: SimulatedFile): void;
  called(process: Process, what: string): void;
}

export const moveFolder = "/moved";
const outsideFolder = "/outside";
const nothing: FileState = { device: 0n, inode: 0n, mode: 0n, size: 0n, mtime: 0n, ctime: 0n };

export class SourceDisk {
  readonly files = new SimulatedFileSystem();
  readonly folders: WatchedFolders;
  readonly #turns: Turns;
  readonly #random: Random;
  readonly #watcher: SourceWatcher;
  /** Each content that a path has ever had. */
  readonly #contents = new Map<string, { mtime: bigint; bytes: Buffer }[]>();
  /** What was taken away last of each path, by its name outside. */
  readonly #removed = new Map<string, string>();
  /** Files that another program has open for writing. */
  readonly #writing = new Set<SimulatedFile>();

  constructor(turns: Turns, random: Random, watcher: SourceWatcher) {
    this.#turns = turns;
    this.#random = random;
    this.#watcher = watcher;
    this.folders = new WatchedFolders(this.files, turns);
    for (const folder of [watchFolder, outsideFolder]) this.files.makeFolder(folder);
  }

  /** What stands below the watch, by its path there. */
  all(): Map<string, SimulatedFile> {
    const all = new Map<string, SimulatedFile>();
    for (const [path, file] of this.files.files())
      if (path.startsWith(`${watchFolder}/`)) all.set(path.slice(watchFolder.length + 1), file);
    return all;
  }

  at(path: string): SimulatedFile | undefined {
    const node = orNothing(() => this.files.at(`${watchFolder}/${path}`));
    return node?.kind === "file" ? node : undefined;
  }

  /** The bytes that the path had when its file was of this size and time. */
  contentOf(path: string, size: number, mtime: bigint): Buffer | undefined {
    return this.#contents.get(path)?.find((one) => one.mtime === mtime && one.bytes.length === size)?.bytes;
  }

  /** A file is there, or is another one than before: in its place, or written over it. */
  put(path: string, bytes: Buffer, inPlace: boolean): void {
    const there = this.at(path);
    const file = inPlace && there ? there : new SimulatedFile(0n);
    // Any time: also one before the retention's.
    const mtime = BigInt(this.#random.below(2_000_000_000)) * 1_000_000_007n;
    file.change({ kind: "truncate" });
    file.change({ kind: "write", bytes, at: 0 });
    file.change({ kind: "mtime", mtime });
    this.#noteContent(path, file);
    if (file === there) this.folders.changed(path, "written");
    else this.#place(path, file);
  }

  /** Another program begins to write a file, or ends it. */
  setWriting(path: string, isWriting: boolean): void {
    const file = this.at(path);
    if (!file) return;
    if (isWriting) this.#writing.add(file);
    else if (this.#writing.delete(file)) this.folders.changed(path, "written");
  }

  endAllWriting(): void {
    for (const path of this.all().keys()) this.setWriting(path, false);
    this.#writing.clear();
  }

  /** People take away what was moved. */
  emptyMoved(): void {
    if (this.files.at(moveFolder)) this.files.remove(moveFolder);
  }

  /** Something but content, size and modification time is another one. */
  touch(path: string): void {
    const file = this.at(path);
    if (!file) return;
    file.changedAt = wallNs();
    this.folders.changed(path, "attributes");
  }

  /** The file is there no more. */
  remove(path: string): void {
    const file = this.at(path);
    if (!file) return;
    const outside = `${outsideFolder}/${file.inode}`;
    this.files.rename(`${watchFolder}/${path}`, outside);
    this.#removed.set(path, outside);
    this.folders.changed(path, "gone");
  }

  /** The very file that was removed last is there again, unless there is another. */
  bringBack(path: string): void {
    const outside = this.#removed.get(path);
    const node = outside === undefined ? undefined : this.files.at(outside);
    if (outside === undefined || node?.kind !== "file" || this.at(path)) return;
    this.files.remove(outside);
    this.#place(path, node);
  }

  /** The uploader's way to the files. */
  for(process: Process): FileCalls {
    const call = <T>(what: string, path: string, run: () => T): Promise<T> =>
      this.#turns.take(process, () => {
        this.#watcher.called(process, `${what} ${path}`);
        return run();
      });
    const opened = new Map<number, SimulatedFile>();
    let lastFd = 2;
    const open = (path: string, mostBytes: number, trusting: boolean) => {
      const file = this.#fileAt(path);
      if (!file) return undefined;
      const writers = this.#writing.has(file) ? ("some" as const) : ("none" as const);
      const [state, { bytes }] = [stateOf(file), file.seen];
      const found = { file, state, writers };
      if (bytes.length > mostBytes) {
        opened.set(++lastFd, file);
        return { ...found, fd: lastFd, bytes: undefined };
      }
      return {
        ...found,
        fd: undefined,
        bytes: writers === "none" || trusting ? Buffer.from(bytes) : undefined,
      };
    };
    const look = (path: string, file: SimulatedFile | undefined) => {
      const there = this.#fileAt(path);
      return { there: there && stateOf(there), opened: file ? stateOf(file) : nothing };
    };
    // Others may have their turn between the reading and the look after it.
    const openAndLook = async (path: string, mostBytes: number, trusting: boolean) => {
      const found = await call("open", path, () => open(path, mostBytes, trusting));
      if (!found) return undefined;
      const { file, bytes, ...rest } = found;
      if (!bytes) return { ...rest, content: undefined };
      return { ...rest, content: { bytes, ...(await call("look", path, () => look(path, file))) } };
    };
    const read = (fd: number, buffer: Buffer, at: number, length: number, position: number) => {
      const file = opened.get(fd);
      if (!file) throw systemError("EBADF", `descriptor ${fd}`);
      return file.seen.bytes.copy(buffer, at, position, position + length);
    };
    return {
      open: (place, mostBytes, trusting) => openAndLook(nameOf(place), mostBytes, trusting),
      look: (place, fd) => call("look", nameOf(place), () => look(nameOf(place), opened.get(fd ?? -1))),
      read: (fd, buffer, at, length, position) =>
        call("read", `descriptor ${fd}`, () => read(fd, buffer, at, length, position)),
      close: (fd) => call("close", `descriptor ${fd}`, () => void opened.delete(fd)),
      remove: (place, expected) => call("delete", nameOf(place), () => this.#delete(place, expected)),
      move: (from, expected, _trusting, to) =>
        call("move", nameOf(from), () => this.#move(nameOf(from), expected, nameOf(to))),
      makeFolders: (place) => call("make folders", nameOf(place), () => this.#makeFolders(nameOf(place))),
      listWriters: async () => [],
    };
  }

  #delete(place: Place, expected: Expected): Outcome {
    const path = nameOf(place);
    const file = this.#fileAt(path);
    const outcome = this.#judge(file, expected);
    if (outcome !== "done" || !file) return outcome;
    this.#watcher.takingAway(path.slice(watchFolder.length + 1), file);
    this.files.remove(path);
    this.#told(path, "gone");
    return "done";
  }

  #move(from: string, expected: Expected, to: string): Outcome {
    const file = this.#fileAt(from);
    const outcome = this.#judge(file, expected);
    if (outcome !== "done" || !file) return outcome;
    const parent = orNothing(() => this.files.at(to.slice(0, to.lastIndexOf("/"))));
    if (parent?.kind !== "folder") return "noFolder";
    if (this.files.at(to)) return "taken";
    if (from.startsWith(watchFolder)) this.#watcher.takingAway(from.slice(watchFolder.length + 1), file);
    this.files.rename(from, to);
    this.#told(from, "gone");
    this.#told(to, "came");
    return "done";
  }

  #judge(file: SimulatedFile | undefined, expected: Expected): Outcome {
    if (!file) return "other";
    const { inode, size, mtime, ctime } = stateOf(file);
    const isSame =
      String(inode) === expected.inode &&
      Number(size) === expected.size &&
      String(mtime) === expected.mtime &&
      String(ctime) === expected.ctime;
    if (!isSame) return "other";
    return this.#writing.has(file) ? "open" : "done";
  }

  #makeFolders(path: string): number {
    const names = path.split("/").slice(1, -1);
    for (let depth = 1; depth <= names.length; depth++) {
      const folder = `/${names.slice(0, depth).join("/")}`;
      const node = this.files.at(folder);
      // The root itself is not counted.
      if (node?.kind === "file") return depth - 1;
      if (!node) this.files.makeFolder(folder);
    }
    return 0;
  }

  #fileAt(path: string): SimulatedFile | undefined {
    const node = orNothing(() => this.files.at(path));
    return node?.kind === "file" ? node : undefined;
  }

  /** What is in its way goes. */
  #place(path: string, file: SimulatedFile): void {
    const names = path.split("/");
    for (let depth = 1; depth < names.length; depth++) {
      const folder = names.slice(0, depth).join("/");
      if (this.at(folder)) this.remove(folder);
      if (this.files.at(`${watchFolder}/${folder}`)) continue;
      this.files.makeFolder(`${watchFolder}/${folder}`);
      this.folders.changed(folder, "folder came");
    }
    for (const below of this.all().keys()) if (below.startsWith(`${path}/`)) this.remove(below);
    const isFolder = orNothing(() => this.files.at(`${watchFolder}/${path}`))?.kind === "folder";
    this.files.remove(`${watchFolder}/${path}`);
    if (isFolder) this.folders.changed(path, "folder gone");
    this.files.add(`${watchFolder}/${path}`, file);
    this.folders.changed(path, "came");
  }

  #noteContent(path: string, { seen: { bytes, mtime } }: SimulatedFile): void {
    const before = this.#contents.get(path) ?? [];
    this.#contents.set(path, [...before, { bytes, mtime }]);
  }

  #told(path: string, what: Changed): void {
    if (path.startsWith(`${watchFolder}/`)) this.folders.changed(path.slice(watchFolder.length + 1), what);
  }
}

function nameOf({ root, relative }: Place): string {
  return `${root}/${relative}`;
}
