/** `on_change: keep-both`: what stands where a newer version is about to stand gets a second name. */
import type { Found } from "../../lib/disk.ts";
import { codeOf } from "../../lib/errors.ts";
import { pathToBytes, versionedPath } from "../../wire/path.ts";
import type { Output } from "../parts.ts";
import type { Publication } from "../store/notes.ts";
import { UnstorableError } from "./output-path.ts";

/** What file systems without second names say. */
const noLinks = ["EPERM", "ENOTSUP", "EOPNOTSUPP", "ENOSYS", "EMLINK"];

/**
 * Gives what stands at the target its second name, so that there is no moment without the file. Throws what the file
 * system throws.
 *
 * @param keeps see `Publication`
 */
export async function keepPrevious(output: Output, publication: Publication, keeps: number): Promise<void> {
  const { store, paths, disk } = output;
  const { target, version } = publication;
  const older = await disk.look(paths.native(target));
  if (older?.kind !== "file") return;
  const isAgain = keeps === version;
  const itself = isAgain ? await disk.look(store.partialPath(publication)) : undefined;
  if (itself && itself.size === older.size && itself.changedMs === older.changedMs) return;
  // Nobody knows which version it is, if another member had stored the one that is delivered again. Whatever has the name
  // already stays; the numbers that follow are no versions either.
  for (let number = isAgain ? 0 : keeps; ; number++)
    if (await keepUnder(output, target, older, number)) return;
}

/** The name is as long as names may be anywhere. Where the output allows none of that length, it is as long as the file's own. */
async function keepUnder(output: Output, target: string, older: Found, number: number): Promise<boolean> {
  const [long, short] = [versionedPath(target, number), versionedPath(target, number, nameBytes(target))];
  for (const second of new Set([long, short])) {
    try {
      return await keepAs(output, target, older, second);
    } catch (error) {
      if (codeOf(error) !== "ENAMETOOLONG") throw error;
    }
  }
  throw new UnstorableError("the older version can't be kept beside it: its second name would be too long");
}

function nameBytes(path: string): number {
  return pathToBytes(path.slice(path.lastIndexOf("/") + 1)).length;
}

/** Returns whether that is settled: not when something else has the name. */
async function keepAs(
  { paths, disk }: Output,
  target: string,
  older: Found,
  second: string,
): Promise<boolean> {
  const [from, name] = [paths.native(target), paths.native(second)];
  const there = await disk.look(name);
  // Kept already, before a crash.
  if (there) return there.device === older.device && there.inode === older.inode;
  try {
    await disk.link(from, name).catch((error: unknown) => {
      if (!noLinks.includes(codeOf(error) ?? "")) throw error;
      return disk.rename(from, name);
    });
    return true;
  } catch (error) {
    // The name was free, or the file there, a moment ago.
    if (codeOf(error) === "EEXIST") return false;
    if (codeOf(error) === "ENOENT" && !(await disk.look(from))) return true;
    throw error;
  }
}
