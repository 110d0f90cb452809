/**
 * How soon a version may be sent again once more: at once the first time, then ever more slowly, so that whoever may write
 * requests can't make an uploader send for ever.
 */
interface Sent {
  version: number;
  times: number;
  atMs: number;
}

const firstWaitMs = 30_000;
const longestWaitMs = 3600_000;
const maxKnown = 10_000;

export class ResendPace {
  readonly #sent = new Map<string, Sent>();
  readonly #nowMs: () => number;

  /** @param nowMs a monotonic clock */
  constructor(nowMs: () => number = () => performance.now()) {
    this.#nowMs = nowMs;
  }

  /** How long to wait before this version of the path is sent again, milliseconds. */
  waitMs(path: string, version: number): number {
    const sent = this.#sent.get(path);
    if (sent?.version !== version) return 0;
    const waitMs = Math.min(longestWaitMs, firstWaitMs * 2 ** (sent.times - 1));
    return Math.max(0, sent.atMs + waitMs - this.#nowMs());
  }

  /** It was sent again, or that was tried. */
  note(path: string, version: number): void {
    const known = this.#sent.get(path);
    const times = known?.version === version ? known.times : 0;
    // The oldest first, as a path that is noted anew goes to the end.
    this.#sent.delete(path);
    this.#sent.set(path, { version, times: times + 1, atMs: this.#nowMs() });
    const [oldest] = this.#sent.keys();
    if (this.#sent.size > maxKnown && oldest !== undefined) this.#sent.delete(oldest);
  }
}
