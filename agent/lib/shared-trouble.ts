/**
 * What many meet at once and each tries again until it works: the log says it once, and it is one trouble, not one for each of
 * them. It is handed to `retry` in place of the log.
 */

import type { RetryOptions } from "./retry.ts";
import { pause } from "./retry.ts";
import type { Trouble } from "./troubles.ts";

const pollMs = 100;

export class SharedTrouble {
  readonly #log: RetryOptions["log"];
  readonly #met = new Set<Trouble>();
  #shown: Trouble | undefined;
  #said: string | undefined;

  constructor(log: RetryOptions["log"]) {
    this.#log = log;
  }

  /** Resolves when nobody meets it, or the signal fires. */
  async over(signal: AbortSignal): Promise<void> {
    while (this.#met.size > 0 && !signal.aborted) await pause(pollMs, signal);
  }

  warn(message: string): void {
    if (message !== this.#said) this.#log.warn(message);
    this.#said = message;
  }

  info(message: string): void {
    if (this.#said !== undefined) this.#log.info(message);
    this.#said = undefined;
  }

  readonly troubles = {
    begin: (what: string, reason: string): Trouble => {
      this.#shown ??= this.#log.troubles.begin(what, reason);
      const trouble = { what, reason, since: this.#shown.since };
      this.#met.add(trouble);
      return trouble;
    },
    end: (trouble: Trouble): void => {
      this.#met.delete(trouble);
      if (this.#met.size > 0 || !this.#shown) return;
      this.#log.troubles.end(this.#shown);
      this.#shown = undefined;
    },
  };
}
