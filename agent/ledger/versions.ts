/** Version numbers: ordered also on a device whose clock starts at 1970, see docs/protocol.md. */
export class VersionClock {
  #highest: number;
  readonly #startedAt: number;
  readonly #monotonicStart: number;

  /**
   * @param highest the highest version in the uploader's entries
   * @param brokerTimeMs the log append time of the name's claim, just acknowledged
   */
  constructor(highest: number, brokerTimeMs: number) {
    this.#highest = highest;
    this.#startedAt = brokerTimeMs * 1000;
    this.#monotonicStart = performance.now();
  }

  get highest(): number {
    return this.#highest;
  }

  /** The time by the brokers' clock, milliseconds since 1970. */
  get nowMs(): number {
    return this.#startedAt / 1000 + performance.now() - this.#monotonicStart;
  }

  /** A version higher than every one before. */
  next(): number {
    const elapsedMicroseconds = Math.floor((performance.now() - this.#monotonicStart) * 1000);
    this.#highest = Math.max(this.#highest + 1, this.#startedAt + elapsedMicroseconds);
    return this.#highest;
  }
}
