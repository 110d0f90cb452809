/** The last files that failed, for the status. How many there were in all is for the metrics. */
import type { Listed } from "./status.ts";

export interface Failure {
  /** As it is shown: control characters escaped, the uploader's name before it on a downloader. */
  path: string;
  reason: string;
  /** ISO 8601. */
  time: string;
}

const maxKept = 100;

export class Failures {
  /** By path, so that a file that fails again at each rescan is listed once; the oldest first. */
  readonly #kept = new Map<string, Failure>();
  #count = 0;

  add(path: string, reason: string): void {
    if (!this.#kept.delete(path)) this.#count++;
    this.#kept.set(path, { path, reason, time: new Date().toISOString() });
    for (const oldest of this.#kept.keys()) {
      if (this.#kept.size <= maxKept) break;
      this.#kept.delete(oldest);
    }
  }

  /** The file went well after all. */
  remove(path: string): void {
    if (this.#kept.delete(path)) this.#count--;
  }

  /** The latest first. */
  list(): Listed<Failure> {
    return { count: this.#count, items: [...this.#kept.values()].reverse() };
  }
}
