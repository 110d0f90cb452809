/**
 * Taking a source away once it was sent: deleted, or moved out of its watch into the same folders below `move_to`, never
 * over what is there. It is compared and taken away in one call (`lib/files-below.ts`, `scripts/native/take_below.cc`), and not while somebody has it open
 * for writing. What was moved is looked at once more, and put back if it has become something else in between.
 */
import { AgentError } from "../../lib/errors.ts";
import type { Outcome, Place } from "../../lib/files-below.ts";
import type { FileValue } from "../../wire/entry-value.ts";
import { pathToBytes, pathToText, versionedPath } from "../../wire/path.ts";
import type { WatchedFile } from "../access/watch.ts";
import type { WatchFiles } from "../access/watch-files.ts";

/**
 * gone: it was taken away; where to, as text, if it was moved, and the place to look at again where it could not be told
 * whether somebody had it open for writing. other: another version stands there, or nothing. open:
 * somebody has it open for writing. putBack: what was moved had just changed or been replaced, and is back. misplaced: it
 * could not be put back, and is where it was moved to.
 */
export type Taken =
  | { state: "gone"; target: string | undefined; lookAgainAt?: Place }
  | { state: "other" }
  | { state: "open" }
  | { state: "putBack" }
  | { state: "misplaced"; target: string };

/** Deletes the file if it is what the entry says. Throws what the file system throws. */
export async function deleteSource(files: WatchFiles, file: WatchedFile, entry: FileValue): Promise<Taken> {
  return takenBy(await files.delete(file, entry), undefined);
}

/**
 * Moves the file if it is what the entry says. What is on the way has to be a folder, not a link to one; `move_to` itself
 * may be one. Throws what the file system throws, and an `AgentError` where no name is free.
 *
 * @param moveTo made if it is missing
 */
export async function moveSource(
  files: WatchFiles,
  file: WatchedFile,
  entry: FileValue,
  moveTo: string,
): Promise<Taken> {
  for (const path of [file.path, versionedPath(file.path, entry.version)]) {
    const to = { root: Buffer.from(moveTo), relative: pathToBytes(path) };
    let { outcome, isCertain } = await files.move(file, entry, to);
    if (outcome === "noFolder") {
      await makeFolders(files, file, to, path);
      ({ outcome, isCertain } = await files.move(file, entry, to));
    }
    if (outcome === "taken") continue;
    const taken = takenBy(outcome, below(moveTo, path));
    return taken.state === "gone" && !isCertain ? { ...taken, lookAgainAt: to } : taken;
  }
  throw new AgentError(
    `${below(moveTo, file.path)} is there already, and so is this version of it`,
    "retryable",
  );
}

function takenBy(outcome: Outcome, target: string | undefined): Taken {
  if (outcome === "done") return { state: "gone", target };
  if (outcome === "open" || outcome === "putBack") return { state: outcome };
  if (outcome === "misplaced") return { state: "misplaced", target: target ?? "" };
  if (outcome === "noFolder")
    throw new AgentError(`${target}: its folder was taken away as it was made`, "retryable");
  return { state: "other" };
}

async function makeFolders(files: WatchFiles, file: WatchedFile, to: Place, path: string): Promise<void> {
  const depth = await files.makeFolders(file, to);
  if (depth === 0) return;
  const folder = path.split("/").slice(0, depth).join("/");
  throw new AgentError(`${below(to.root.toString(), folder)} is in the way: no folder`, "retryable");
}

/** As text. */
function below(moveTo: string, path: string): string {
  return `${pathToText(Buffer.from(moveTo))}/${path}`;
}
