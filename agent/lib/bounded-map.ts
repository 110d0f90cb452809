/**
 * A map of so many entries at most, and where it is said of so many bytes: the one that was set longest ago is dropped
 * when there is more, and counted. For what others may name at will, and without end.
 */
export class BoundedMap<Key, Value> {
  readonly #most: number;
  readonly #size: Size<Key, Value> | undefined;
  readonly #entries = new Map<Key, Value>();
  /** Goes on where it was: from the beginning it would step over all that was dropped since the map was last tidied. */
  #oldest = this.#entries.keys();
  #bytes = 0;
  #droppedCount = 0;

  constructor(most: number, size?: Size<Key, Value>) {
    this.#most = most;
    this.#size = size;
  }

  /** All that were ever dropped, and what is there. */
  get count(): number {
    return this.#entries.size + this.#droppedCount;
  }

  get size(): number {
    return this.#entries.size;
  }

  get(key: Key): Value | undefined {
    return this.#entries.get(key);
  }

  has(key: Key): boolean {
    return this.#entries.has(key);
  }

  set(key: Key, value: Value): void {
    this.delete(key);
    this.#entries.set(key, value);
    this.#bytes += this.#bytesOf(key, value);
    while (this.#entries.size > this.#most || this.#bytes > (this.#size?.most ?? 0)) this.#dropOldest();
  }

  #dropOldest(): void {
    let { done, value: oldest } = this.#oldest.next();
    if (done) {
      this.#oldest = this.#entries.keys();
      ({ done, value: oldest } = this.#oldest.next());
    }
    if (done) return;
    this.delete(oldest as Key);
    this.#droppedCount++;
  }

  clear(): void {
    for (const key of [...this.#entries.keys()]) this.delete(key);
  }

  delete(key: Key): boolean {
    const value = this.#entries.get(key);
    if (!this.#entries.delete(key)) return false;
    // A value that is there may be undefined.
    this.#bytes -= this.#bytesOf(key, value as Value);
    return true;
  }

  keys(): IterableIterator<Key> {
    return this.#entries.keys();
  }

  values(): IterableIterator<Value> {
    return this.#entries.values();
  }

  [Symbol.iterator](): IterableIterator<[Key, Value]> {
    return this.#entries[Symbol.iterator]();
  }

  #bytesOf(key: Key, value: Value): number {
    return this.#size?.of(key, value) ?? 0;
  }
}

/** How many bytes all entries may take, and what one does. It is asked twice of each, with the same answer. */
export interface Size<Key, Value> {
  readonly most: number;
  of(key: Key, value: Value): number;
}

/** About what a text takes in memory, bytes: two a character where one of them needs it. */
export function textBytes(text: string | undefined): number {
  return text === undefined ? 0 : 32 + 2 * text.length;
}
