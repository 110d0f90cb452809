import { type Key, keyAt } from "./keys.ts";
import { nearestKey } from "./nearest.ts";
import type { Problems } from "./problems.ts";
import { type Assignment, type Path, splitList, type Tree } from "./tree.ts";
import { readYamlOrProblem } from "./yaml-text.ts";

/** The settings of `--set KEY=VALUE` options, in their order: the last one wins. */
export function fromSetOptions(options: readonly string[], problems: Problems): Assignment[] {
  return options.flatMap((option) => {
    const equals = option.indexOf("=");
    if (equals < 1) {
      // Not shown: it could be a secret whose key got lost.
      problems.addAbout("--set", "needs KEY=VALUE, for example kafka.brokers=a:9092,b:9092");
      return [];
    }
    const path = toPath(option.slice(0, equals).trim());
    const key = keyAt(path);
    if (key !== undefined) return toAssignments(path, key, option.slice(equals + 1));
    problems.add(path, `unknown key, did you mean ${nearestKey(path)}?`);
    return [];
  });
}

/**
 * One value as text, as it comes from the environment or the command line. Lists are comma separated or YAML
 * (`[a, b]`), sections are YAML (`{enabled: true}`) and change only the keys that they name; where sections are
 * listed, a bare text is their first key, so `/a,/b` is two watches.
 */
export function toAssignments(path: Path, key: Key, text: string): Assignment[] {
  if (key.kind === "value") return [{ path, value: text }];
  if (key.kind === "list") return [{ path, value: toList(text, key.item) }];
  const tree = readYamlOrProblem(text);
  if (!(tree instanceof Map)) return [{ path, value: tree }];
  return [...tree].flatMap(([name, value]) => flatten([...path, name], value));
}

/** A list in any of the forms that a text may have. */
export function toList(text: string, item: Key): Tree {
  const trimmed = text.trim();
  const isYamlList = trimmed.startsWith("[") && trimmed.endsWith("]");
  if (isYamlList || (item.kind === "section" && trimmed.startsWith("{"))) {
    const tree = readYamlOrProblem(trimmed);
    return tree instanceof Map ? [tree] : tree;
  }
  return splitList(trimmed).map((value) => toItem(value, item));
}

/** A bare text where a section is expected is the section's first key. */
export function toItem(value: Tree, item: Key): Tree {
  const first = item.kind === "section" ? [...item.keys.keys()][0] : undefined;
  return first !== undefined && typeof value === "string" ? new Map([[first, value]]) : value;
}

function flatten(path: Path, value: Tree): Assignment[] {
  if (!(value instanceof Map)) return [{ path, value }];
  return [...value].flatMap(([name, child]) => flatten([...path, name], child));
}

/** `uploader.watch.0.path`; what follows `kafka.options.` or the like is one name with dots in it. */
function toPath(key: string): Path {
  const path: (string | number)[] = [];
  const steps = key.split(".");
  for (const [index, step] of steps.entries()) {
    const kind = keyAt(path)?.kind;
    if (kind === "options") return [...path, steps.slice(index).join(".")];
    const isIndex = /^\d{1,4}$/.test(step) && kind === "list";
    path.push(isIndex ? Number(step) : step);
  }
  return path;
}
