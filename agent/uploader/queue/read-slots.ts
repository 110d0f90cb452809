/**
 * How many files are read at a time. Files of one chunk have places of their own, so that a 20 GB video holds back no
 * receipt. A place is free again when the reading is over; acknowledgements are bounded by the window, in bytes. Files of
 * a watch that does not answer keep no place from the others.
 */
export class ReadSlots {
  readonly #large: Lane;
  readonly #small: Lane;

  constructor(parallel: number) {
    this.#large = new Lane(parallel);
    this.#small = new Lane(parallel);
  }

  /**
   * Resolves with the function that gives the place back (once; more calls do nothing).
   *
   * @param holder the watch that the file is of
   */
  enter(small: boolean, holder: object): Promise<() => void> {
    return (small ? this.#small : this.#large).enter(holder);
  }

  /** What the holder has does not count until it is resumed. */
  suspend(holder: object): void {
    this.#large.suspend(holder);
    this.#small.suspend(holder);
  }

  /** What the holder has counts again: for a while there may be more than there are places. */
  resume(holder: object): void {
    this.#large.resume(holder);
    this.#small.resume(holder);
  }

  waiting(small: boolean): number {
    return (small ? this.#small : this.#large).waiting;
  }
}

class Lane {
  readonly #places: number;
  readonly #held = new Map<object, number>();
  readonly #suspended = new Set<object>();
  readonly #queue: { holder: object; enter: () => void }[] = [];
  #taken = 0;

  constructor(places: number) {
    this.#places = places;
  }

  get waiting(): number {
    return this.#queue.length;
  }

  async enter(holder: object): Promise<() => void> {
    if (this.#taken < this.#places) this.#hold(holder, 1);
    else await new Promise<void>((enter) => this.#queue.push({ holder, enter }));
    let left = false;
    return () => {
      if (left) return;
      left = true;
      this.#hold(holder, -1);
      this.#letIn();
    };
  }

  suspend(holder: object): void {
    if (this.#suspended.has(holder)) return;
    this.#suspended.add(holder);
    this.#taken -= this.#held.get(holder) ?? 0;
    this.#letIn();
  }

  resume(holder: object): void {
    if (this.#suspended.delete(holder)) this.#taken += this.#held.get(holder) ?? 0;
  }

  #hold(holder: object, places: 1 | -1): void {
    const held = (this.#held.get(holder) ?? 0) + places;
    if (held > 0) this.#held.set(holder, held);
    else this.#held.delete(holder);
    if (!this.#suspended.has(holder)) this.#taken += places;
  }

  #letIn(): void {
    for (let next = this.#queue[0]; next && this.#taken < this.#places; next = this.#queue[0]) {
      this.#queue.shift();
      this.#hold(next.holder, 1);
      next.enter();
    }
  }
}
