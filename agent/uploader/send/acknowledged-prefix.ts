/** How far a version is acknowledged without a gap, while its chunks' acknowledgements come in any order. */
interface Sent {
  from: number;
  to: number;
  acknowledged: boolean;
}

export class AcknowledgedPrefix {
  #bytes: number;
  #pending: Sent[] = [];
  #failure: Error | undefined;
  #onEnd: (() => void) | undefined;

  constructor(bytes: number) {
    this.#bytes = bytes;
  }

  get bytes(): number {
    return this.#bytes;
  }

  /** What was under way and is not acknowledged counts as not sent. */
  restart(): void {
    this.#pending = [];
    this.#failure = undefined;
  }

  /** Notes a chunk as under way; the function returned is to be called once, at its end. */
  sent(offset: number, length: number): (error: Error | undefined) => void {
    const chunk: Sent = { from: offset, to: offset + length, acknowledged: false };
    this.#pending.push(chunk);
    return (error) => {
      if (!this.#pending.includes(chunk)) return;
      if (error) this.#failure ??= error;
      else chunk.acknowledged = true;
      while (this.#pending[0]?.acknowledged)
        this.#bytes = Math.max(this.#bytes, this.#pending.shift()?.to ?? 0);
      this.#onEnd?.();
    };
  }

  /** Throws why a chunk was not delivered, if one was not. */
  throwFailure(): void {
    if (this.#failure) throw this.#failure;
  }

  /** Resolves when everything that was sent is acknowledged. Throws as soon as a chunk was not delivered. */
  async all(): Promise<void> {
    while (this.#pending.length > 0 && !this.#failure) {
      await new Promise<void>((resolve) => {
        this.#onEnd = resolve;
      });
    }
    this.throwFailure();
  }
}
