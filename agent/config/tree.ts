/**
 * Configuration before it is understood: texts, lists and sections, whatever the source. Scalars stay text until
 * the schema says what they are, so `name: 0042`, `password: 12345` and `file_mode: 0644` mean what people meant,
 * in the file as in the environment. Sections are Maps: a key such as `__proto__` is a key like any other.
 */
export type Tree = string | null | Unresolved | Tree[] | Section;
export type Section = Map<string, Tree>;
export type Path = readonly (string | number)[];

/** A value that could not be had, with the reason. It only counts if no later source replaces it. */
export class Unresolved {
  readonly problem: string;
  constructor(problem: string) {
    this.problem = problem;
  }
}

/** One setting from the environment or the command line. */
export interface Assignment {
  readonly path: Path;
  readonly value: Tree;
}

/** @returns the problem, when a list's item is assigned that would leave a gap before it */
export function assign(root: Section, { path, value }: Assignment): string | undefined {
  const [first, ...rest] = path;
  if (typeof first !== "string") throw new Error("a setting's path begins with a key");
  if (rest.length === 0) {
    root.set(first, value);
    return undefined;
  }
  const child = childFor(root.get(first), rest[0]);
  root.set(first, child);
  return child instanceof Map ? assign(child, { path: rest, value }) : assignItem(child, rest, value);
}

export function get(tree: Tree | undefined, path: Path): Tree | undefined {
  let here = tree;
  for (const step of path) {
    if (here instanceof Map && typeof step === "string") here = here.get(step);
    else if (Array.isArray(here) && typeof step === "number") here = here[step];
    else return undefined;
  }
  return here;
}

/** `a,b` as a list; commas within braces or brackets belong to a glob. */
export function splitList(text: string): string[] {
  const items: string[] = [];
  let item = "";
  let depth = 0;
  for (const character of text) {
    if (character === "{" || character === "[") depth++;
    if (character === "}" || character === "]") depth--;
    if (character === "," && depth <= 0) {
      items.push(item.trim());
      item = "";
    } else item += character;
  }
  items.push(item.trim());
  return items.filter((text) => text !== "");
}

function assignItem(list: Tree[], [index, ...rest]: Path, value: Tree): string | undefined {
  if (typeof index !== "number") throw new Error("a list's item is named by its number");
  if (index > list.length)
    return `there is no item ${index}, the list has ${list.length} (the first one is 0)`;
  if (rest.length === 0) {
    list[index] = value;
    return undefined;
  }
  const child = childFor(list[index], rest[0]);
  list[index] = child;
  return child instanceof Map ? assign(child, { path: rest, value }) : assignItem(child, rest, value);
}

function childFor(present: Tree | undefined, step: string | number | undefined): Section | Tree[] {
  if (typeof step === "string") return present instanceof Map ? present : new Map();
  if (typeof present === "string") return splitList(present);
  return Array.isArray(present) ? present : [];
}
