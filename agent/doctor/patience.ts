/** A file system or a broker that does not answer must not keep the doctor from the rest, nor whoever asked it waiting. */

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
  async wait<T>(look: Promise<T>, mostMs = Number.POSITIVE_INFINITY): Promise<T | undefined> {
    let timer: ReturnType<typeof setTimeout> | undefined;
    const late = new Promise<undefined>((resolve) => {
      timer = setTimeout(resolve, Math.min(this.leftMs, mostMs), undefined);
    });
    // When it is late, nobody hears how it ends.
    look.catch(() => undefined);
    try {
      return await Promise.race([look, late]);
    } finally {
      clearTimeout(timer);
    }
  }
}
