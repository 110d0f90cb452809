/**
 * How many files are read at a time. Files of one chunk have places of their own, so that a 20 GB video holds back no
 * receipt. A place is free again when the reading is over; acknowledgements are bounded by the window, in bytes.
 */
export class Lanes {
  readonly #large: Lane;
  readonly #small: Lane;

  constructor(parallel: number) {
    this.#large = new Lane(parallel);
    this.#small = new Lane(parallel);
  }

  /** Resolves with the function that gives the place back (once; more calls do nothing). */
  enter(small: boolean): Promise<() => void> {
    return (small ? this.#small : this.#large).enter();
  }

  /** Large files that wait for a place. */
  get waitingLarge(): number {
    return this.#large.waiting;
  }
}

class Lane {
  readonly #places: number;
  #taken = 0;
  readonly #queue: (() => void)[] = [];

  constructor(places: number) {
    this.#places = places;
  }

  get waiting(): number {
    return this.#queue.length;
  }

  async enter(): Promise<() => void> {
    if (this.#taken >= this.#places) await new Promise<void>((resolve) => this.#queue.push(resolve));
    else this.#taken++;
    let left = false;
    return () => {
      if (left) return;
      left = true;
      const next = this.#queue.shift();
      if (next) next();
      else this.#taken--;
    };
  }
}
