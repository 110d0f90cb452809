/** What a mark said by numbers of a ledger that was deleted: whatever of that is noted in the one now is noted again. */
import type { Packer, Unpacker } from "../../lib/packed.ts";

/** Exceptions that are kept. Of more than that nothing is known any more: rather is something delivered twice. */
const maxBut = 100_000;

export class OldNumbers {
  #to: number;
  readonly #but: Set<number>;

  /** All up to `to` are settled, but for these. */
  constructor(to: number, but: Iterable<number>) {
    this.#to = to;
    this.#but = new Set(but);
  }

  get to(): number {
    return this.#to;
  }

  /** Whether the version was settled. */
  has(version: number): boolean {
    return version <= this.#to && !this.#but.has(version);
  }

  /** The version was not settled. */
  except(version: number): void {
    if (version > this.#to) return;
    this.#but.add(version);
    if (this.#but.size <= maxBut) return;
    this.#to = 0;
    this.#but.clear();
  }

  /** The same, without the exceptions that `isSettled` by now, and with these. */
  with(but: Iterable<number>, isSettled: (version: number) => boolean): OldNumbers {
    return new OldNumbers(
      this.#to,
      [...this.#but, ...but].filter((version) => !isSettled(version)),
    );
  }

  pack(to: Packer): void {
    to.number(this.#to).list(this.#but, (version) => to.number(version));
  }

  static unpack(from: Unpacker): OldNumbers {
    return new OldNumbers(
      from.number(),
      from.list(() => from.number()),
    );
  }
}
