/** What an uploader knows of its files when the ledger is another one: what of it is written there, and what is forgotten. */
import { forEachConcurrent } from "../../lib/for-each-concurrent.ts";
import type { Log } from "../../observe/log.ts";
import type { FileValue } from "../../wire/entry-value.ts";
import { pathToDisplay } from "../../wire/path.ts";
import type { Feedback } from "./feedback.ts";

/** Entries that are written side by side. */
const writtenAtATime = 256;

export interface KnownFiles {
  /** Of the topic of the chunks as it is now. */
  readonly chunksId: string;
  paths(): Iterable<string>;
  file(path: string): FileValue | undefined;
  readonly feedback: Pick<Feedback, "deliveredUnnoted" | "receipts">;
  write(path: string, value: FileValue): Promise<void>;
  forget(path: string): void;
  readonly log: Log;
}

/**
 * Writes what is still so. What nobody is known to have, and was sent to a log that was deleted, is forgotten: the next look finds
 * its file. So is what a group has a newer version of, which was not noted: nobody is to get the older one back. See `Ledger.write`.
 */
export async function writeAgain(known: KnownFiles): Promise<void> {
  const { chunksId, feedback, log } = known;
  const paths = [...known.paths()];
  let forgotten = 0;
  await forEachConcurrent(paths, writtenAtATime, async (path) => {
    const entry = known.file(path);
    if (!entry) return;
    const isOld = (feedback.deliveredUnnoted(path)?.version ?? 0) > entry.version;
    const isThere = entry.topic === chunksId || feedback.receipts.isDeliveredToAll(path);
    const isOver = entry.state === "gone" || entry.state === "abandoned";
    if (entry.state === "gone" && !isThere && !isOld && entry.checksum !== undefined)
      logLost(log, path, entry.version, "its file is gone, and so is the log that it was sent to");
    if ((isThere || isOver) && !isOld) return known.write(path, { ...entry, answered: undefined });
    forgotten++;
    known.forget(path);
  });
  log.info(
    `the ledger is written anew: ${paths.length - forgotten} entries, ${forgotten} files are sent again`,
  );
}

/** A version is forgotten of which nobody can tell whether everybody has it. */
export function logLost(log: Log, path: string, version: number, why: string): void {
  const message = `version ${version} is forgotten: ${why}, and not everybody has said to have it`;
  log.error(`${pathToDisplay(path)}: ${message}`, { path, version });
}
