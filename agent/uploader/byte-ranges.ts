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
