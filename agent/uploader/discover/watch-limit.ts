/**
 * Whether the system lets every folder be watched for events, and if not, what to raise: said once, and on /readyz for as
 * long as it lasts. Files in the other folders are found by the rescans.
 */

import type { Trouble } from "../../lib/troubles.ts";
import type { Log } from "../../observe/log.ts";
import { systemError } from "./look.ts";

/** From <errno.h>: a user's limit of watches, and that of descriptors for them. */
const ENOSPC = 28;
const EMFILE = 24;
/** Fewer are not worth a setting; and room for twice as many folders. */
const leastWatches = 524_288;

export class WatchLimit {
  readonly #path: string;
  readonly #log: Log;
  #folders = 0;
  #unwatched = 0;
  #error = 0;
  #trouble: Trouble | undefined;

  constructor(path: string, log: Log) {
    this.#path = path;
    this.#log = log;
  }

  /** @param error why there are no events at all; 0: there are */
  beginLook(error: number): void {
    this.#folders = 0;
    this.#unwatched = 0;
    this.#error = error;
  }

  /** @param descriptor more than 0: the folder is watched; else why not, negative */
  folder(descriptor: number): void {
    this.#folders++;
    if (descriptor > 0) return;
    this.#unwatched++;
    if (descriptor < 0) this.#error = -descriptor;
  }

  endLook(complete: boolean): void {
    if (this.#unwatched > 0) this.#say();
    else if (complete && this.#trouble) {
      this.#log.info(`${this.#path}: all folders have events of the file system again`);
      this.#log.troubles.end(this.#trouble);
      this.#trouble = undefined;
    }
  }

  #say(): void {
    const reason = `${this.#unwatched} of ${this.#folders} folders have no events of the file system, what happens in them is found by the rescans only: ${this.#cure()}`;
    if (this.#trouble) {
      this.#trouble.reason = reason;
      return;
    }
    this.#log.warn(`${this.#path}: ${reason}`);
    this.#trouble = this.#log.troubles.begin(this.#path, reason);
  }

  #cure(): string {
    if (this.#error === ENOSPC) {
      const most = Math.max(leastWatches, 2 * this.#folders);
      return `each needs a watch, and this user has none left: sysctl -w fs.inotify.max_user_watches=${most}`;
    }
    if (this.#error === EMFILE)
      return "this user, or the agent, has no inotify descriptor left: sysctl -w fs.inotify.max_user_instances=1024";
    return systemError(this.#error, "inotify").message;
  }
}
