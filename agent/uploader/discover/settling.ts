/**
 * Files that are there and not finished yet. Each waits until its size and modification time have stood still for `settle`:
 * two looks so far apart by the monotonic clock saw the same, and nothing was heard of it in between. What a file's times
 * say of when they were set is never asked: they are another clock's. It waits longer each time it changed while it was
 * read, so that a file that is always rewritten does not fill the topic.
 */
import { BoundedMap } from "../../lib/bounded-map.ts";
import { type Fingerprint, sameSizeAndTime } from "../access/fingerprint.ts";
import type { WatchedFile } from "../access/watch.ts";

interface Waiting {
  file: WatchedFile;
  fingerprint: Fingerprint;
  /** Since when it stands still, and how long it has to. */
  sinceMs: number;
  waitMs: number;
}

/** A file that did not stand still. */
interface Restless {
  /** It changed while it was read: it waits so many times as long as others. */
  backOff: number | undefined;
  /** How often it has become another one since it was first seen or last sent. */
  changes: number;
}

/** A file that keeps changing settles twice as long each time, up to this many times. */
const maxBackOff = 64;
/** Also where files need not stand still at all, one that changed while it was read has to. */
const leastBackedOffMs = 100;
/** More files than this that keep changing are not told apart from others. */
const maxRestless = 10_000;
/** A file that changed while it was read has waited longer each time: that counts as so many changes while it waited. */
const changesOfReading = 2;
const postponeMs = 5000;
const leastAgainMs = 1000;

export class Settling {
  readonly #settleMs: number;
  readonly #nowMs: () => number;
  /** By how long they wait, each in the order in which they began: whatever may have settled is in front. */
  readonly #waiting = new Map<number, Map<string, Waiting>>();
  readonly #waitOf = new Map<string, number>();
  readonly #restless = new BoundedMap<string, Restless>(maxRestless);

  constructor(settleMs: number, nowMs: () => number = () => performance.now()) {
    this.#settleMs = settleMs;
    this.#nowMs = nowMs;
  }

  get size(): number {
    return this.#waitOf.size;
  }

  has(path: string): boolean {
    return this.#waitOf.has(path);
  }

  /** Whether the file, as it was just seen, has stood still for long enough; if not, it waits. */
  isStill(file: WatchedFile, fingerprint: Fingerprint): boolean {
    const nowMs = this.#nowMs();
    const before = this.#find(file.path);
    if (before && sameSizeAndTime(before.fingerprint, fingerprint))
      return nowMs >= before.sinceMs + before.waitMs;
    const known = this.#restless.get(file.path);
    if (before)
      this.#restless.set(file.path, { backOff: known?.backOff, changes: this.changes(file.path) + 1 });
    const backOff = known?.backOff;
    const waitMs =
      backOff === undefined ? this.#settleMs : Math.max(this.#settleMs, leastBackedOffMs) * backOff;
    this.#put({ file, fingerprint, sinceMs: nowMs, waitMs });
    return waitMs === 0;
  }

  /** Something happened to it, whether its size and time tell or not: it has to stand still anew. */
  touched(path: string): void {
    const waiting = this.#find(path);
    if (waiting) this.#put({ ...waiting, sinceMs: this.#nowMs() });
  }

  /** It stood still and is not finished all the same: it waits once more, and not less than a look a second takes. */
  again(file: WatchedFile, fingerprint: Fingerprint): void {
    const waitMs = Math.max(leastAgainMs, this.#settleMs);
    this.#put({ file, fingerprint, sinceMs: this.#nowMs(), waitMs });
  }

  /** How often the file was another one than before, since it was first seen or last sent. */
  changes(path: string): number {
    return this.#restless.get(path)?.changes ?? 0;
  }

  /** There is nothing to wait for any more. */
  forget(path: string): void {
    const waitMs = this.#waitOf.get(path);
    if (waitMs === undefined) return;
    this.#waitOf.delete(path);
    this.#waiting.get(waitMs)?.delete(path);
  }

  /** It is looked at again a little later. */
  postpone(path: string): void {
    const waiting = this.#find(path);
    if (waiting) this.#put({ ...waiting, sinceMs: this.#nowMs(), waitMs: postponeMs });
  }

  /** What became of a file: whether it changed while it was read. */
  ended(path: string, changed: boolean): void {
    if (!changed) {
      this.#restless.delete(path);
      return;
    }
    const backOff = Math.min(maxBackOff, 2 * (this.#restless.get(path)?.backOff ?? 1));
    this.#restless.set(path, { backOff, changes: this.changes(path) + changesOfReading });
  }

  /** The files that may have settled by now. */
  *due(): Generator<WatchedFile> {
    for (const [waitMs, some] of this.#waiting) {
      for (const { file, sinceMs } of some.values()) {
        if (this.#nowMs() < sinceMs + waitMs) break;
        yield file;
      }
    }
  }

  /** When the next one may have, by the monotonic clock. */
  get nextMs(): number {
    let nextMs = Number.POSITIVE_INFINITY;
    for (const [waitMs, some] of this.#waiting) {
      const [first] = some.values();
      if (first) nextMs = Math.min(nextMs, first.sinceMs + waitMs);
    }
    return nextMs;
  }

  #find(path: string): Waiting | undefined {
    const waitMs = this.#waitOf.get(path);
    return waitMs === undefined ? undefined : this.#waiting.get(waitMs)?.get(path);
  }

  /** As the last one of those that wait as long. */
  #put(waiting: Waiting): void {
    const { file, waitMs } = waiting;
    this.forget(file.path);
    this.#waiting.getOrInsertComputed(waitMs, () => new Map()).set(file.path, waiting);
    this.#waitOf.set(file.path, waitMs);
  }
}
