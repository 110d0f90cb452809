/**
 * A look at something on the brokers that thousands may want at once: one serves all who ask meanwhile, and the next
 * begins a second later at the earliest. Nobody is served by a look that began before what made them ask.
 */
import { pause } from "./retry.ts";

/** How far apart they are, and how long one is good for. */
const apartMs = 1000;

export class CoalescedRefresh {
  readonly #look: () => Promise<void>;
  #next: Promise<void> | undefined;
  #beganMs = Number.NEGATIVE_INFINITY;
  #endedMs = Number.NEGATIVE_INFINITY;

  constructor(look: () => Promise<void>) {
    this.#look = look;
  }

  /**
   * Resolves when there was a look within the last second that began after `sinceMs`, by the monotonic clock. Throws what
   * the look throws.
   */
  async since(sinceMs: number): Promise<void> {
    while (this.#beganMs < sinceMs || performance.now() - this.#endedMs >= apartMs) {
      this.#next ??= this.#lookInTurn().finally(() => {
        this.#next = undefined;
      });
      await this.#next;
    }
  }

  async #lookInTurn(): Promise<void> {
    await pause(Math.max(0, this.#beganMs + apartMs - performance.now()));
    const beganMs = performance.now();
    await this.#look();
    this.#beganMs = beganMs;
    this.#endedMs = performance.now();
  }
}
