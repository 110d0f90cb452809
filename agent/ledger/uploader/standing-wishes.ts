/** What groups want to have again, by the `again` entries that stand in the ledger: their marks do not count for that. */
import type { VersionId } from "../../wire/chunk.ts";
import { VersionIndex } from "../group/version-index.ts";

/**
 * In slots of 24 bytes, three of four are used. Bounded, as whoever may write the ledger can wish for anything: where there are more, every
 * version up to some number counts as wished for, and its source stays.
 */
const maxSlots = 1 << 18;

type Wish = Pick<VersionId, "path" | "version"> & { group: string };

export class StandingWishes {
  readonly #slots: number;
  #versions: VersionIndex;
  #any = false;

  /** @param slots for the tests */
  constructor(slots = maxSlots) {
    this.#slots = slots;
    this.#versions = new VersionIndex(slots);
  }

  add(wish: Wish): void {
    this.#versions.set(nameOf(wish), wish.version);
    this.#any = true;
  }

  remove(wish: Wish): void {
    this.#versions.forget(nameOf(wish));
  }

  /** Whether the wish stands, as far as is known. */
  has(wish: Wish): boolean {
    // Asked of every file at a start, and hardly any is wished for.
    if (!this.#any) return false;
    return wish.version <= this.#versions.floor || this.#versions.get(nameOf(wish)) !== undefined;
  }

  clear(): void {
    this.#versions = new VersionIndex(this.#slots);
    this.#any = false;
  }
}

/** No path and no group has a NUL. */
function nameOf({ path, version, group }: Wish): string {
  return `${group}\0${version}\0${path}`;
}
