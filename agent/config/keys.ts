/**
 * The keys that there are, as a plain tree taken from the JSON Schema: what the names of environment variables,
 * `--set`, nearest keys, masking and the documentation's tests go by.
 */
import { jsonSchema } from "./schema.ts";
import type { Path } from "./tree.ts";

export type Key = SectionKey | ListKey | OptionsKey | ValueKey;

export interface SectionKey {
  readonly kind: "section";
  readonly keys: ReadonlyMap<string, Key>;
}

interface ListKey {
  readonly kind: "list";
  readonly item: Key;
}

/** Free names with one value each: `kafka.options`, a watch's `attributes`. */
interface OptionsKey {
  readonly kind: "options";
}

interface ValueKey {
  readonly kind: "value";
  readonly type: "boolean" | "integer" | "text";
  readonly secret: boolean;
}

/** The little of JSON Schema that our schema comes to. */
interface Node {
  readonly type?: unknown;
  readonly properties?: Readonly<Record<string, Node>>;
  readonly items?: Node;
  readonly writeOnly?: boolean;
}

export const rootKey: SectionKey = section(jsonSchema() as Node);

/** The key at a path; undefined where the schema has none. */
export function keyAt(path: Path): Key | undefined {
  let key: Key | undefined = rootKey;
  for (const step of path) key = key === undefined ? undefined : childOf(key, step);
  return key;
}

/** Every key's path, sections too; a list's items as `watch.0`. */
export function allPaths(key: Key = rootKey, path: Path = []): Path[] {
  if (key.kind === "section") {
    return [...key.keys].flatMap(([name, child]) => [[...path, name], ...allPaths(child, [...path, name])]);
  }
  return key.kind === "list" ? allPaths(key.item, [...path, 0]) : [];
}

export function dotted(path: Path): string {
  return path.join(".");
}

function childOf(key: Key, step: string | number): Key | undefined {
  if (key.kind === "section") return typeof step === "string" ? key.keys.get(step) : undefined;
  if (key.kind === "list") return typeof step === "number" ? key.item : undefined;
  if (key.kind === "options" && typeof step === "string")
    return { kind: "value", type: "text", secret: false };
  return undefined;
}

function section(node: Node): SectionKey {
  const properties = Object.entries(node.properties ?? {});
  return { kind: "section", keys: new Map(properties.map(([name, child]) => [name, toKey(child)])) };
}

function toKey(node: Node): Key {
  if (node.properties !== undefined) return section(node);
  if (node.items !== undefined) return { kind: "list", item: toKey(node.items) };
  if (node.type === "object") return { kind: "options" };
  const type = node.type === "boolean" || node.type === "integer" ? node.type : "text";
  return { kind: "value", type, secret: node.writeOnly === true };
}
