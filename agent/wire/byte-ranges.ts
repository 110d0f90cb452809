/** Ranges of bytes of a file, `[from, to)`, as groups ask for them. */
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
