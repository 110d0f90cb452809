/**
 * An output that was rolled back, to a snapshot say, with its `.streamsend`: the ledger knows of files as delivered to this store that are
 * not in it any more. Their receipts are taken back, as `redeliver` does, and repair fetches them again.
 */
import type { GroupLedger } from "../../ledger/group/group-ledger.ts";
import type { Disk } from "../../lib/disk.ts";
import type { Log } from "../../observe/log.ts";
import type { Observer } from "../../observe/observer.ts";
import { encodeEntryKey } from "../../wire/entry.ts";
import type { OutputPaths } from "../publish/output-path.ts";
import { hasItsName } from "../publish/rename.ts";
import type { Store } from "../store/store.ts";

export interface RollbackOptions {
  store: Store;
  ledger: GroupLedger;
  paths: OutputPaths;
  disk: Disk;
  log: Log;
  observer: Observer;
}

/** Before anything is published. Throws what the file system or Kafka throws. */
export async function noticeRollback(options: RollbackOptions): Promise<void> {
  const { store, ledger, log, observer } = options;
  const { number, id } = store;
  const unnamed = await unnamedThough(options);
  if (unnamed.size === 0 && !ledger.mayHavePublished(id, number)) return;
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

/** Receipts of what was about to get its name, stands in the ledger as delivered, and has not got it: a snapshot was taken in between. */
async function unnamedThough(options: RollbackOptions): Promise<Set<string>> {
  const { store, ledger, disk } = options;
  const found = new Set<string>();
  for (const publication of await store.publishing()) {
    const { uploader, path, version, named } = publication;
    if (named !== undefined || ledger.newestDelivered(publication) !== version) continue;
    if (!(await disk.look(store.partialPath(publication))) || (await hasItsName(options, publication)))
      continue;
    found.add(encodeEntryKey({ kind: "delivered", group: ledger.group, uploader, path, version }));
  }
  return found;
}
