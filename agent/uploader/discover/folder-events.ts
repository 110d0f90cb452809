/**
 * The file system's events, as "look at this path", by inotify through the native layer: one descriptor a watch, and a number
 * and a path a folder. A folder is watched as it is looked at, by its own descriptor, before it is read: so nothing in it
 * happens unseen, and a look puts right what was renamed meanwhile. An event is never trusted: it is a reason to look.
 */

import type { Folders } from "../../lib/folders.ts";
import type { NativeFolderWatch } from "../../lib/native-folders.ts";
import { pathToText } from "../../wire/path.ts";

export interface FolderEventsOptions {
  /** Told of a path below the watch, as text. `touched`: its content may be another one, whatever its size and times say. */
  onPath(relative: string, touched: boolean): void;
  /** Told of a folder that has come: all of it is to be looked at. */
  onFolder(relative: string): void;
  /** Told when events may have been lost, and only a full look helps. */
  onLost(): void;
}

const mostEarly = 1000;

/** From <sys/inotify.h>. */
const IN_ATTRIB = 0x4;
const IN_CREATE = 0x100;
const IN_DELETE = 0x200;
const IN_MOVED_FROM = 0x40;
const IN_MOVED_TO = 0x80;
const IN_DELETE_SELF = 0x400;
const IN_MOVE_SELF = 0x800;
const IN_UNMOUNT = 0x2000;
const IN_Q_OVERFLOW = 0x4000;
const IN_IGNORED = 0x8000;
const IN_ISDIR = 0x40000000;

export class FolderEvents {
  readonly #native: Folders;
  readonly #options: FolderEventsOptions;
  /** By watch descriptor, the folders' paths as text. */
  #folders = new Map<number, string>();
  /** The same as a full look finds them; undefined: none is under way. */
  #found: Map<number, string> | undefined;
  /** Events of folders that are watched, but of which the look has not told yet. */
  readonly #early = new Map<number, { mask: number; name: Buffer }[]>();
  #earlyCount = 0;
  #open: { fd: number; watch: NativeFolderWatch } | undefined;

  constructor(native: Folders, options: FolderEventsOptions) {
    this.#native = native;
    this.#options = options;
  }

  /** Begins, if it has not begun. Returns 0, or why the system refuses: errno. */
  open(): number {
    if (this.#open) return 0;
    const opened = this.#native.openFolderWatch((events) => this.#take(events));
    if (typeof opened === "number") return -opened;
    this.#open = opened;
    return 0;
  }

  close(): void {
    if (this.#open) this.#native.closeFolderWatch(this.#open.watch);
    this.#open = undefined;
  }

  /** What looks watch folders by; -1: nothing. */
  get inotify(): number {
    return this.#open?.fd ?? -1;
  }

  beginLook(): void {
    this.#found = new Map();
  }

  /** A look has watched a folder. */
  watched(descriptor: number, relative: string): void {
    (this.#found ?? this.#folders).set(descriptor, relative);
    const early = this.#early.get(descriptor);
    if (!early) return;
    this.#early.delete(descriptor);
    for (const { mask, name } of early) this.#eventIn(relative, descriptor, mask, name);
  }

  /** It is over. After a complete one, folders that it did not find are watched no longer. */
  endLook(complete: boolean): void {
    const found = this.#found;
    if (!found) return;
    this.#found = undefined;
    this.#early.clear();
    this.#earlyCount = 0;
    for (const [descriptor, relative] of this.#folders) {
      if (found.has(descriptor)) continue;
      if (!complete) found.set(descriptor, relative);
      else if (this.#open) this.#native.unwatchFolder(this.#open.fd, descriptor);
    }
    this.#folders = found;
  }

  #take(events: Buffer): void {
    for (let at = 0; at < events.length; ) {
      const length = events.readUInt32LE(at + 8);
      const name = events.subarray(at + 12, at + 12 + length);
      this.#event(events.readInt32LE(at), events.readUInt32LE(at + 4), name);
      at += 12 + ((length + 3) & ~3);
    }
  }

  #event(descriptor: number, mask: number, name: Buffer): void {
    if (mask & IN_Q_OVERFLOW) this.#options.onLost();
    const folder = this.#found?.get(descriptor) ?? this.#folders.get(descriptor);
    if (folder === undefined) this.#keepEarly(descriptor, mask, name);
    else this.#eventIn(folder, descriptor, mask, name);
  }

  #eventIn(folder: string, descriptor: number, mask: number, name: Buffer): void {
    if (mask & (IN_IGNORED | IN_UNMOUNT | IN_DELETE_SELF | IN_MOVE_SELF)) {
      // Of other folders, the one that they are in tells.
      if (folder === "" || mask & IN_UNMOUNT) this.#options.onLost();
      if (mask & IN_IGNORED) this.#forget(descriptor);
    }
    if (name.length === 0) return;
    const relative = folder === "" ? pathToText(name) : `${folder}/${pathToText(name)}`;
    if (mask & IN_ISDIR) {
      if (mask & (IN_MOVED_FROM | IN_DELETE)) this.#leave(relative);
      if (mask & (IN_CREATE | IN_MOVED_TO)) this.#options.onFolder(relative);
      // Perhaps it can be read now.
      else if (mask & IN_ATTRIB) this.#options.onFolder(relative);
    } else this.#options.onPath(relative, (mask & ~(IN_ATTRIB | IN_DELETE | IN_MOVED_FROM)) !== 0);
  }

  #keepEarly(descriptor: number, mask: number, name: Buffer): void {
    if (mask & (IN_IGNORED | IN_Q_OVERFLOW)) return;
    if (this.#earlyCount++ === mostEarly) this.#options.onLost();
    if (this.#earlyCount > mostEarly) return;
    this.#early.getOrInsert(descriptor, []).push({ mask, name });
  }

  /** A folder is no longer there, nor what is below it. */
  #leave(relative: string): void {
    for (const folders of [this.#folders, this.#found]) {
      for (const [descriptor, path] of folders ?? []) {
        if (path !== relative && !path.startsWith(`${relative}/`)) continue;
        if (this.#open) this.#native.unwatchFolder(this.#open.fd, descriptor);
        folders?.delete(descriptor);
      }
    }
  }

  #forget(descriptor: number): void {
    this.#folders.delete(descriptor);
    this.#found?.delete(descriptor);
  }
}
