/**
 * Taking a source away once it was sent: deleted, or moved out of its watch into the same folders below `move_to`, never
 * over what is there. It is looked at immediately before. No call of the file system does both at once, so another program
 * can still replace it in between: a file that was moved is looked at once more and put back if it is another one; for
 * what is deleted there is nothing to look at.
 */
import { lstat, realpath } from "node:fs/promises";
import type { Disk, FilePath } from "../lib/disk.ts";
import { AgentError, codeOf } from "../lib/errors.ts";
import type { FileValue } from "../wire/entry.ts";
import { pathToBytes, pathToText, versionedPath } from "../wire/path.ts";
import { type Fingerprint, fingerprintOf, sameFingerprint, sameSizeAndTime } from "./fingerprint.ts";
import { lookBelowNow } from "./scan.ts";
import type { WatchedFile } from "./watched-file.ts";

type TakingDisk = Pick<Disk, "look" | "link" | "rename" | "remove" | "makeFolder">;

/**
 * gone: it was taken away; where to, as text, if it was moved. other: another version stands there, or nothing. putBack:
 * what was moved had just taken its place, and is back. misplaced: it could not be put back, and is where it was moved to.
 */
export type Taken =
  | { state: "gone"; target: string | undefined }
  | { state: "other" }
  | { state: "putBack" }
  | { state: "misplaced"; target: string };

const folderMode = 0o755;
const slash = Buffer.from("/");

/** Deletes the file if it is what the entry says. Throws what the file system throws. */
export async function deleteSource(disk: TakingDisk, file: WatchedFile, entry: FileValue): Promise<Taken> {
  if (!(await isStill(file, entry))) return { state: "other" };
  await disk.remove(file.watch.native(file.relative));
  return { state: "gone", target: undefined };
}

/**
 * Moves the file if it is what the entry says. What is on the way has to be a folder, not a link to one; `move_to` itself
 * may be one. Throws what the file system throws, and an `AgentError` where no name is free.
 *
 * @param moveTo made if it is missing
 */
export async function moveSource(
  disk: TakingDisk,
  file: WatchedFile,
  entry: FileValue,
  moveTo: string,
): Promise<Taken> {
  const source = file.watch.native(file.relative);
  const target = await freeTarget(disk, file.path, entry.version, moveTo);
  if (!(await isStill(file, entry))) return { state: "other" };
  await disk.rename(source, target);
  const moved = await lookAt(target);
  // Whoever takes files from there may have been as fast.
  if (!moved || (moved.inode === entry.inode && sameSizeAndTime(entry, moved)))
    return { state: "gone", target: pathToText(target) };
  if (await putBack(disk, target, source)) return { state: "putBack" };
  return { state: "misplaced", target: pathToText(target) };
}

async function isStill({ watch, relative }: WatchedFile, entry: FileValue): Promise<boolean> {
  const stats = await lookBelowNow(watch, relative);
  return stats?.isFile() === true && sameFingerprint(entry, fingerprintOf(stats));
}

async function lookAt(path: FilePath): Promise<Fingerprint | undefined> {
  try {
    return fingerprintOf(await lstat(path, { bigint: true }));
  } catch (error) {
    if (codeOf(error) === "ENOENT") return undefined;
    throw error;
  }
}

async function freeTarget(disk: TakingDisk, path: string, version: number, moveTo: string): Promise<Buffer> {
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
    if (!(await disk.look(target))) return target;
  }
  throw new AgentError(
    `${pathToText(below(path))} is there already, and so is this version of it`,
    "retryable",
  );
}

/** Returns whether its name was free. */
async function putBack(disk: TakingDisk, target: FilePath, source: FilePath): Promise<boolean> {
  try {
    // Unlike a rename it never replaces what has come there meanwhile.
    await disk.link(target, source);
  } catch {
    if (await disk.look(source)) return false;
    // A file system without second names.
    await disk.rename(target, source);
    return true;
  }
  await disk.remove(target);
  return true;
}

async function makeFolder(disk: TakingDisk, folder: FilePath): Promise<void> {
  try {
    await disk.makeFolder(folder, folderMode);
  } catch (error) {
    // Another file of the same folder was a moment earlier.
    if (codeOf(error) !== "EEXIST") throw error;
  }
}
