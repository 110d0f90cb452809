/** Giving verified versions their names below the output, many with one sync of the folders they went to. */
import { lstat, rename } from "node:fs/promises";
import type { DurableFiles } from "../lib/durable-files.ts";
import { codeOf } from "../lib/errors.ts";
import { type OutputPaths, unstorable } from "./output-path.ts";
import type { Publication, Store } from "./store.ts";

/** What became of a version: it has its name, it can't have it, or its bytes are gone. */
export type Named =
  | { publication: Publication; state: "named" }
  | { publication: Publication; state: "unstorable"; reason: string }
  | { publication: Publication; state: "missing" };

export interface PublishOptions {
  store: Store;
  paths: OutputPaths;
  durable: DurableFiles;
}

/**
 * Renames each partial to its name and makes that durable. Throws what the file system throws.
 *
 * @param interrupted a crash may have come between: what stands there already may be the version itself
 */
export async function nameAll(
  options: PublishOptions,
  publications: readonly Publication[],
  interrupted = false,
): Promise<Named[]> {
  const { paths, durable } = options;
  // Folders may have been replaced by links since the last time.
  paths.forget();
  const changed = new Set<string>();
  const results: Named[] = [];
  for (const publication of publications) {
    const named = await nameOne(options, publication, changed);
    const done = named.state === "missing" && interrupted && (await hasItsName(options, publication));
    results.push(done ? { publication, state: "named" } : named);
  }
  if (changed.size > 0) await durable.sync([...changed].map((folder) => paths.native(folder)));
  return results;
}

async function nameOne(
  options: PublishOptions,
  publication: Publication,
  changed: Set<string>,
): Promise<Named> {
  const { store, paths } = options;
  try {
    for (const folder of await paths.makeFolders(publication.target)) changed.add(folder);
    await rename(store.partialPath(publication), paths.native(publication.target));
    changed.add(publication.target.split("/").slice(0, -1).join("/"));
    return { publication, state: "named" };
  } catch (error) {
    const problem = unstorable(error);
    if (problem) return { publication, state: "unstorable", reason: problem.message };
    if (codeOf(error) !== "ENOENT") throw error;
    return { publication, state: "missing" };
  }
}

/** Whether it was renamed before a crash: then a file of its size stands there, and its partial does not. */
async function hasItsName({ paths }: PublishOptions, publication: Publication): Promise<boolean> {
  try {
    const found = await lstat(paths.native(publication.target));
    return found.isFile() && found.size === publication.size;
  } catch (error) {
    if (codeOf(error) === "ENOENT") return false;
    throw error;
  }
}
