/** Warnings that a stranger can cause at any rate: the first of a kind at once, then one every ten seconds. */
import type { Log } from "./log.ts";

const intervalMs = 10_000;

export class RareWarnings {
  readonly #log: Log;
  readonly #kinds = new Map<string, { lastMs: number; held: number }>();

  constructor(log: Log) {
    this.#log = log;
  }

  /** @param kind what is counted together; a fixed word, never a text from outside */
  warn(kind: string, message: string): void {
    const nowMs = performance.now();
    const known = this.#kinds.get(kind);
    if (known && nowMs - known.lastMs < intervalMs) {
      known.held++;
      return;
    }
    const held = known?.held ?? 0;
    this.#kinds.set(kind, { lastMs: nowMs, held: 0 });
    this.#log.warn(held > 0 ? `${message}; and ${held} more of its kind before` : message);
  }
}
