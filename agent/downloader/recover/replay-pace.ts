/**
 * How soon the log is read again for the sake of an uploader's versions, and for all together. A few small records of a
 * stranger can ask for all of the log to be read again: a reading that brings nothing is followed by a pause, longer each
 * time and measured by what the reading took, so that such readings have a bounded share of the time. One that brings
 * something is followed by none.
 */
import { BoundedMap } from "../../lib/bounded-map.ts";

/** What a reading came to for one uploader. */
export interface ReplayResult {
  uploader: string;
  /** Whether it brought a chunk that was missing. */
  brought: boolean;
}

interface Pause {
  /** How many readings in a row have brought nothing. */
  vain: number;
  /** By the monotonic clock. */
  untilMs: number;
}

interface Limits {
  leastMs: number;
  /** No pause is longer, unless the reading itself took that long. */
  mostMs: number;
  /** Of the time that the reading took. */
  times: number;
}

const ofUploader: Limits = { leastMs: 10_000, mostMs: 120_000, times: 10 };
/** Strangers can use any number of names. */
const ofAll: Limits = { leastMs: 1000, mostMs: 60_000, times: 3 };
/** So many uploaders' pauses are kept; of the others only the pause of all together counts. */
const maxUploaders = 1000;

export class ReplayPace {
  readonly #now: () => number;
  readonly #byUploader = new BoundedMap<string, Pause>(maxUploaders);
  readonly #running = new Map<string, number>();
  #all: Pause = { vain: 0, untilMs: 0 };

  constructor(now: () => number) {
    this.#now = now;
  }

  /** Whether the log may be read for the uploader now: it has no pause, and no reading is under way for it. */
  mayRead(uploader: string): boolean {
    const nowMs = this.#now();
    const untilMs = Math.max(this.#all.untilMs, this.#byUploader.get(uploader)?.untilMs ?? 0);
    return nowMs >= untilMs && !this.#running.has(uploader);
  }

  began(uploaders: Iterable<string>): void {
    for (const one of uploaders) this.#running.set(one, (this.#running.get(one) ?? 0) + 1);
  }

  /** A reading is over; a result for each of the uploaders that it began with. */
  ended(results: readonly ReplayResult[], tookMs: number): void {
    for (const { uploader, brought } of results) {
      const left = (this.#running.get(uploader) ?? 1) - 1;
      if (left > 0) this.#running.set(uploader, left);
      else this.#running.delete(uploader);
      const before = this.#byUploader.get(uploader);
      this.#byUploader.delete(uploader);
      if (!brought) this.#byUploader.set(uploader, this.#after(before, tookMs, ofUploader));
    }
    if (results.some(({ brought }) => brought)) this.#all = { vain: 0, untilMs: 0 };
    else if (results.length > 0) this.#all = this.#after(this.#all, tookMs, ofAll);
  }

  #after(before: Pause | undefined, tookMs: number, { leastMs, mostMs, times }: Limits): Pause {
    const vain = (before?.vain ?? 0) + 1;
    const firstMs = Math.max(leastMs, times * tookMs);
    const pauseMs = Math.max(firstMs, Math.min(firstMs * 2 ** (vain - 1), mostMs));
    return { vain, untilMs: this.#now() + pauseMs };
  }
}
