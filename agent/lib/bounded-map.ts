/** A map of so many entries at most: the oldest is dropped when one more comes, and counted. */
export class BoundedMap<Key, Value> {
  readonly #most: number;
  readonly #entries = new Map<Key, Value>();
  #droppedCount = 0;

  /** @param most how many entries there may be */
  constructor(most: number) {
    this.#most = most;
  }

  /** All that were ever dropped, and what is there. */
  get count(): number {
    return this.#entries.size + this.#droppedCount;
  }

  get(key: Key): Value | undefined {
    return this.#entries.get(key);
  }

  set(key: Key, value: Value): void {
    this.#entries.set(key, value);
    if (this.#entries.size <= this.#most) return;
    for (const oldest of this.#entries.keys()) {
      this.#entries.delete(oldest);
      this.#droppedCount++;
      return;
    }
  }

  delete(key: Key): void {
    this.#entries.delete(key);
  }
}
