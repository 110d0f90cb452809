/** Which of an uploader's versions may still be noted, by its newest batch. */
import type { Packer, Unpacker } from "../../lib/packed.ts";

/** An uploader's word on that, see docs/protocol.md, "Batches". */
export interface Heard {
  next: number;
  open: readonly number[];
  epoch: number;
}

export class Announced {
  #next = 0;
  #open: ReadonlySet<number> = new Set();
  /** The ledger offset of the batch that says so. */
  #heardAt = -1;
  #epoch = 0;

  /** Every version from this one on may come. */
  get next(): number {
    return this.#next;
  }

  get open(): ReadonlySet<number> {
    return this.#open;
  }

  /** Whether the version was neither noted nor given up as far as was read. */
  isOpen(version: number): boolean {
    return version >= this.#next || this.#open.has(version);
  }

  /** What an agent says that has lost the name to another counts for nothing. @param offset of the batch, in the ledger */
  heard({ next, open, epoch }: Heard, offset: number): void {
    if (offset < this.#heardAt || epoch < this.#epoch) return;
    // An epoch is the offset of an entry that came before: one that is not would silence whoever has the name.
    if (epoch < offset) this.#epoch = epoch;
    this.#heardAt = offset;
    this.#next = next;
    this.#open = new Set(open);
  }

  pack(to: Packer): void {
    to.number(this.#next).number(this.#heardAt).count(this.#epoch);
    to.list(this.#open, (version) => to.number(version));
  }

  unpack(from: Unpacker): void {
    this.#next = from.number();
    this.#heardAt = from.number();
    this.#epoch = from.count();
    this.#open = new Set(from.list(() => from.number()));
  }
}
