/**
 * Looking at a simulated watch, and its events, as the native layer does it: records in a buffer (look_at_folders.cc) and what
 * inotify tells (folder_events.cc). So the agent's own code reads both.
 */
import type { FileState } from "../../agent/lib/files-below.ts";
import type { Folders } from "../../agent/lib/folders.ts";
import type { NativeFolderWatch, NativeLook } from "../../agent/lib/native-folders.ts";
import { orNothing } from "./disk.ts";
import { type SimulatedFileSystem, systemError } from "./file-system.ts";
import type { SimulatedFile, SimulatedFolder, SimulatedNode } from "./inode.ts";
import type { Process, Turns } from "./turns.ts";

/** What has happened to something below the watch. */
export type Changed = "came" | "gone" | "written" | "attributes" | "folder came" | "folder gone";

export const watchFolder = "/watch";
const regularFile = 0o100644n;
const onlyDevice = 1n;

/** From <sys/inotify.h>. */
const masks: Readonly<Record<Changed, number>> = {
  came: 0x80,
  gone: 0x40,
  written: 0x2 | 0x8,
  attributes: 0x4,
  "folder came": 0x100 | 0x40000000,
  "folder gone": 0x200 | 0x40000000,
};
const overflow = 0x4000;
const noEntry = 2;
const notAFolder = 20;
const kinds = { folderRecord: 1, file: 2, folder: 3, nothing: 6 } as const;
const folderHeaderBytes = 16;
const entryHeaderBytes = 80;

/** One inotify descriptor. */
interface Instance {
  process: Process;
  tell: (events: Buffer) => void;
  descriptors: Map<SimulatedFolder, number>;
  isClosed: boolean;
}

/** A look that is under way: the folders that are still to be read. */
interface Look {
  inotify: Instance | undefined;
  folders: string[];
}

export class WatchedFolders {
  readonly #files: SimulatedFileSystem;
  readonly #turns: Turns;
  readonly #instances: Instance[] = [];
  #lastDescriptor = 0;

  constructor(files: SimulatedFileSystem, turns: Turns) {
    this.#files = files;
    this.#turns = turns;
  }

  /** Something has happened at a path below the watch: whoever watches its folder is told of it, in a turn of its own. */
  changed(path: string, what: Changed): void {
    const at = `${watchFolder}/${path}`;
    const folder = orNothing(() => this.#files.folder(at.slice(0, at.lastIndexOf("/"))));
    const name = Buffer.from(at.slice(at.lastIndexOf("/") + 1));
    for (const instance of this.#instances) {
      const descriptor = folder && instance.descriptors.get(folder);
      if (descriptor !== undefined) this.#tell(instance, descriptor, masks[what], name);
    }
  }

  /** Events were lost. */
  overflow(): void {
    for (const instance of this.#instances) this.#tell(instance, -1, overflow, Buffer.alloc(0));
  }

  for(process: Process): Folders {
    return {
      openLook: (_root, fd) => {
        const look: Look = { inotify: this.#instances[fd], folders: [] };
        return look as unknown as NativeLook;
      },
      lookOn: (look, enter, buffer, done) => {
        const under = look as unknown as Look;
        under.folders.push(...textsIn(enter));
        void this.#turns.take(process, () => done(this.#readFolder(under, buffer)));
      },
      lookAtPaths: (_root, paths, buffer, done) => {
        const all = textsIn(paths);
        void this.#turns.take(process, () => {
          let used = 0;
          for (const path of all) {
            const node = orNothing(() => this.#files.at(`${watchFolder}/${path}`));
            used += putEntry(buffer, used, path, "", node);
          }
          done(used, all.length);
        });
      },
      openFolderWatch: (tell) => {
        const instance: Instance = { process, tell, descriptors: new Map(), isClosed: false };
        this.#instances.push(instance);
        const watch = instance as unknown as NativeFolderWatch;
        return { fd: this.#instances.length - 1, watch };
      },
      unwatchFolder: (fd, descriptor) => {
        const descriptors = this.#instances[fd]?.descriptors ?? new Map();
        for (const [folder, one] of descriptors) if (one === descriptor) descriptors.delete(folder);
      },
      closeFolderWatch: (watch) => {
        (watch as unknown as Instance).isClosed = true;
      },
      deviceOf: () => this.#turns.take(process, () => onlyDevice),
      isFolder: (path) =>
        this.#turns.take(process, () => {
          const node = this.#files.at(path.toString());
          if (!node) throw systemError("ENOENT", path.toString());
          return node.kind === "folder";
        }),
    };
  }

  #tell(instance: Instance, descriptor: number, mask: number, name: Buffer): void {
    const event = Buffer.alloc(12 + ((name.length + 3) & ~3));
    event.writeInt32LE(descriptor, 0);
    event.writeUInt32LE(mask, 4);
    event.writeUInt32LE(name.length, 8);
    name.copy(event, 12);
    void this.#turns.take(instance.process, () => {
      if (!instance.isClosed) instance.tell(event);
    });
  }

  /** One folder a time, as it is at that moment; it is watched before it is read. */
  #readFolder({ inotify, folders }: Look, buffer: Buffer): number {
    const path = folders.pop();
    if (path === undefined) return 0;
    const node = orNothing(() => this.#files.at(`${watchFolder}/${path}`));
    if (node?.kind !== "folder") return putFolder(buffer, path, node ? notAFolder : noEntry, 0);
    let used = putFolder(buffer, path, 0, this.#watch(inotify, node));
    for (const [name, entry] of node.entries)
      if (!name.startsWith("."))
        used += putEntry(buffer, used, path === "" ? name : `${path}/${name}`, name, entry);
    return used;
  }

  /** Returns by which its events are known; -1: not at all. */
  #watch(inotify: Instance | undefined, folder: SimulatedFolder): number {
    if (!inotify) return -1;
    const known = inotify.descriptors.get(folder) ?? ++this.#lastDescriptor;
    inotify.descriptors.set(folder, known);
    return known;
  }
}

function textsIn(packed: Buffer): string[] {
  return packed.toString().split("\0").slice(0, -1);
}

function putFolder(buffer: Buffer, path: string, error: number, descriptor: number): number {
  const name = Buffer.from(path);
  buffer.fill(0, 0, folderHeaderBytes);
  buffer.writeUInt32LE(kinds.folderRecord, 0);
  buffer.writeUInt32LE(name.length, 4);
  buffer.writeInt32LE(error, 8);
  buffer.writeInt32LE(descriptor, 12);
  name.copy(buffer, folderHeaderBytes);
  return folderHeaderBytes + ((name.length + 7) & ~7);
}

/** @param name as it is recorded; @param path for the marks */
function putEntry(
  buffer: Buffer,
  at: number,
  path: string,
  name: string,
  node: SimulatedNode | undefined,
): number {
  const text = Buffer.from(name);
  buffer.fill(0, at, at + entryHeaderBytes);
  buffer.writeUInt32LE(node ? kinds[node.kind] : kinds.nothing, at);
  buffer.writeUInt32LE(text.length, at + 4);
  if (node?.kind === "file") putState(buffer, at, path, node);
  text.copy(buffer, at + entryHeaderBytes);
  return entryHeaderBytes + ((text.length + 7) & ~7);
}

function putState(buffer: Buffer, at: number, path: string, file: SimulatedFile): void {
  const { size, mtime, ctime, inode, device } = stateOf(file);
  buffer.writeBigUInt64LE(BigInt(Bun.hash(`${path} ${size} ${mtime} ${ctime} ${inode}`)), at + 8);
  buffer.writeBigUInt64LE(BigInt(Bun.hash(`${path} ${size} ${mtime}`)), at + 16);
  buffer.writeBigUInt64LE(size, at + 24);
  buffer.writeBigInt64LE(mtime / 1_000_000_000n, at + 32);
  buffer.writeUInt32LE(Number(mtime % 1_000_000_000n), at + 40);
  buffer.writeUInt32LE(Number(ctime % 1_000_000_000n), at + 44);
  buffer.writeBigInt64LE(ctime / 1_000_000_000n, at + 48);
  buffer.writeBigUInt64LE(inode, at + 56);
  buffer.writeBigUInt64LE(device, at + 64);
}

/** What a look at a file tells of it. */
export function stateOf({ inode, seen, changedAt }: SimulatedFile): FileState {
  return {
    device: onlyDevice,
    inode: BigInt(inode),
    mode: regularFile,
    size: BigInt(seen.bytes.length),
    mtime: seen.mtime,
    ctime: changedAt,
  };
}
