/**
 * The memory bound: bytes that were read and are not acknowledged yet, over all files. Whoever wants to read more waits
 * here, first come, first served, so that large and small files share it fairly. The upload rate is bounded here too.
 */
import { pause } from "../../lib/retry.ts";
import { StoppedError } from "../errors.ts";

/** Room for one record: entered and left any number of times. */
export class Place {
  /** What the topic took at most when the record's size was chosen: it may take less by the time there is room. */
  readonly topicBytes: number;
  readonly #window: InFlightWindow;
  readonly #bytes: number;
  #isHeld = false;

  constructor(window: InFlightWindow, bytes: number, topicBytes: number) {
    this.#window = window;
    this.#bytes = bytes;
    this.topicBytes = topicBytes;
  }

  /** Resolves when there is room. Throws a `StoppedError` when the signal fires before. */
  async enter(signal: AbortSignal): Promise<void> {
    this.#isHeld = await this.#window.enter(this.#bytes, signal);
    if (!this.#isHeld) throw new StoppedError();
  }

  /** Does nothing when it is not held. */
  leave(): void {
    if (this.#isHeld) this.#window.leave(this.#bytes);
    this.#isHeld = false;
  }
}

export class InFlightWindow {
  /** As many bytes are in flight at most, but for a single record that is larger. */
  readonly limitBytes: number;
  readonly #bytesPerSecond: number | undefined;
  readonly #queue: { bytes: number; enter: (entered: boolean) => void }[] = [];
  #usedBytes = 0;
  /** When the rate allows the next byte, by the monotonic clock. */
  #nextAtMs = 0;

  constructor(limitBytes: number, bytesPerSecond: number | undefined) {
    this.limitBytes = limitBytes;
    this.#bytesPerSecond = bytesPerSecond;
  }

  get usedBytes(): number {
    return this.#usedBytes;
  }

  /**
   * Resolves with true when so many bytes may be read, with false when the signal has fired before. More than the
   * limit is let in alone.
   */
  async enter(bytes: number, signal: AbortSignal): Promise<boolean> {
    if (signal.aborted) return false;
    if (this.#queue.length > 0 || !this.#fits(bytes)) {
      if (!(await this.#wait(bytes, signal))) return false;
    } else {
      this.#usedBytes += bytes;
    }
    if (this.#bytesPerSecond !== undefined) await this.#keepRate(bytes, this.#bytesPerSecond, signal);
    return true;
  }

  leave(bytes: number): void {
    this.#usedBytes -= bytes;
    for (let next = this.#queue[0]; next && this.#fits(next.bytes); next = this.#queue[0]) {
      this.#queue.shift();
      this.#usedBytes += next.bytes;
      next.enter(true);
    }
  }

  #wait(bytes: number, signal: AbortSignal): Promise<boolean> {
    return new Promise((resolve) => {
      const waiting = { bytes, enter: (entered: boolean) => finish(entered) };
      const onAbort = () => {
        this.#queue.splice(this.#queue.indexOf(waiting), 1);
        finish(false);
      };
      const finish = (entered: boolean) => {
        signal.removeEventListener("abort", onAbort);
        resolve(entered);
      };
      signal.addEventListener("abort", onAbort);
      this.#queue.push(waiting);
    });
  }

  #fits(bytes: number): boolean {
    return this.#usedBytes === 0 || this.#usedBytes + bytes <= this.limitBytes;
  }

  async #keepRate(bytes: number, bytesPerSecond: number, signal: AbortSignal): Promise<void> {
    const nowMs = performance.now();
    const waitMs = this.#nextAtMs - nowMs;
    this.#nextAtMs = Math.max(nowMs, this.#nextAtMs) + (bytes * 1000) / bytesPerSecond;
    if (waitMs > 0) await pause(waitMs, signal);
  }
}
