/** The files that failed at their last try, for the status and its number; those of all times are counted by the metrics. */
import { timeNow } from "../lib/clock.ts";
import { type Failure, type Listed, listed } from "./status.ts";

/** More than anybody reads, some 2 MiB; the oldest are forgotten then. */
const maxKept = 5000;

export class Failures {
  /** By path, so that a file that fails again at each rescan counts once; the oldest first. */
  readonly #kept = new Map<string, Failure>();

  /** 5000 at most. */
  get count(): number {
    return this.#kept.size;
  }

  add(path: string, reason: string): void {
    this.#kept.delete(path);
    this.#kept.set(path, { path, reason, time: timeNow() });
    const [oldest] = this.#kept.keys();
    if (this.#kept.size > maxKept && oldest !== undefined) this.#kept.delete(oldest);
  }

  /** The file went well after all. */
  remove(path: string): void {
    this.#kept.delete(path);
  }

  /** The latest first. */
  list(): Listed<Failure> {
    return listed([...this.#kept.values()].reverse(), this.count, (failure) => failure);
  }
}
