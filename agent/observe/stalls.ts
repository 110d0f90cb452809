/**
 * Calls to a file system that do not come back: a dead mount, a dying disk. They end in no error that `retry` could see, so
 * the oldest that is under way is what tells.
 */
interface Call {
  what: string;
  sinceMs: number;
}

/** Far longer than a sync of what is written between two durable points takes on a slow card. */
const patienceMs = 30_000;

export class Stalls {
  /** In the order of their beginning. */
  readonly #underWay = new Set<Call>();
  readonly #nowMs: () => number;

  constructor(nowMs: () => number = () => performance.now()) {
    this.#nowMs = nowMs;
  }

  /** Gives the call back as it is, and knows of it until it ends. @param what is done, and with what: "writing below /srv" */
  async watch<Result>(what: string, call: Promise<Result>): Promise<Result> {
    const watched = { what, sinceMs: this.#nowMs() };
    this.#underWay.add(watched);
    try {
      return await call;
    } finally {
      this.#underWay.delete(watched);
    }
  }

  /** Why nothing goes on, if so: the oldest call that has been under way for too long. */
  reasons(): string[] {
    const [oldest] = this.#underWay;
    const sinceMs = oldest === undefined ? 0 : this.#nowMs() - oldest.sinceMs;
    if (oldest === undefined || sinceMs < patienceMs) return [];
    return [`${oldest.what} has not ended for ${Math.floor(sinceMs / 1000)} s: the file system hangs`];
  }
}
