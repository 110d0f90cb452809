/**
 * An output that was rolled back, to a snapshot say, with its `.streamsend`: the ledger knows of files as delivered to this store that are
 * not in it any more. Marks do not say which store has what, but how often each had published: where this one's number is higher
 * than its disk has, all that the mark settles and the disk's copy of it did not is to be had again, as `redeliver` does it. Some of
 * that another member has; rather twice than never.
 */
import type { GroupLedger } from "../../ledger/group/group-ledger.ts";
import type { NotedBy } from "../../ledger/group/lost-versions.ts";
import type { Reporting } from "../../observe/reporting.ts";
import type { VersionId } from "../../wire/chunk.ts";
import { settlesByNumber } from "../../wire/mark.ts";
import type { Output } from "../parts.ts";
import { hasItsName } from "../publish/rename.ts";
import { type MarkCopy, nameOf } from "../store/mark-copies.ts";

/**
 * Before anything is published. Throws what the file system or Kafka throws.
 *
 * @param keepsBoth whether an older file is kept beside the one that takes its name
 */
export async function noticeRollback(
  output: Output,
  ledger: GroupLedger,
  { log, observer }: Reporting,
  keepsBoth: boolean,
): Promise<void> {
  const { store } = output;
  const highest = ledger.state.versions.marks.publishedBy(store.id);
  let files = 0;
  const fetchAgain = async (ids: readonly VersionId[]) => {
    await ledger.writeAgain(ids);
    files += ids.length;
  };
  await fetchAgain(await unnamedThough(output, ledger, keepsBoth));
  if (highest > store.number) {
    const copies = await store.marks.read();
    const isLost = (noted: NotedBy) => {
      const by = ledger.state.versions.marks.get(noted.uploader)?.marks.get(noted.partition)?.by;
      return (by?.get(store.id) ?? 0) > store.number && !hadIt(copies.get(nameOf(noted)), noted);
    };
    for await (const ids of ledger.findLost(isLost)) await fetchAgain(ids);
  }
  for (let left = files; left > 0; left--) observer.metrics.recovery("rollback");
  if (files > 0)
    log.warn(
      `output ${store.output} was rolled back: ${files} files that were delivered to it since are fetched again`,
      { files },
    );
  if (highest > store.number) await store.raiseNumber(highest);
}

/** Whether the mark said so when the disk was as it is. */
function hadIt(mark: MarkCopy | undefined, { path, version, at }: NotedBy): boolean {
  if (!mark) return false;
  if (mark.also.includes(version)) return true;
  if (mark.early.some((file) => file.path === path && file.version >= version)) return true;
  return settlesByNumber({ ...mark, but: new Set(mark.but) }, version, at);
}

/**
 * Files that were about to get their names, and have none, though they are delivered: the snapshot is from in between. Not where their uploader has noted
 * a newer version since: that one may stand there, as files are newer than a list that a backup has copied before them.
 */
async function unnamedThough(output: Output, ledger: GroupLedger, keepsBoth: boolean): Promise<VersionId[]> {
  const { store, disk } = output;
  const found: VersionId[] = [];
  for (const publication of await store.notes.publishing()) {
    const { uploader, path, version, partition, named } = publication;
    const mark = ledger.state.versions.marks.get(uploader)?.marks.get(partition);
    const isOurs = (mark?.by.get(store.id) ?? 0) >= store.number;
    if (named !== undefined || !isOurs || !ledger.state.isDelivered(publication, partition)) continue;
    if (!(await disk.look(store.partialPath(publication))) || (await hasItsName(output, publication)))
      continue;
    found.push({ uploader, path, version });
  }
  if (keepsBoth) return found;
  const superseded = new Set(await ledger.findNewerNoted(found));
  return found.filter((id) => !superseded.has(id));
}
