/** A record's headers: as they are written, and as they are read. */

/** In the client's shape: one object a header (an object with two keys loses the second). */
export type Headers = ReadonlyArray<Record<string, string | Buffer>>;

/** Of a record that was read; `pairsOf` takes either apart. */
export type IncomingHeaders = Headers | PackedHeaders;

/** Headers in one piece of memory, taken apart only where they are looked at. They are there for as long as that piece is. */
export class PackedHeaders {
  readonly #piece: Buffer;
  readonly #lengthsAt: number;
  readonly #count: number;
  /** Of all names and values. */
  readonly bytes: number;

  /** @param lengthsAt where in the piece each one's bytes of the name and of the value are, 32 bits each; the texts follow */
  constructor(piece: Buffer, lengthsAt: number, count: number, bytes: number) {
    this.#piece = piece;
    this.#lengthsAt = lengthsAt;
    this.#count = count;
    this.bytes = bytes;
  }

  *pairs(): Generator<[name: string, value: Buffer]> {
    const piece = this.#piece;
    const textsAt = this.#lengthsAt + 8 * this.#count;
    let at = textsAt;
    for (let lengths = this.#lengthsAt; lengths < textsAt; lengths += 8) {
      const valueAt = at + piece.readInt32LE(lengths);
      const end = valueAt + piece.readInt32LE(lengths + 4);
      yield [piece.toString("utf8", at, valueAt), piece.subarray(valueAt, end)];
      at = end;
    }
  }
}

/** Each header's name and value, in order. Own names only: a header that is called __proto__ would bring its value's properties along as inherited ones. */
export function* pairsOf(
  headers: IncomingHeaders | undefined,
): Generator<[name: string, value: string | Buffer]> {
  if (headers instanceof PackedHeaders) return yield* headers.pairs();
  for (const header of headers ?? []) yield* Object.entries(header);
}

/** Bytes of all names and values. */
export function headersBytes(headers: IncomingHeaders | undefined): number {
  if (headers instanceof PackedHeaders) return headers.bytes;
  let bytes = 0;
  for (const [name, value] of pairsOf(headers)) bytes += Buffer.byteLength(name) + Buffer.byteLength(value);
  return bytes;
}
