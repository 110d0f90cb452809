/** Ranges of bytes of a file, `[from, to)`: what groups ask for, and what they have. */
export type ByteRange = readonly [from: number, to: number];

/** Bytes in all of them. */
export function lengthOf(ranges: readonly ByteRange[]): number {
  return ranges.reduce((sum, [from, to]) => sum + to - from, 0);
}

/** Where in the file it is `at` bytes into the ranges, and how many bytes of that range are left from there. */
export function placeIn(ranges: readonly ByteRange[], at: number): { offset: number; rest: number } {
  let before = 0;
  for (const [from, to] of ranges) {
    if (at < before + to - from) return { offset: from + at - before, rest: to - from - (at - before) };
    before += to - from;
  }
  return { offset: ranges.at(-1)?.[1] ?? 0, rest: 0 };
}

/** The same bytes in order, each once. More than `most` ranges become one over all of them; no bytes are `[0, 0)`. */
export function union(ranges: readonly ByteRange[], most: number): ByteRange[] {
  const merged: [number, number][] = [];
  for (const [from, to] of [...ranges].sort((a, b) => a[0] - b[0])) {
    const last = merged.at(-1);
    if (last && from <= last[1]) last[1] = Math.max(last[1], to);
    else if (to > from) merged.push([from, to]);
  }
  const [first, last] = [merged[0], merged.at(-1)];
  if (!first || !last) return [[0, 0]];
  return merged.length > most ? [[first[0], last[1]]] : merged;
}

/** What of the ranges is inside a file of this size; everything of an empty one is `[0, 0)`. */
export function within(ranges: readonly ByteRange[], size: number): ByteRange[] {
  if (size === 0) return [[0, 0]];
  return ranges
    .map(([from, to]): ByteRange => [Math.min(from, size), Math.min(to, size)])
    .filter(([from, to]) => to > from);
}

/** Which bytes of a file are there: sorted ranges that neither touch nor overlap. */
export class Coverage {
  readonly #ranges: ByteRange[] = [];

  constructor(ranges: readonly ByteRange[] = []) {
    for (const [from, to] of ranges) this.add(from, to);
  }

  /** Adds `[from, to)`; returns how many of its bytes were not there yet. */
  add(from: number, to: number): number {
    if (to <= from) return 0;
    const first = this.#ranges.findLastIndex((range) => range[1] < from) + 1;
    let behind = first;
    while ((this.#ranges[behind]?.[0] ?? Number.POSITIVE_INFINITY) <= to) behind++;
    const touched = this.#ranges.slice(first, behind);
    const start = Math.min(from, touched[0]?.[0] ?? from);
    const end = Math.max(to, touched.at(-1)?.[1] ?? to);
    const known = touched.reduce((sum, [a, b]) => sum + Math.max(0, Math.min(b, to) - Math.max(a, from)), 0);
    // In place: there may be thousands, and one more with each chunk.
    this.#ranges.splice(first, touched.length, [start, end]);
    return to - from - known;
  }

  /** Bytes that are there from the file's beginning without a gap. */
  get prefix(): number {
    const first = this.#ranges[0];
    return first?.[0] === 0 ? first[1] : 0;
  }

  get total(): number {
    return lengthOf(this.#ranges);
  }

  ranges(): readonly ByteRange[] {
    return this.#ranges;
  }

  /** What of `[from, to)` is missing. */
  missing(from: number, to: number): ByteRange[] {
    const gaps: ByteRange[] = [];
    let at = from;
    for (const [start, end] of this.#ranges) {
      if (start >= to) break;
      if (start > at) gaps.push([at, start]);
      at = Math.max(at, end);
    }
    if (at < to) gaps.push([at, to]);
    return gaps;
  }
}
