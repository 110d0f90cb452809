/**
 * Files of a batch with which nothing is to be done: a mark says that they are settled, and nothing else is known of them. Nearly all are that a
 * start reads. They cost a look at their numbers, where going through all that may be known of a file makes a dozen objects of it.
 */
import { mapKey } from "../../wire/chunk.ts";
import { type NotedFile, wasSentWhole } from "../../wire/entry-value.ts";
import type { Outstanding } from "./outstanding.ts";
import type { UploaderMarks } from "./uploader-marks.ts";

export interface KnownOfUploader {
  uploader: string;
  marks: UploaderMarks;
  outstanding: Pick<Outstanding, "newestOf">;
}

/** Whether the file, said at this ledger offset, is one. Only where no version of the uploader has failed, and none is wanted again. */
export function isSurelySettled(file: NotedFile, saidAt: number, known: KnownOfUploader): boolean {
  if (!wasSentWhole(file)) return false;
  const { uploader, outstanding } = known;
  const { due, marks } = known.marks;
  const { version, path, partition, at = saidAt } = file;
  if (marks.get(partition)?.says(version, at) !== true) return false;
  // What one has as delivered and not noted is noted now; and one that says otherwise may be wrong by then.
  for (const mark of marks.active) if (mark.early.size > 0 || mark.excepts(version)) return false;
  const id = { uploader, path };
  return outstanding.newestOf(id) === undefined && (due.isEmpty || !due.knows(mapKey(id)));
}
