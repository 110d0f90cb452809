/**
 * An output that was rolled back, to a snapshot say, with its `.streamsend`: the ledger knows of files as delivered to this store that are
 * not in it any more. Their receipts are taken back, as `redeliver` does, and repair fetches them again.
 */
import type { GroupLedger } from "../../ledger/group/group-ledger.ts";
import type { Reporting } from "../../observe/reporting.ts";
import { encodeEntryKey } from "../../wire/entry-key.ts";
import type { Output } from "../parts.ts";
import { hasItsName } from "../publish/rename.ts";

/** Before anything is published. Throws what the file system or Kafka throws. */
export async function noticeRollback(
  output: Output,
  ledger: GroupLedger,
  { log, observer }: Reporting,
): Promise<void> {
  const { store } = output;
  const { number, id } = store;
  const unnamed = await unnamedThough(output, ledger);
  if (unnamed.size === 0 && !ledger.state.mayHavePublished(id, number)) return;
  const isLost = (key: string, of: number) => of > number || (of === number && unnamed.has(key));
  const { count, highest } = await ledger.takeBackOf(id, isLost);
  for (let left = count; left > 0; left--) observer.metrics.recovery("rollback");
  if (count > 0)
    log.warn(
      `output ${store.output} was rolled back: ${count} files that were delivered to it since are fetched again`,
      { files: count },
    );
  if (highest > number) await store.raiseNumber(highest);
}

/** Receipts of files that were about to get their names, and have none, though they are delivered: the snapshot is from in between. */
async function unnamedThough(output: Output, ledger: GroupLedger): Promise<Set<string>> {
  const { store, disk } = output;
  const found = new Set<string>();
  for (const publication of await store.notes.publishing()) {
    const { uploader, path, version, named } = publication;
    if (named !== undefined || ledger.state.delivered.newest(publication) !== version) continue;
    if (!(await disk.look(store.partialPath(publication))) || (await hasItsName(output, publication)))
      continue;
    found.add(encodeEntryKey({ kind: "delivered", group: ledger.group, uploader, path, version }));
  }
  return found;
}
