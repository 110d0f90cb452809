import type { Key } from "./keys.ts";
import { nearestKey } from "./nearest.ts";
import type { Problems } from "./problems.ts";
import { toItem, toList } from "./set-options.ts";
import { type Path, type Section, type Tree, Unresolved } from "./tree.ts";

/**
 * The tree as plain values of the types that the schema asks for. Unknown keys and wrong shapes are reported and
 * left out; a text that is no boolean or number stays text, and the schema says what is wrong with it.
 */
export function toTyped(tree: Tree, key: Key, path: Path, problems: Problems): unknown {
  if (tree === null) return undefined;
  if (tree instanceof Unresolved) {
    problems.add(path, tree.problem);
    return undefined;
  }
  switch (key.kind) {
    case "section":
      return fromSection(tree, path, problems, (name) => key.keys.get(name));
    case "options":
      return fromSection(tree, path, problems, () => ({ kind: "value", type: "text", secret: false }));
    case "list":
      return fromList(tree, key.item, path, problems);
    case "value":
      if (typeof tree === "string") return toScalar(tree, key.type);
      problems.add(path, `must be one value, not a ${tree instanceof Map ? "section" : "list"}`);
      return undefined;
  }
}

function fromSection(
  tree: string | Tree[] | Section,
  path: Path,
  problems: Problems,
  keyOf: (name: string) => Key | undefined,
): object | undefined {
  if (!(tree instanceof Map)) {
    problems.add(path, `must be a section of keys, not a ${Array.isArray(tree) ? "list" : "single value"}`);
    return undefined;
  }
  const entries: [string, unknown][] = [];
  for (const [name, value] of tree) {
    const key = keyOf(name);
    const here = [...path, name];
    if (key === undefined) problems.add(here, `unknown key, did you mean ${nearestKey(here)}?`);
    else if (name === "__proto__") problems.add(here, "is no name that can be used here");
    else {
      const typed = toTyped(value, key, here, problems);
      if (typed !== undefined) entries.push([name, typed]);
    }
  }
  return Object.fromEntries(entries);
}

function fromList(tree: string | Tree[] | Section, item: Key, path: Path, problems: Problems): unknown {
  const list = typeof tree === "string" ? toList(tree, item) : tree;
  if (list instanceof Unresolved) return toTyped(list, item, path, problems);
  if (!Array.isArray(list)) {
    problems.add(path, `must be a list, each item after a hyphen`);
    return undefined;
  }
  return list.map((value, index) =>
    toTyped(value === null ? "" : toItem(value, item), item, [...path, index], problems),
  );
}

function toScalar(text: string, type: "boolean" | "integer" | "text"): unknown {
  if (type === "boolean" && /^(true|false)$/i.test(text)) return text.toLowerCase() === "true";
  if (type === "integer" && /^[-+]?\d+$/.test(text)) return Number(text);
  return text;
}
