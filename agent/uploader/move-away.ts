/** Moving a source out of its watch: into the same folders below `move_to`, never over what is there. */
import { realpath } from "node:fs/promises";
import type { Disk, FilePath } from "../lib/disk.ts";
import { AgentError, codeOf } from "../lib/errors.ts";
import { pathToBytes, pathToText, versionedPath } from "../wire/path.ts";
import type { WatchedFile } from "./watched-file.ts";

const folderMode = 0o755;
const slash = Buffer.from("/");

/**
 * Returns where it is now, as text. What is on the way has to be a folder, not a link to one; `move_to` itself may be one.
 * Throws what the file system throws, and an `AgentError` where no name is free.
 *
 * @param moveTo made if it is missing
 */
export async function moveAway(
  disk: Pick<Disk, "look" | "rename" | "makeFolder">,
  { watch, relative, path }: WatchedFile,
  moveTo: string,
  version: number,
): Promise<string> {
  if (!(await disk.look(moveTo))) await makeFolder(disk, moveTo);
  const root = Buffer.from(await realpath(moveTo));
  const below = (text: string) => Buffer.concat([root, slash, pathToBytes(text)]);
  const segments = path.split("/");
  for (let depth = 1; depth < segments.length; depth++) {
    const folder = below(segments.slice(0, depth).join("/"));
    const found = await disk.look(folder);
    if (!found) await makeFolder(disk, folder);
    else if (found.kind !== "folder")
      throw new AgentError(`${pathToText(folder)} is in the way: no folder`, "retryable");
  }
  for (const name of [path, versionedPath(path, version)]) {
    const target = below(name);
    if (await disk.look(target)) continue;
    await disk.rename(watch.native(relative), target);
    return pathToText(target);
  }
  throw new AgentError(
    `${pathToText(below(path))} is there already, and so is this version of it`,
    "retryable",
  );
}

async function makeFolder(disk: Pick<Disk, "makeFolder">, folder: FilePath): Promise<void> {
  try {
    await disk.makeFolder(folder, folderMode);
  } catch (error) {
    // Another file of the same folder was a moment earlier.
    if (codeOf(error) !== "EEXIST") throw error;
  }
}
