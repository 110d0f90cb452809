/** Receipts of one kind that stand in the ledger, of whichever versions: that groups want one again, or that it has failed. */

import { VersionIndex } from "../../lib/version-index.ts";
import type { VersionId } from "../../wire/chunk.ts";

/**
 * In slots of 24 bytes, three of four are used. Bounded, as whoever may write the ledger can write any: where there are more, every
 * version up to some number counts as one that has such a receipt, and its source stays.
 */
const maxSlots = 1 << 18;

type Receipt = Pick<VersionId, "path" | "version"> & { group: string };

export class StandingReceipts {
  readonly #slots: number;
  #versions: VersionIndex;
  #any = false;

  /** @param slots for the tests */
  constructor(slots = maxSlots) {
    this.#slots = slots;
    this.#versions = new VersionIndex(slots);
  }

  add(receipt: Receipt): void {
    this.#versions.set(nameOf(receipt), receipt.version);
    this.#any = true;
  }

  remove(receipt: Receipt): void {
    this.#versions.forget(nameOf(receipt));
  }

  /** Whether the receipt stands, as far as is known. */
  has(receipt: Receipt): boolean {
    // Asked of every file at a start, and hardly any has one.
    if (!this.#any) return false;
    return receipt.version <= this.#versions.floor || this.#versions.get(nameOf(receipt)) !== undefined;
  }

  clear(): void {
    this.#versions = new VersionIndex(this.#slots);
    this.#any = false;
  }
}

/** No path and no group has a NUL. */
function nameOf({ path, version, group }: Receipt): string {
  return `${group}\0${version}\0${path}`;
}
