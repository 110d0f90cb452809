/** Buffers for reading back, a few for all partials: after a restart hundreds may have to be read back at once. */
const bufferBytes = 1 << 20;
const maxBuffers = 2;

export class ReadBuffers {
  readonly #free: Buffer[] = [];
  #made = 0;
  readonly #waiting: ((buffer: Buffer) => void)[] = [];

  /** Calls `use` with a buffer that is its own until it ends; waits for one, first come, first served. */
  async with<T>(use: (buffer: Buffer) => Promise<T>): Promise<T> {
    const buffer = await this.#acquire();
    try {
      return await use(buffer);
    } finally {
      const next = this.#waiting.shift();
      if (next) next(buffer);
      else this.#free.push(buffer);
    }
  }

  async #acquire(): Promise<Buffer> {
    const free = this.#free.pop();
    if (free) return free;
    if (this.#made >= maxBuffers) return new Promise((resolve) => this.#waiting.push(resolve));
    this.#made++;
    return Buffer.allocUnsafeSlow(bufferBytes);
  }
}
