/**
 * Numbers by name, as the newest delivered version of each path, in slots of 24 bytes, of which 3/8 to 3/4 are used: an open-addressed table of 106-bit hashes. Wide
 * enough that two paths never meet (a collision would lose a file), by chance (10^6 paths, 10^-20) or on purpose. Bounded: when it is full,
 * the half with the lowest versions, that is, the oldest, is forgotten; a replay of those is published once more.
 */
import { nameHash } from "./name-hash.ts";
import type { Packer, Unpacker } from "./packed.ts";

const firstSlots = 1 << 12;
const maxSlots = 1 << 21;
/** In place of a version: the slot is taken, or what was put behind it would not be found. */
const forgotten = -1;

export class VersionIndex {
  readonly #maxSlots: number;
  #slots = firstSlots;
  #used = 0;
  /** Two halves of the hash and the version, side by side. Version 0: the slot is free. */
  #table = new Float64Array(firstSlots * 3);
  #floor = 0;

  /** @param slots how many there may be, at least 4096; three of four are used */
  constructor(slots = maxSlots) {
    this.#maxSlots = slots;
  }

  /** Nothing is known of versions up to this one: they may have been forgotten. */
  get floor(): number {
    return this.#floor;
  }

  /** The newest version noted for a key, `undefined` when there is none. */
  get(key: string): number | undefined {
    const [high, low] = nameHash(key);
    const version = this.#table[this.#find(high, low) + 2] as number;
    return version > 0 ? version : undefined;
  }

  /** Takes back what was noted for a key. */
  forget(key: string): void {
    const [high, low] = nameHash(key);
    const at = this.#find(high, low);
    if (this.#table[at + 2] !== 0) this.#table[at + 2] = forgotten;
  }

  /** Notes a version, unless a newer one is known. */
  set(key: string, version: number): void {
    if (version <= 0) return;
    const [high, low] = nameHash(key);
    this.#set(high, low, version);
  }

  /** The same, of all that another one has. */
  setAll(other: VersionIndex): void {
    const table = other.#table;
    for (let at = 0; at < table.length; at += 3) {
      const version = table[at + 2] as number;
      if (version > 0) this.#set(table[at] as number, table[at + 1] as number, version);
    }
  }

  /** Its hashes are of this process's salt, see `nameHash`. */
  pack(to: Packer): void {
    to.number(this.#floor);
    const table = this.#table;
    for (let at = 0; at < table.length; at += 3)
      if ((table[at + 2] as number) > 0) for (const part of [2, 0, 1]) to.number(table[at + part] as number);
    to.number(0);
  }

  /** Into one that is empty. */
  unpack(from: Unpacker): void {
    this.#floor = from.number();
    for (let version = from.number(); version > 0; version = from.number())
      this.#set(from.number(), from.number(), version);
  }

  #set(high: number, low: number, version: number): void {
    if (this.#used * 4 >= this.#slots * 3) this.#makeRoom();
    this.#insert(high, low, version);
  }

  #insert(high: number, low: number, version: number): void {
    const at = this.#find(high, low);
    const known = this.#table[at + 2] as number;
    if (known === 0) this.#used++;
    this.#table[at] = high;
    this.#table[at + 1] = low;
    this.#table[at + 2] = Math.max(known, version);
  }

  /** The place of the hash, or the free one where it belongs. */
  #find(high: number, low: number): number {
    for (let slot = low % this.#slots; ; slot = (slot + 1) % this.#slots) {
      const at = slot * 3;
      if (this.#table[at + 2] === 0 || (this.#table[at] === high && this.#table[at + 1] === low)) return at;
    }
  }

  #makeRoom(): void {
    const old = this.#table;
    const versions = old.filter((version, at) => at % 3 === 2 && version > 0).sort();
    // What was taken back may have left room enough.
    const isCrowded = versions.length * 2 > this.#used;
    const isFull = this.#slots >= this.#maxSlots;
    const least = isCrowded && isFull ? (versions[versions.length >> 1] ?? 0) : 0;
    this.#floor = Math.max(this.#floor, least);
    if (isCrowded && !isFull) this.#slots *= 2;
    this.#table = new Float64Array(this.#slots * 3);
    this.#used = 0;
    for (let at = 0; at < old.length; at += 3) {
      const version = old[at + 2] as number;
      if (version > least) this.#insert(old[at] as number, old[at + 1] as number, version);
    }
  }
}
