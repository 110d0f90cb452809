/**
 * Which of an uploader's versions may still be noted, and which are dead, by its newest batch: none is any more once that was taken out
 * of the ledger, as whoever reads it after it was compacted is told of none. Their chunks are stored if they come.
 */
import type { Packer, Unpacker } from "../../lib/packed.ts";

/** An uploader's word on that, see docs/protocol.md, "Batches". */
export interface Heard {
  next: number;
  open: readonly number[];
  epoch: number;
}

/** Below this number all was known that ever was noted, but for these. */
interface Known {
  readonly below: number;
  readonly open: ReadonlySet<number>;
}

export class Announced {
  #next = 0;
  #open: ReadonlySet<number> = new Set();
  /** The ledger offset of the batch that says so. */
  #heardAt = -1;
  #epoch = 0;
  #slot: string | undefined;
  /** It was taken out: below this number versions are of before that. */
  #takenOutBelow: number | undefined;
  /** What was last known for sure to be said of this ledger (see `Doubts`), and what was known as that was asked; undefined: what is known now. */
  #sure: Known | undefined;
  #asked: Known | undefined;

  /** Below this one all is known, for sure, that ever was noted. */
  get knownBelow(): number {
    const { below } = this.#known;
    return Math.min(below, this.#sure?.below ?? below);
  }

  /** Versions that may still be noted, by all that it says or has said for sure. */
  get mayCome(): ReadonlySet<number> {
    return this.#sure ? this.#open.union(this.#sure.open) : this.#open;
  }

  /** All that was noted is below this one, as far as was read. */
  get next(): number {
    return this.#next;
  }

  /** The slot that the newest batch stands in. */
  get heardIn(): string | undefined {
    return this.#slot;
  }

  get open(): ReadonlySet<number> {
    return this.#open;
  }

  /** Whether the version was neither noted nor given up as far as was read. */
  isOpen(version: number): boolean {
    return version >= this.#next || this.#open.has(version);
  }

  /** Whether the version, if it was not noted, never will be, and is nothing to be stored. */
  isDead(version: number): boolean {
    return this.#takenOutBelow === undefined && !this.isOpen(version);
  }

  /** Whether the version is one of before the newest batch was taken out, and nobody has said anything since. */
  isForgotten(version: number): boolean {
    return this.#takenOutBelow !== undefined && version < this.#takenOutBelow;
  }

  /** What is heard from now on may be said of another ledger. */
  doubt(): void {
    this.#sure ??= this.#known;
  }

  /** It is asked whether what was heard until now was said of this ledger. */
  ask(): void {
    this.#asked = this.#known;
  }

  /** @param isSo whether it was, as far as anybody knows @param isAll whether nothing was heard since that was asked */
  answered(isSo: boolean, isAll: boolean): void {
    if (isSo) this.#sure = isAll ? undefined : this.#asked;
    this.#asked = undefined;
  }

  get #known(): Known {
    return { below: this.#takenOutBelow === undefined ? this.#next : 0, open: this.#open };
  }

  /**
   * What an agent says that has lost the name to another counts for nothing.
   *
   * @param offset of the batch, in the ledger
   * @param slot that it stands in, see `slotName`
   */
  heard({ next, open, epoch }: Heard, offset: number, slot: string): void {
    if (offset < this.#heardAt || epoch < this.#epoch) return;
    // An epoch is the offset of an entry that came before: one that is not would silence whoever has the name.
    if (epoch < offset) this.#epoch = epoch;
    this.#heardAt = offset;
    this.#next = next;
    this.#open = new Set(open);
    this.#slot = slot;
    this.#takenOutBelow = undefined;
  }

  /**
   * The batch in this slot was taken out of the ledger.
   *
   * @param offset of its tombstone, in the ledger
   * @param timestampMs when that was appended, milliseconds since 1970: what is sent later has a number that is no lower
   */
  takenOut(slot: string, offset: number, timestampMs: number): void {
    if (slot !== this.#slot || offset < this.#heardAt) return;
    // What is read again of before that says nothing.
    this.#heardAt = offset;
    this.#slot = undefined;
    this.#takenOutBelow = Math.max(this.#next, (timestampMs + 1) * 1000);
  }

  pack(to: Packer): void {
    to.number(this.#next).number(this.#heardAt).count(this.#epoch);
    to.list(this.#open, (version) => to.number(version));
    to.maybe(this.#slot, (slot) => to.text(slot)).maybe(this.#takenOutBelow, (below) => to.number(below));
  }

  unpack(from: Unpacker): void {
    this.#next = from.number();
    this.#heardAt = from.number();
    this.#epoch = from.count();
    this.#open = new Set(from.list(() => from.number()));
    this.#slot = from.maybe(() => from.text());
    this.#takenOutBelow = from.maybe(() => from.number());
  }
}
