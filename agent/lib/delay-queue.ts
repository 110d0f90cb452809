/** What is to be done later, to the second: each costs the same however many there are, and all have one timer. */
export class DelayQueue {
  readonly #onDue: (key: string) => void;
  readonly #nowMs: () => number;
  readonly #bySecond = new Map<number, Set<string>>();
  readonly #secondOf = new Map<string, number>();
  #timer: ReturnType<typeof setTimeout> | undefined;
  #timerSecond = Number.POSITIVE_INFINITY;

  /** @param onDue called for each when its time has come; it may be added again */
  constructor(onDue: (key: string) => void, nowMs: () => number = () => performance.now()) {
    this.#onDue = onDue;
    this.#nowMs = nowMs;
  }

  /** Due after so many milliseconds, not before; instead of when it was due, if it was added already. */
  add(key: string, waitMs: number): void {
    this.delete(key);
    const second = Math.ceil((this.#nowMs() + waitMs) / 1000);
    this.#bySecond.getOrInsertComputed(second, () => new Set()).add(key);
    this.#secondOf.set(key, second);
    if (second < this.#timerSecond) this.#setTimer(second);
  }

  delete(key: string): void {
    const second = this.#secondOf.get(key);
    if (second === undefined) return;
    this.#secondOf.delete(key);
    const others = this.#bySecond.get(second);
    others?.delete(key);
    if (others?.size === 0) this.#bySecond.delete(second);
  }

  close(): void {
    clearTimeout(this.#timer);
  }

  #setTimer(second: number): void {
    clearTimeout(this.#timer);
    this.#timerSecond = second;
    if (second < Number.POSITIVE_INFINITY)
      this.#timer = setTimeout(() => this.#goOn(), Math.max(0, second * 1000 - this.#nowMs()));
  }

  #goOn(): void {
    const nowMs = this.#nowMs();
    for (const [second, keys] of [...this.#bySecond]) {
      if (second * 1000 > nowMs) continue;
      for (const key of keys) {
        this.delete(key);
        this.#onDue(key);
      }
    }
    this.#setTimer(Math.min(...this.#bySecond.keys()));
  }
}
