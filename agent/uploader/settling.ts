/**
 * Files that are there and not finished yet: each waits until its size, times and inode have stood still for `settle`, by
 * the monotonic clock; longer each time if it changed while it was read, so that a file that is always rewritten does
 * not fill the topic.
 */
import { type Fingerprint, sameFingerprint } from "./fingerprint.ts";
import type { WatchedFile } from "./watched-file.ts";

interface Waiting {
  file: WatchedFile;
  fingerprint: Fingerprint;
  /** Since when it stands still, and how long it has to. */
  sinceMs: number;
  waitMs: number;
}

/** A file that keeps changing settles twice as long each time, up to this many times. */
const maxBackOff = 64;
const postponeMs = 5000;

export class Settling {
  readonly #settleMs: number;
  readonly #waiting = new Map<string, Waiting>();
  readonly #backOff = new Map<string, number>();

  constructor(settleMs: number) {
    this.#settleMs = settleMs;
  }

  get size(): number {
    return this.#waiting.size;
  }

  has(path: string): boolean {
    return this.#waiting.has(path);
  }

  /** Whether the file, as it was just seen, has stood still for long enough; if not, it waits. */
  isStill(file: WatchedFile, fingerprint: Fingerprint): boolean {
    const nowMs = performance.now();
    const before = this.#waiting.get(file.path);
    if (before && sameFingerprint(before.fingerprint, fingerprint))
      return nowMs >= before.sinceMs + before.waitMs;
    const waitMs = this.#settleMs * (this.#backOff.get(file.path) ?? 1);
    this.#waiting.set(file.path, { file, fingerprint, sinceMs: nowMs, waitMs });
    return !before && stoodStill(fingerprint, waitMs);
  }

  /** There is nothing to wait for any more. */
  forget(path: string): void {
    this.#waiting.delete(path);
  }

  /** It is looked at again a little later. */
  postpone(path: string): void {
    const waiting = this.#waiting.get(path);
    if (waiting) waiting.sinceMs = performance.now() + postponeMs - waiting.waitMs;
  }

  /** What became of a file: whether it changed while it was read. */
  ended(path: string, changed: boolean): void {
    if (changed) this.#backOff.set(path, Math.min(maxBackOff, 2 * (this.#backOff.get(path) ?? 1)));
    else this.#backOff.delete(path);
  }

  /** The files that may have settled by now. */
  *due(): Generator<WatchedFile> {
    for (const { file, sinceMs, waitMs } of this.#waiting.values())
      if (performance.now() >= sinceMs + waitMs) yield file;
  }

  /** When the next one may have, by the monotonic clock. */
  get nextMs(): number {
    let nextMs = Number.POSITIVE_INFINITY;
    for (const { sinceMs, waitMs } of this.#waiting.values()) nextMs = Math.min(nextMs, sinceMs + waitMs);
    return nextMs;
  }
}

/**
 * Whether a file that is seen for the first time has stood still for long enough already, by its own times. If the
 * clock was set meanwhile this errs, and the state is compared again with each read.
 */
function stoodStill(fingerprint: Fingerprint, waitMs: number): boolean {
  const newest = Math.max(Number(fingerprint.mtime), Number(fingerprint.ctime)) / 1e6;
  return Date.now() - newest >= waitMs;
}
