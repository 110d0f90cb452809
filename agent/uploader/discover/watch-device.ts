/**
 * Which device a watch is on. Where a file system was unmounted its mount point is left, and empty: what is not seen there
 * is not gone. So a watch that is on another device than before is in doubt until it is back, or something that the ledger
 * knows is seen on the other one, which is the watch's from then on.
 */
import { type Folders, localFolders } from "../../lib/folders.ts";
import type { Trouble } from "../../lib/troubles.ts";
import type { Log } from "../../observe/log.ts";
import type { FileSystemGate } from "../access/file-system-gate.ts";

export class WatchDevice {
  readonly #path: string;
  readonly #access: FileSystemGate;
  readonly #folders: Folders;
  /** At the last complete look. */
  #known: bigint | undefined;
  #trouble: Trouble | undefined;

  /** @param access every call to the watch's file system goes through this */
  constructor(path: string, access: FileSystemGate, folders: Folders = localFolders) {
    this.#path = path;
    this.#access = access;
    this.#folders = folders;
  }

  /** The one that the watch is on now; `undefined`: that can't be found out. */
  now(): Promise<bigint | undefined> {
    // Not its name, which has a device of its own: it may be a link, or an automount that waits for somebody to enter it.
    const inside = `${this.#path}/.`;
    return this.#access.run(() => this.#folders.deviceOf(inside)).catch(() => undefined);
  }

  /** Whether it is the watch's, as far as is known: before the first complete look any is. */
  isKnown(device: bigint | undefined): boolean {
    return device !== undefined && (this.#known ?? device) === device;
  }

  /** A look at it was complete. */
  take(device: bigint, log: Log): void {
    this.#known = device;
    if (!this.#trouble) return;
    log.info(`${this.#trouble.what}: its files are seen again`);
    log.troubles.end(this.#trouble);
    this.#trouble = undefined;
  }

  /** A look at another one has seen none of the files that are known. */
  doubt(log: Log): void {
    if (this.#trouble) return;
    const what = this.#path;
    const reason = "it is on another device than before, with none of the files that were sent";
    log.warn(`${what}: ${reason}: is it mounted? None of them is taken for gone until one is seen again`);
    this.#trouble = log.troubles.begin(what, reason);
  }
}
