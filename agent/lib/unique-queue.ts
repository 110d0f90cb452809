/** A queue, first in, first out, of items that are in it once: what is there already stays where it is. */
export class UniqueQueue<Item> {
  readonly #items = new Set<Item>();
  /** Goes on where it was: from the beginning it would step over all that was taken since the set was last tidied. */
  #oldest = this.#items.values();

  get size(): number {
    return this.#items.size;
  }

  push(item: Item): void {
    this.#items.add(item);
  }

  delete(item: Item): void {
    this.#items.delete(item);
  }

  /** Takes out what is not to be kept. */
  keepOnly(isKept: (item: Item) => boolean): void {
    for (const item of this.#items) if (!isKept(item)) this.#items.delete(item);
  }

  /** Takes the oldest; `undefined`: there is none. */
  shift(): Item | undefined {
    let next = this.#oldest.next();
    if (next.done) {
      this.#oldest = this.#items.values();
      next = this.#oldest.next();
    }
    if (next.done) return undefined;
    this.#items.delete(next.value);
    return next.value;
  }
}
