/** Which stores have contributed to a mark, and how often each had published by then: docs/protocol.md, "Rolled back". */
import { limits } from "../../wire/limits.ts";

/** No store comes to that: it would have published every millisecond for three thousand years. Whoever names it makes it up, and nothing could follow. */
const impossible = 1e14;

/** With these, at their highest numbers, and without those that were named longest ago, where there are too many. */
export function withStores(
  known: ReadonlyMap<string, number>,
  more: Iterable<readonly [store: string, number: number]>,
): ReadonlyMap<string, number> {
  const all = new Map(known);
  for (const [store, number] of more) {
    if (number >= impossible) continue;
    all.delete(store);
    all.set(store, Math.max(number, known.get(store) ?? 0));
  }
  return new Map([...all].slice(-limits.stores));
}
