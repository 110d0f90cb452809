/**
 * Paths by number, as bytes in pages: 15 to 20 bytes each beside the path itself, and no object, as there may be a million. An
 * open-addressed table of numbers finds them. Its hash only says where to look: what is found there is compared byte by byte, so that
 * no two paths are ever taken for one.
 */
import { PathKey } from "./path-key.ts";

const pageBits = 16;
const pageBytes = 1 << pageBits;
/** In front of a path: of how many bytes it is. */
const lengthBytes = 2;
const leastNumbers = 1024;
/** In the place of where a path is. */
const nowhere = 0xffff_ffff;

export class PathTable {
  #pages: Buffer[] = [];
  /** How much of the last page is taken. */
  #taken = pageBytes;
  /** By number: where the path is, as its page and where in that, and its hash. */
  #places = new Uint32Array(leastNumbers);
  #hashes = new Uint32Array(leastNumbers);
  /** All numbers that were ever given are lower. */
  #next = 0;
  readonly #free: number[] = [];
  /** Numbers, higher by one; 0: the slot is free. At most three of four are taken. */
  #slots = new Uint32Array(2 * leastNumbers);
  #count = 0;
  /** Of the paths that are there, and of those that are not any more. */
  #bytes = 0;
  #lostBytes = 0;
  readonly #key = new PathKey();
  /** The path that was asked for last, and its number: a dozen things are asked of one after the other. */
  #last: { path: string; number: number | undefined } | undefined;

  get size(): number {
    return this.#count;
  }

  /** The number of a path; undefined: it is not there. */
  find(path: string | PathKey): number | undefined {
    if (typeof path !== "string") return this.#find(path);
    if (this.#last?.path !== path) this.#last = { path, number: this.#find(this.#key.set(path)) };
    return this.#last.number;
  }

  /** The number of a path, a free one if it is not there. Throws a `RangeError` for what is longer than any path. */
  add(path: string): number {
    const known = this.find(path);
    if (known !== undefined) return known;
    const key = this.#key.set(path);
    if (key.length < 0) throw new RangeError("too long for a path");
    if (4 * (this.#count + 1) > 3 * this.#slots.length) this.#widen();
    const { hash } = key;
    const slot = this.#slotOf(key, hash);
    const number = this.#free.pop() ?? this.#next++;
    if (number >= this.#places.length) {
      this.#places = grown(this.#places);
      this.#hashes = grown(this.#hashes);
    }
    this.#places[number] = this.#store(key.bytes, 0, key.length);
    this.#hashes[number] = hash;
    this.#slots[slot] = number + 1;
    this.#count++;
    this.#last = { path, number };
    return number;
  }

  /** Takes out a path that is there: its number is free for another one. */
  remove(number: number): void {
    this.#freeSlot(this.#slotWith(number + 1, number));
    this.#lostBytes += lengthBytes + this.#lengthOf(number);
    this.#places[number] = nowhere;
    this.#free.push(number);
    this.#count--;
    this.#last = undefined;
    if (this.#lostBytes > this.#bytes / 2 + pageBytes) this.#pack();
  }

  /** The path that has the number. */
  get(number: number): string {
    const from = this.#beginOf(number);
    return this.#pageOf(number).toString("utf8", from, from + this.#lengthOf(number));
  }

  /** Whether the path that has the number begins with that, as bytes. */
  startsWith(number: number, start: Buffer): boolean {
    return this.#lengthOf(number) >= start.length && this.#begins(number, start, start.length);
  }

  /** The numbers of all that are there; what comes or goes meanwhile may be among them or not. */
  *numbers(): Generator<number> {
    for (let number = 0; number < this.#next; number++) if (this.#places[number] !== nowhere) yield number;
  }

  #find(key: PathKey): number | undefined {
    if (key.length < 0) return undefined;
    const taken = this.#slots[this.#slotOf(key, key.hash)] ?? 0;
    return taken === 0 ? undefined : taken - 1;
  }

  /** The slot of the key's path, or the free one where it belongs. */
  #slotOf({ bytes, length }: PathKey, hash: number): number {
    const last = this.#slots.length - 1;
    for (let slot = hash & last; ; slot = (slot + 1) & last) {
      const number = (this.#slots[slot] ?? 0) - 1;
      if (number < 0) return slot;
      const isLike = this.#hashes[number] === hash && this.#lengthOf(number) === length;
      if (isLike && this.#begins(number, bytes, length)) return slot;
    }
  }

  #begins(number: number, bytes: Buffer, length: number): boolean {
    const page = this.#pageOf(number);
    const from = this.#beginOf(number);
    for (let at = 0; at < length; at++) if (page[from + at] !== bytes[at]) return false;
    return true;
  }

  /** Throws a `RangeError` where no path has the number. */
  #pageOf(number: number): Buffer {
    const page = this.#pages[(this.#places[number] ?? nowhere) >>> pageBits];
    if (!page) throw new RangeError(`no path has the number ${number}`);
    return page;
  }

  #beginOf(number: number): number {
    return ((this.#places[number] ?? nowhere) & (pageBytes - 1)) + lengthBytes;
  }

  #lengthOf(number: number): number {
    const at = this.#beginOf(number) - lengthBytes;
    const page = this.#pageOf(number);
    return (page[at] ?? 0) | ((page[at + 1] ?? 0) << 8);
  }

  /** The slot with that in it, from where the number's path belongs on; 0: the first free one. */
  #slotWith(taken: number, number: number): number {
    const last = this.#slots.length - 1;
    for (let slot = (this.#hashes[number] ?? 0) & last; ; slot = (slot + 1) & last)
      if (this.#slots[slot] === taken) return slot;
  }

  #freeSlot(slot: number): void {
    const slots = this.#slots;
    const last = slots.length - 1;
    slots[slot] = 0;
    // What follows may stand there only because this one was taken.
    for (let at = (slot + 1) & last; slots[at] !== 0; at = (at + 1) & last) {
      const moved = slots[at] ?? 0;
      slots[at] = 0;
      slots[this.#slotWith(0, moved - 1)] = moved;
    }
  }

  #widen(): void {
    const old = this.#slots;
    this.#slots = new Uint32Array(2 * old.length);
    for (const taken of old) if (taken !== 0) this.#slots[this.#slotWith(0, taken - 1)] = taken;
  }

  /** The paths that are there, without what is left between them of others. */
  #pack(): void {
    const pages = this.#pages;
    this.#pages = [];
    this.#taken = pageBytes;
    [this.#bytes, this.#lostBytes] = [0, 0];
    for (const number of this.numbers()) {
      const place = this.#places[number] ?? nowhere;
      const page = pages[place >>> pageBits] as Buffer;
      const from = place & (pageBytes - 1);
      this.#places[number] = this.#store(page, from + lengthBytes, page.readUInt16LE(from));
    }
  }

  /** Returns where it is. */
  #store(bytes: Buffer, from: number, length: number): number {
    if (this.#taken + lengthBytes + length > pageBytes) {
      this.#pages.push(Buffer.allocUnsafeSlow(pageBytes));
      this.#taken = 0;
    }
    const [page, at] = [this.#pages.length - 1, this.#taken];
    const into = this.#pages[page] as Buffer;
    into.writeUInt16LE(length, at);
    bytes.copy(into, at + lengthBytes, from, from + length);
    this.#taken += lengthBytes + length;
    this.#bytes += lengthBytes + length;
    return page * pageBytes + at;
  }
}

function grown(numbers: Uint32Array<ArrayBuffer>): Uint32Array<ArrayBuffer> {
  const larger = new Uint32Array(2 * numbers.length);
  larger.set(numbers);
  return larger;
}
