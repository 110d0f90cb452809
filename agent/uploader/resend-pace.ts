/**
 * How soon a version may be sent again once more: at once the first time, then ever more slowly, so that whoever may write
 * requests can't make an uploader send for ever. Each path is remembered for a day, however many there are: only what the
 * ledger has as sent is ever sent again, so this takes less memory than what is known of the uploader's files anyway, and
 * asking for many paths in turn does not bring back the first one's first time.
 */
interface Sent {
  version: number;
  times: number;
  atMs: number;
}

const firstWaitMs = 30_000;
const longestWaitMs = 3600_000;
/** Longer than the longest wait by far, or asking in bursts would get more than asking all the time. */
const rememberedMs = 24 * 3600_000;
const tidyMs = 3600_000;

export class ResendPace {
  readonly #sent = new Map<string, Sent>();
  readonly #nowMs: () => number;
  #tidiedAtMs: number;

  /** @param nowMs a monotonic clock */
  constructor(nowMs: () => number = () => performance.now()) {
    this.#nowMs = nowMs;
    this.#tidiedAtMs = nowMs();
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
    const nowMs = this.#nowMs();
    const known = this.#sent.get(path);
    const times = known?.version === version ? known.times : 0;
    this.#sent.set(path, { version, times: times + 1, atMs: nowMs });
    if (nowMs - this.#tidiedAtMs >= tidyMs) this.#tidy(nowMs);
  }

  #tidy(nowMs: number): void {
    this.#tidiedAtMs = nowMs;
    for (const [path, { atMs }] of this.#sent) if (nowMs - atMs >= rememberedMs) this.#sent.delete(path);
  }
}
