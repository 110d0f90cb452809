/**
 * Lines that a stranger can cause at any rate: the first of a kind at once, then one after ten seconds, which says how many
 * there were; as long as there are more, the time between two doubles, up to a minute.
 */
import type { Fields, Log } from "./log.ts";

const leastIntervalMs = 10_000;
const mostIntervalMs = 60_000;

interface Kind {
  lastMs: number;
  intervalMs: number;
  left: number;
  held: number;
}

export class RareWarnings {
  readonly #log: Log;
  readonly #atOnce: Readonly<Record<string, number>>;
  readonly #kinds = new Map<string, Kind>();

  /** @param atOnce by kind, how many are said before they become rare: of those that people want to see each; else one */
  constructor(log: Log, atOnce: Readonly<Record<string, number>> = {}) {
    this.#log = log;
    this.#atOnce = atOnce;
  }

  /** @param kind what is counted together; a fixed word, never a text from outside */
  warn(kind: string, message: string, fields?: Fields): void {
    const line = this.#lineOf(kind, message);
    if (line !== undefined) this.#log.warn(line, fields);
  }

  error(kind: string, message: string, fields?: Fields): void {
    const line = this.#lineOf(kind, message);
    if (line !== undefined) this.#log.error(line, fields);
  }

  /** What is to be said now, if anything. */
  #lineOf(kind: string, message: string): string | undefined {
    const nowMs = performance.now();
    const atOnce = this.#atOnce[kind] ?? 1;
    const begun: Kind = { lastMs: nowMs, intervalMs: leastIntervalMs, left: atOnce, held: 0 };
    const known = this.#kinds.getOrInsert(kind, begun);
    const intervals = Math.floor((nowMs - known.lastMs) / known.intervalMs);
    if (intervals > 0) known.left = Math.min(known.left + intervals, atOnce);
    if (known.left === 0) {
      known.held++;
      return undefined;
    }
    known.left--;
    known.lastMs = nowMs;
    const { held } = known;
    known.held = 0;
    known.intervalMs = held > 0 ? Math.min(2 * known.intervalMs, mostIntervalMs) : leastIntervalMs;
    return held > 0 ? `${message}; and ${held} more of its kind before` : message;
  }
}
