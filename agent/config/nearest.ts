import { allPaths, dotted } from "./keys.ts";
import type { Path } from "./tree.ts";

/** The valid key that an unknown one was probably meant to be: a misspelling, or the right key in a wrong section. */
export function nearestKey(unknown: Path): string {
  const parent = dotted(unknown.slice(0, -1).filter((step) => typeof step === "string"));
  const last = String(unknown.at(-1));
  let best = { key: "", cost: Number.POSITIVE_INFINITY };
  for (const path of allPaths()) {
    const names = path.filter((step) => typeof step === "string");
    const elsewhere = dotted(names.slice(0, -1)) === parent ? 0 : 1;
    const cost = distance(plain(last), plain(String(names.at(-1)))) + elsewhere;
    if (cost < best.cost) best = { key: dotted(withIndices(path, unknown)), cost };
  }
  return best.key;
}

/** The key that an unknown variable was probably meant for, from its name without the prefix. */
export function nearestForVariable(name: string): Path {
  const cost = (path: Path) =>
    Math.min(
      distance(plain(name), plain(path.join("_"))),
      distance(plain(name), plain(String(path.at(-1)))) + 1,
    );
  const candidates = allPaths().map((path) => ({ path, cost: cost(path) }));
  return candidates.sort((a, b) => a.cost - b.cost)[0]?.path ?? [];
}

/** `createTopics` and `create-topics` are no misspellings of `create_topics`, only another habit. */
function plain(name: string): string {
  return name
    .toLowerCase()
    .replaceAll(/[^a-z0-9]/g, "")
    .slice(0, 64);
}

function withIndices(path: Path, like: Path): Path {
  return path.map((step, index) => (typeof step === "number" ? (like[index] ?? step) : step));
}

/** Levenshtein's distance. */
function distance(a: string, b: string): number {
  let previous = Array.from({ length: b.length + 1 }, (_, index) => index);
  for (const [i, x] of [...a].entries()) {
    const current = [i + 1];
    for (const [j, y] of [...b].entries()) {
      const replaced = (previous[j] ?? 0) + (x === y ? 0 : 1);
      current.push(Math.min(replaced, (previous[j + 1] ?? 0) + 1, (current[j] ?? 0) + 1));
    }
    previous = current;
  }
  return previous.at(-1) ?? 0;
}
