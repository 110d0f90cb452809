/** A file system or a broker that does not answer must not keep the doctor from the rest, nor whoever asked it waiting. */
import { inTime } from "../lib/in-time.ts";

/** For all of it. */
const allMs = 13_000;

/** Whatever it looks at, the doctor is done in this time: looks are made side by side, and each has what is left of it. */
export class Patience {
  readonly #endMs: number;

  constructor(ms = allMs) {
    this.#endMs = performance.now() + ms;
  }

  get leftMs(): number {
    return Math.max(0, this.#endMs - performance.now());
  }

  /** What the look gives, or undefined when it takes too long. Throws what the look throws. */
  wait<T>(look: Promise<T>, mostMs = Number.POSITIVE_INFINITY): Promise<T | undefined> {
    return inTime(look, Math.min(this.leftMs, mostMs));
  }
}
