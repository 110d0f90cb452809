import { type Key, rootKey } from "./keys.ts";
import { twinOf } from "./mask.ts";
import type { Problems } from "./problems.ts";
import { fileProblem, readTextFile } from "./read-file.ts";
import { toList } from "./set-options.ts";
import { assign, get, type Path, type Section, type Tree } from "./tree.ts";

const largestBytes = 64 * 1024;

/** Puts the content of each `_file` twin in the place of its secret; one trailing newline is the editor's. */
export function readSecretFiles(root: Section, problems: Problems): void {
  for (const path of secretPaths(root, rootKey, [])) {
    const twin = twinOf(path);
    const file = twin === undefined ? undefined : get(root, twin);
    if (twin === undefined || typeof file !== "string" || file === "") continue;
    const direct = get(root, path);
    if (direct !== undefined && direct !== null && direct !== "") {
      problems.add(path, `is given twice, also as ${twin.join(".")}`);
      continue;
    }
    const secret = readSecretFile(file);
    if ("problem" in secret) problems.add(twin, secret.problem);
    else assign(root, { path, value: secret.text });
  }
}

/** The paths of the secrets that there could be, with the items that the lists have. */
function secretPaths(root: Section, key: Key, path: Path): Path[] {
  if (key.kind === "section") {
    return [...key.keys].flatMap(([name, child]) => secretPaths(root, child, [...path, name]));
  }
  if (key.kind === "list") {
    const items = itemsAt(root, key.item, path);
    return items.flatMap((_, index) => secretPaths(root, key.item, [...path, index]));
  }
  return key.kind === "value" && key.secret ? [path] : [];
}

/** A list's items; one that is a text still becomes a list first, if it has sections in it. */
function itemsAt(root: Section, item: Key, path: Path): readonly Tree[] {
  const tree = get(root, path);
  const list = typeof tree === "string" && item.kind === "section" ? toList(tree, item) : tree;
  if (!Array.isArray(list)) return [];
  if (list !== tree) assign(root, { path, value: list });
  return list;
}

/** The secret in a file, or what is wrong with that file, which says its path. */
export function readSecretFile(file: string): { text: string } | { problem: string } {
  try {
    const text = readTextFile(file, largestBytes).replace(/\r?\n$/, "");
    return text === "" ? { problem: `${file}: is empty` } : { text };
  } catch (error) {
    return { problem: fileProblem(file, error) };
  }
}

/** Why a file could not be read, in a few words and without its content. */
export function readError(error: unknown): string {
  if (error instanceof RangeError) return error.message;
  if (error instanceof TypeError) return "it is no UTF-8 text";
  const code = error instanceof Error && "code" in error ? String(error.code) : "";
  const known: Readonly<Record<string, string>> = {
    ENOENT: "there is no such file",
    ENOTDIR: "there is no such file",
    EACCES: "permission denied",
    EISDIR: "it is a directory",
  };
  return known[code] ?? (code === "" ? String(error) : code);
}
