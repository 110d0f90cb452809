/** Numbers and texts as few bytes, for what is written and read back by the same version of the agent. Who reads knows what comes next. */

const usualPieceBytes = 256 << 10;
/** The longest count: 53 bits, seven a byte. */
const countBytes = 8;

export class Packer {
  readonly #pieceBytes: number;
  readonly #pieces: Buffer[] = [];
  #piece: Buffer;
  #at = 0;

  /** @param pieceBytes that are taken at a time */
  constructor(pieceBytes = usualPieceBytes) {
    this.#pieceBytes = pieceBytes;
    this.#piece = Buffer.allocUnsafe(pieceBytes);
  }

  /** What was packed. Nothing may be added behind it. */
  pieces(): Buffer[] {
    return [...this.#pieces, this.#piece.subarray(0, this.#at)];
  }

  /** Any number, in eight bytes. */
  number(value: number): this {
    this.#reserve(8);
    this.#at = this.#piece.writeDoubleLE(value, this.#at);
    return this;
  }

  /** A whole number from 0 on, the smaller the fewer bytes. */
  count(value: number): this {
    this.#reserve(countBytes);
    let rest = value;
    for (; rest >= 0x80; rest = Math.floor(rest / 0x80)) this.#piece[this.#at++] = (rest % 0x80) | 0x80;
    this.#piece[this.#at++] = rest;
    return this;
  }

  flag(value: boolean): this {
    return this.count(value ? 1 : 0);
  }

  text(value: string): this {
    const bytes = Buffer.byteLength(value);
    this.count(bytes).#reserve(bytes);
    this.#at += this.#piece.write(value, this.#at);
    return this;
  }

  /** Something that may be missing. */
  maybe<T>(value: T | undefined, pack: (value: T) => unknown): this {
    this.flag(value !== undefined);
    if (value !== undefined) pack(value);
    return this;
  }

  list<T>(items: Iterable<T>, pack: (item: T) => unknown): this {
    for (const item of items) {
      this.flag(true);
      pack(item);
    }
    return this.flag(false);
  }

  #reserve(bytes: number): void {
    if (this.#at + bytes <= this.#piece.length) return;
    this.#pieces.push(this.#piece.subarray(0, this.#at));
    this.#piece = Buffer.allocUnsafe(Math.max(this.#pieceBytes, bytes));
    this.#at = 0;
  }
}

/** Reads what a `Packer` wrote, in the same order. All throw a `RangeError` behind the end. */
export class Unpacker {
  readonly #bytes: Buffer;
  #at: number;

  /** @param at where it begins */
  constructor(bytes: Buffer, at = 0) {
    this.#bytes = bytes;
    this.#at = at;
  }

  /** Where what comes next begins. */
  get at(): number {
    return this.#at;
  }

  skip(bytes: number): void {
    this.#at += bytes;
  }

  get isAtEnd(): boolean {
    return this.#at === this.#bytes.length;
  }

  number(): number {
    const value = this.#bytes.readDoubleLE(this.#at);
    this.#at += 8;
    return value;
  }

  count(): number {
    for (let [value, unit] = [0, 1]; ; unit *= 0x80) {
      const byte = this.#bytes.readUInt8(this.#at++);
      value += (byte & 0x7f) * unit;
      if (byte < 0x80) return value;
    }
  }

  flag(): boolean {
    return this.count() === 1;
  }

  text(): string {
    const bytes = this.count();
    const end = this.#at + bytes;
    if (end > this.#bytes.length) throw new RangeError("a text goes beyond the end");
    const value = this.#bytes.toString("utf8", this.#at, end);
    this.#at = end;
    return value;
  }

  maybe<T>(unpack: () => T): T | undefined {
    return this.flag() ? unpack() : undefined;
  }

  *list<T>(unpack: () => T): Generator<T> {
    while (this.flag()) yield unpack();
  }
}
