/** Which bytes of a file are there: sorted intervals `[from, to)` that neither touch nor overlap. */
export type Interval = readonly [from: number, to: number];

export class Coverage {
  #intervals: Interval[];

  constructor(intervals: readonly Interval[] = []) {
    this.#intervals = [];
    for (const [from, to] of intervals) this.add(from, to);
  }

  /** Adds `[from, to)`; returns how many of its bytes were not there yet. */
  add(from: number, to: number): number {
    if (to <= from) return 0;
    const before = this.#intervals.filter((interval) => interval[1] < from);
    const after = this.#intervals.filter((interval) => interval[0] > to);
    const touched = this.#intervals.slice(before.length, this.#intervals.length - after.length);
    const start = Math.min(from, touched[0]?.[0] ?? from);
    const end = Math.max(to, touched.at(-1)?.[1] ?? to);
    const known = touched.reduce((sum, [a, b]) => sum + Math.max(0, Math.min(b, to) - Math.max(a, from)), 0);
    this.#intervals = [...before, [start, end], ...after];
    return to - from - known;
  }

  /** Bytes that are there from the file's beginning without a gap. */
  get prefix(): number {
    const first = this.#intervals[0];
    return first?.[0] === 0 ? first[1] : 0;
  }

  /** Bytes that are there. */
  get total(): number {
    return this.#intervals.reduce((sum, [from, to]) => sum + to - from, 0);
  }

  /** What is there. */
  intervals(): readonly Interval[] {
    return this.#intervals;
  }

  /** What of `[from, to)` is missing. */
  missing(from: number, to: number): Interval[] {
    const gaps: Interval[] = [];
    let at = from;
    for (const [start, end] of this.#intervals) {
      if (start >= to) break;
      if (start > at) gaps.push([at, start]);
      at = Math.max(at, end);
    }
    if (at < to) gaps.push([at, to]);
    return gaps;
  }
}
