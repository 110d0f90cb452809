/**
 * Versions that the group is to have again, by `again` entries that stand in the ledger: a mark counts for none of them. Bounded, as whoever
 * may write the ledger can wish for anything; what does not fit is found when the ledger is read again.
 */
import { BoundedMap, textBytes } from "../../lib/bounded-map.ts";
import type { Packer, Unpacker } from "../../lib/packed.ts";
import type { VersionId } from "../../wire/chunk.ts";

interface Wish {
  id: VersionId;
  /** Of its entry, in the ledger. */
  offset: number;
}

const maxWishes = 20_000;
const maxBytes = 6 << 20;

export class Wishes {
  /** By uploader and number. */
  #standing = noWishes<Wish>(({ id }) => textBytes(id.path));
  /** Of those that were taken back, the offset of the tombstone: what stands before it is read again now and then. */
  #over = noWishes<number>(() => 0);
  /** How many there were when one did not fit; 0: all do. */
  #full = 0;

  get size(): number {
    return this.#standing.size;
  }

  /** Whether some did not fit, and would by now. */
  get mayTakeMore(): boolean {
    return this.#standing.size < this.#full / 10;
  }

  beginReading(): void {
    this.#full = 0;
  }

  /** Returns whether it is new. */
  note({ uploader, path, version }: VersionId, offset: number): boolean {
    const name = nameOf(uploader, version);
    if (offset < (this.#over.get(name) ?? -1)) return false;
    const { size } = this.#standing;
    const isNew = !this.#standing.has(name);
    if (!isNew || size < maxWishes) this.#standing.set(name, { id: { uploader, path, version }, offset });
    // In its place others may have gone: they take bytes as well.
    if (isNew && this.#standing.size <= size) this.#full = size;
    return isNew;
  }

  /** It was taken back by a tombstone at this offset of the ledger. */
  remove({ uploader, version }: VersionId, offset: number): void {
    const name = nameOf(uploader, version);
    if ((this.#standing.get(name)?.offset ?? offset) <= offset) this.#standing.delete(name);
    this.#over.set(name, offset);
  }

  has({ uploader, path, version }: VersionId): boolean {
    return this.#get(uploader, version)?.id.path === path;
  }

  hasNumber(uploader: string, version: number): boolean {
    return this.#get(uploader, version) !== undefined;
  }

  values(): Iterable<Wish> {
    return this.#standing.values();
  }

  pack(to: Packer): void {
    to.count(this.#full);
    to.list(this.#standing.values(), ({ id, offset }) =>
      to.text(id.uploader).text(id.path).number(id.version).count(offset),
    );
    to.list(this.#over, ([name, offset]) => to.text(name).count(offset));
  }

  unpack(from: Unpacker): void {
    this.#full = from.count();
    const id = () => ({ uploader: from.text(), path: from.text(), version: from.number() });
    for (const wish of from.list(() => ({ id: id(), offset: from.count() })))
      this.#standing.set(nameOf(wish.id.uploader, wish.id.version), wish);
    for (const [name, offset] of from.list(() => [from.text(), from.count()] as const))
      this.#over.set(name, offset);
  }

  /** The ledger was recreated. */
  clear(): void {
    this.#standing = noWishes<Wish>(({ id }) => textBytes(id.path));
    this.#over = noWishes<number>(() => 0);
    this.#full = 0;
  }

  #get(uploader: string, version: number): Wish | undefined {
    return this.#standing.size > 0 ? this.#standing.get(nameOf(uploader, version)) : undefined;
  }
}

function nameOf(uploader: string, version: number): string {
  return `${version} ${uploader}`;
}

function noWishes<Value>(bytesOf: (value: Value) => number): BoundedMap<string, Value> {
  return new BoundedMap(maxWishes, {
    most: maxBytes,
    of: (name, value) => 250 + textBytes(name) + bytesOf(value),
  });
}
