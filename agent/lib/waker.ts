import { pause } from "./retry.ts";

/** Waiting for a time, or until somebody says that it is worth going on. */
export class Waker {
  #wake: (() => void) | undefined;

  /** Ends the wait that is under way, if one is. */
  wake(): void {
    this.#wake?.();
  }

  /** Resolves after so long, when woken, or when the signal fires. */
  async wait(ms: number, signal: AbortSignal): Promise<void> {
    const woken = new AbortController();
    const stop = () => woken.abort();
    this.#wake = stop;
    signal.addEventListener("abort", stop);
    await pause(ms, woken.signal);
    signal.removeEventListener("abort", stop);
    this.#wake = undefined;
  }
}
