/** Giving verified versions their names below the output, many with one sync of the folders they went to. */
import { AgentError, codeOf } from "../../lib/errors.ts";
import { pathToBytes } from "../../wire/path.ts";
import type { Output } from "../parts.ts";
import type { Publication } from "../store/notes.ts";
import { keepPrevious } from "./keep-previous.ts";
import { invalidName, UnstorableError, unstorable } from "./output-path.ts";

/** What became of a version: it has its name, it can't have it, or its bytes are gone. */
export type Named =
  | { publication: Publication; state: "named" }
  | { publication: Publication; state: "unstorable"; reason: string }
  | { publication: Publication; state: "missing" };

/**
 * Renames each partial to its name and makes that durable. Throws what the file system throws.
 *
 * @param interrupted a crash may have come between: what stands there already may be the version itself
 */
export async function nameAll(
  output: Output,
  publications: readonly Publication[],
  interrupted = false,
): Promise<Named[]> {
  const { paths, disk } = output;
  // Folders may have been replaced by links since the last time.
  paths.recheck();
  const changed = new Set<string>();
  const results: Named[] = [];
  for (const publication of publications) {
    // Else a rename that fails tells: a look before it is one more turn of a thread for each small file.
    const mustLook = interrupted || publication.keeps !== undefined;
    const isGone = mustLook && (await isMissing(output, publication));
    const named: Named = isGone
      ? { publication, state: "missing" }
      : await nameOne(output, publication, changed);
    const done = named.state === "missing" && interrupted && (await hasItsName(output, publication));
    if (done) {
      for (const folder of await paths.makeFolders(publication.target)) changed.add(folder);
      changed.add(folderOf(publication.target));
    }
    results.push(done ? { publication, state: "named" } : named);
  }
  if (changed.size > 0) await disk.sync([...changed].map((folder) => paths.native(folder)));
  return results;
}

async function nameOne(output: Output, publication: Publication, changed: Set<string>): Promise<Named> {
  const { store, paths, disk } = output;
  const { target } = publication;
  const partial = store.partialPath(publication);
  try {
    if (store.foldsCase) await refuseOtherCase(output, target);
    for (const folder of await paths.makeFolders(target)) changed.add(folder);
    if (publication.keeps !== undefined) await keepPrevious(output, publication, publication.keeps);
    await disk.rename(partial, paths.native(target));
    changed.add(folderOf(target));
    return { publication, state: "named" };
  } catch (error) {
    if (codeOf(error) === "ENOENT" && (await isMissing(output, publication)))
      return { publication, state: "missing" };
    const problem = unstorable(error) ?? (await refusedName(output, publication, error));
    if (!problem) throw error;
    // What is wrong with the output as a whole is waited out; what is wrong with this name fails the version.
    if (!(await disk.mayChange(`${store.output}/.`)))
      throw new AgentError(`output ${store.output} can't be written to`, "retryable", error);
    return { publication, state: "unstorable", reason: problem.message };
  }
}

/**
 * exFAT's driver in user space says ENOENT when it can't hold a character of the name. It means that when the version's bytes
 * are there, and its folder is there or can't be made; else somebody has removed one of them.
 */
async function refusedName(
  output: Output,
  publication: Publication,
  error: unknown,
): Promise<UnstorableError | undefined> {
  if (codeOf(error) !== "ENOENT") return undefined;
  const { paths, disk } = output;
  paths.recheck();
  const wasThere = await disk.look(paths.native(folderOf(publication.target)));
  const refused = await paths.makeFolders(publication.target).then(
    () => wasThere !== undefined,
    (again: unknown) => codeOf(again) === "ENOENT",
  );
  return refused && !(await isMissing(output, publication)) ? invalidName(error) : undefined;
}

async function isMissing({ store, disk }: Output, publication: Publication): Promise<boolean> {
  return (await disk.look(store.partialPath(publication))) === undefined;
}

/** Where names that differ only in case are one, a rename would replace another path's file. */
async function refuseOtherCase({ paths, disk }: Output, target: string): Promise<void> {
  const segments = target.split("/");
  for (const [depth, segment] of segments.entries()) {
    const folder = segments.slice(0, depth).join("/");
    if (!(await disk.look(paths.native(segments.slice(0, depth + 1).join("/"))))) return;
    const names = await disk.list(paths.native(folder));
    if (!names.includes(pathToBytes(segment).toString("utf8")))
      throw new UnstorableError("the destination has a name that differs only in case");
  }
}

/** Whether it was renamed before a crash: then its file stands there, and its partial does not. */
export async function hasItsName(
  { paths, disk }: Pick<Output, "paths" | "disk">,
  publication: Publication,
): Promise<boolean> {
  const found = await disk.look(paths.native(publication.target));
  return found?.kind === "file" && found.size === publication.size && found.inode === publication.inode;
}

function folderOf(path: string): string {
  return path.split("/").slice(0, -1).join("/");
}
