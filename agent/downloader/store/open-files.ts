/** Open handles for writing partials, a bounded number: a thousand stalled files must not take a thousand. */
import type { Disk, DiskFile } from "../../lib/disk.ts";
import { ReadBuffers } from "./read-buffers.ts";

const maxOpen = 64;

interface OpenFile {
  handle: Promise<DiskFile>;
  users: number;
}

export class OpenFiles {
  readonly disk: Disk;
  /** For reading them back. */
  readonly buffers = new ReadBuffers();
  /** In the order of their last use. */
  readonly #files = new Map<string, OpenFile>();
  /** Files that are closed to make room for others, and those where that failed: for whoever comes for them next. */
  readonly #closing = new Map<string, Promise<void>>();

  constructor(disk: Disk) {
    this.disk = disk;
  }

  /**
   * Calls `use` with an open handle, made when needed. Throws, for once, when what was written to the file before was not taken.
   *
   * @param make whether the file is made if it is missing
   */
  async with<T>(path: string, make: boolean, use: (handle: DiskFile) => Promise<T>): Promise<T> {
    if (this.#closing.has(path)) await this.#whenClosed(path);
    const file = this.#files.get(path) ?? { handle: this.disk.open(path, make), users: 0 };
    this.#files.delete(path);
    this.#files.set(path, file);
    file.users++;
    try {
      return await use(await file.handle);
    } catch (error) {
      // Not left to the collector: the runtime ends the process when it finds an open handle.
      if (file.users === 1) await this.drop(path);
      throw error;
    } finally {
      file.users--;
      await this.#closeSurplus();
    }
  }

  /** Closes the file if it is open. It must not be in use. Throws when what was written to it is not taken. */
  async close(path: string): Promise<void> {
    if (this.#closing.has(path)) await this.#whenClosed(path);
    const file = this.#files.get(path);
    if (!file) return;
    this.#files.delete(path);
    await (await file.handle).close();
  }

  /** The same of a file that is not wanted any more, in whatever state. */
  async drop(path: string): Promise<void> {
    await this.close(path).catch(() => undefined);
  }

  /** Of all of them, at the end: what is built upon later is read from the disk again. */
  async dropAll(): Promise<void> {
    for (const path of [...this.#files.keys()]) await this.drop(path);
  }

  /** How that goes is no business of the file that needs the room. */
  async #closeSurplus(): Promise<void> {
    if (this.#files.size <= maxOpen) return;
    const [path] = [...this.#files].find(([, { users }]) => users === 0) ?? [];
    if (path === undefined) return;
    const closing = this.close(path);
    this.#closing.set(path, closing);
    await closing.then(
      () => this.#closing.delete(path),
      () => undefined,
    );
  }

  /** Throws when what was written to the file was not taken; it is told once. */
  async #whenClosed(path: string): Promise<void> {
    try {
      await this.#closing.get(path);
    } finally {
      this.#closing.delete(path);
    }
  }
}
