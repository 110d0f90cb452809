/**
 * How soon a version may be sent again once more: at once the first time, then ever more slowly, so that whoever may write
 * requests can't make an uploader send for ever. Each share has a pace of its own (see `KnownGroups`): a group that asks again and
 * again does not slow down another one. Each path is remembered for a day, however many there are: only what the ledger
 * has as sent is ever sent again, and asking for many paths in turn does not bring back the first one's first time.
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

export class ResendBackoff {
  readonly #sent = new Map<string, Map<string, Sent>>();
  readonly #nowMs: () => number;
  #tidiedAtMs: number;

  constructor(nowMs: () => number = () => performance.now()) {
    this.#nowMs = nowMs;
    this.#tidiedAtMs = nowMs();
  }

  /** How long to wait before this version of the path is sent again for any of these shares, milliseconds. */
  waitMs(path: string, version: number, shares: Iterable<string>): number {
    return Math.min(...[...shares].map((share) => this.#waitMs(this.#sent.get(share)?.get(path), version)));
  }

  /** It was sent again for these shares, or that was tried. */
  note(path: string, version: number, shares: Iterable<string>): void {
    const nowMs = this.#nowMs();
    for (const share of shares) {
      const sent = this.#sent.getOrInsertComputed(share, () => new Map());
      const known = sent.get(path);
      const times = known?.version === version ? known.times : 0;
      sent.set(path, { version, times: times + 1, atMs: nowMs });
    }
    if (nowMs - this.#tidiedAtMs >= tidyMs) this.#tidy(nowMs);
  }

  #waitMs(sent: Sent | undefined, version: number): number {
    if (sent?.version !== version) return 0;
    const waitMs = Math.min(longestWaitMs, firstWaitMs * 2 ** (sent.times - 1));
    return Math.max(0, sent.atMs + waitMs - this.#nowMs());
  }

  #tidy(nowMs: number): void {
    this.#tidiedAtMs = nowMs;
    for (const [share, sent] of this.#sent) {
      for (const [path, { atMs }] of sent) if (nowMs - atMs >= rememberedMs) sent.delete(path);
      if (sent.size === 0) this.#sent.delete(share);
    }
  }
}
