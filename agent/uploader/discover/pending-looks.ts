/**
 * What events have told of one watch, and is to be looked at: files that something happened to, and folders that have come. There
 * are so many at most: beyond that a full look is cheaper than each of them.
 */
import type { WatchedFile } from "../access/watch.ts";

const maxFiles = 10_000;
const maxFolders = 1000;

/** A file that something happened to. */
export interface Happened {
  file: WatchedFile;
  /** Whether its content may be another one, too. */
  touched: boolean;
}

export class PendingLooks {
  #files = new Map<string, Happened>();
  #folders = new Set<string>();

  get fileCount(): number {
    return this.#files.size;
  }

  get folderCount(): number {
    return this.#folders.size;
  }

  hasFile(path: string): boolean {
    return this.#files.has(path);
  }

  /** Returns false when there is no place for it. */
  addFile(file: WatchedFile, touched: boolean): boolean {
    const known = this.#files.get(file.path);
    if (known) known.touched ||= touched;
    else if (this.#files.size >= maxFiles) return false;
    else this.#files.set(file.path, { file, touched });
    return true;
  }

  /** A folder, as text below the watch. Returns false when there is no place for it. */
  addFolder(relative: string): boolean {
    if (this.#folders.size >= maxFolders) return false;
    this.#folders.add(relative);
    return true;
  }

  /** All files since the last call. */
  takeFiles(): Happened[] {
    const files = [...this.#files.values()];
    this.#files = new Map();
    return files;
  }

  /** All folders since the last call. */
  takeFolders(): Iterable<string> {
    const folders = this.#folders;
    this.#folders = new Set();
    return folders;
  }
}
