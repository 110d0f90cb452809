/**
 * Marks of one uploader that name no version, packed: ten thousand uploaders have one each in every partition of the chunks, and hardly any
 * is of interest at a time. One takes some eighty bytes here, and some four hundred as an object.
 */
import { garbageOf, leaveGarbage } from "../../lib/garbage.ts";
import { Packer, Unpacker } from "../../lib/packed.ts";
import { Mark } from "./mark.ts";

const nothing = Buffer.alloc(0);
/** More than its partition and its length take, and more than what `Mark.pack` says takes as a rule, bytes. */
const headBytes = 32;
const usualBytes = 128;
/** About what the buffer takes besides, bytes. */
const ownBytes = 100;

/** Of which marks copies were made last, and these: a batch of files asks for the same ones again and again. */
let copied: { of: RestingMarks; copies: Map<number, Mark> } | undefined;

export class RestingMarks {
  /** Of each its partition, how many bytes come, and these. */
  #packed = nothing;
  #count = 0;

  get count(): number {
    return this.#count;
  }

  /** About what they take in memory, bytes. */
  get weight(): number {
    return this.#packed === nothing ? 0 : ownBytes + this.#packed.length;
  }

  /** A copy of the partition's, to be read only. */
  get(partition: number): Mark | undefined {
    if (this.#packed === nothing) return undefined;
    if (copied?.of !== this) copied = { of: this, copies: new Map() };
    const known = copied.copies.get(partition);
    if (known) return known;
    const place = this.#find(partition);
    if (!place) return undefined;
    const mark = this.#unpack(place);
    copied.copies.set(partition, mark);
    return mark;
  }

  /** The partition's, which rests no longer. */
  take(partition: number): Mark | undefined {
    const place = this.#find(partition);
    if (!place) return undefined;
    const mark = this.#unpack(place);
    this.#replace(place.begin, place.end, nothing);
    this.#count--;
    return mark;
  }

  /** None of their partitions has one here. */
  put(marks: Iterable<Mark>): void {
    const pieces: Buffer[] = [];
    for (const mark of marks) {
      const content = packed(mark);
      pieces.push(...new Packer(headBytes).count(mark.partition).count(content.length).pieces(), content);
      this.#count++;
    }
    this.#replace(this.#packed.length, this.#packed.length, Buffer.concat(pieces));
  }

  clear(): void {
    this.#replace(0, this.#packed.length, nothing);
    this.#count = 0;
  }

  /** Copies, to be read only. */
  *[Symbol.iterator](): Generator<Mark> {
    for (const place of this.#places()) yield this.#unpack(place);
  }

  *#places(): Generator<Place> {
    const from = new Unpacker(this.#packed);
    while (!from.isAtEnd) {
      const begin = from.at;
      const partition = from.count();
      const bytes = from.count();
      yield { partition, begin, content: from.at, end: from.at + bytes };
      from.skip(bytes);
    }
  }

  #find(partition: number): Place | undefined {
    if (this.#packed === nothing) return undefined;
    for (const place of this.#places()) if (place.partition === partition) return place;
    return undefined;
  }

  #unpack({ partition, content }: Place): Mark {
    leaveGarbage(garbageOf.mark);
    const mark = new Mark(partition);
    mark.unpack(new Unpacker(this.#packed, content));
    return mark;
  }

  #replace(begin: number, end: number, by: Buffer): void {
    if (copied?.of === this) copied = undefined;
    const before = this.#packed;
    const size = before.length - (end - begin) + by.length;
    if (size === 0) {
      this.#packed = nothing;
      return;
    }
    // Of its own: a piece of what is shared would keep all of that.
    const after = Buffer.allocUnsafeSlow(size);
    before.copy(after, 0, 0, begin);
    by.copy(after, begin);
    before.copy(after, begin + by.length, end);
    this.#packed = after;
  }
}

interface Place {
  partition: number;
  begin: number;
  /** Where what `Mark.pack` says begins. */
  content: number;
  end: number;
}

function packed(mark: Mark): Buffer {
  const to = new Packer(usualBytes);
  mark.pack(to);
  return Buffer.concat(to.pieces());
}
