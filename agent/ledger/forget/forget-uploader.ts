/**
 * Taking an uploader out of the ledger. Its name is claimed for that, as by an agent that comes: one that works under it answers,
 * and nothing is done then; one that comes meanwhile is told to stop.
 *
 * What stays is the name's entry, given back: that its numbers never go back is known from `highest` alone once the entries of the
 * files are gone. Two minutes ahead of the brokers' time would not do, as leased numbers may be further ahead, and as the
 * brokers' clock can be set back. And an agent that was cut off, or frozen, all the while learns from it that it has lost the name.
 *
 * First goes its newest batch, which says that no older version is to come any more: those that go before it would count as dead to
 * who reads between, or later if this is interrupted, and their chunks be passed over. Then go the other entries of its files: a group
 * that works reads from those that nothing is missing any more, and only behind them the tombstones of its receipts, which else would
 * ask for the files again. A crash leaves the name held, by a process that has ended, and some entries; doing it once more takes those.
 *
 * Not promised: that nothing is written about its files later. A group that still reads its chunks stores them, and says so.
 */
import type { Log } from "../../observe/log.ts";
import { type Entry, keyOf } from "../../wire/entry.ts";
import { isAboutUploader, isOfGroups } from "../../wire/entry-key.ts";
import { Announced } from "../group/announced.ts";
import { slotName } from "../group/due-versions.ts";
import { Holds } from "../group/holds.ts";
import type { LoggedEntry, UploaderLog } from "../ledger.ts";
import { CredibleVersions } from "../uploader/credible-versions.ts";
import { NameClaim } from "../uploader/name-claim.ts";
import { OwnPartition } from "../uploader/own-partition.ts";
import { takeOut } from "./take-out.ts";

/**
 * Returns how many entries were taken out. Throws a `NameTakenError` when an agent works under the name, a `RecreatedError` when
 * the ledger becomes another one, and see `Ledger.write`.
 */
export async function forgetUploader(ledger: UploaderLog, uploader: string, log: Log): Promise<number> {
  const credible = new CredibleVersions(log);
  const partition = new OwnPartition(ledger, uploader, (logged) => apply(logged));
  const name = new NameClaim(uploader, partition, log);
  const holds = new Holds();
  const announced = new Announced();
  const apply = ({ entry, offset, timestampMs }: LoggedEntry) => {
    credible.noteTime(timestampMs);
    const key = keyOf(entry);
    if (!isAboutUploader(key, uploader)) return;
    if (entry.kind === "name") holds.note(entry, offset);
    if (entry.kind === "files" && !holds.isVoid(entry, offset))
      announced.heard(entry, offset, slotName(entry));
    if (key.kind === "name" || key.kind === "claim") name.apply(credible.ofName(entry), offset);
    else
      for (const version of versionsIn(entry))
        if (credible.has(version, key.kind)) name.versions.note(version);
  };
  try {
    await partition.open();
    await partition.readWhole();
    await name.claim();
    let count = 0;
    await name.keepDuring(
      takeOut(
        {
          log: ledger,
          partitions: [ledger.partitionOf({ kind: "name", uploader })],
          write: (entry) => partition.write(entry),
          mayGoOn: () => name.confirm(),
        },
        [
          (key) => key.kind === "files" && key.uploader === uploader && slotName(key) === announced.heardIn,
          (key) => isAboutUploader(key, uploader) && !isOfGroups(key) && key.kind !== "name",
          (key) => isAboutUploader(key, uploader) && isOfGroups(key),
        ],
      ).then((taken) => {
        count = taken;
      }),
    );
    await name.release();
    return count;
  } finally {
    await partition.close();
  }
}

/** The numbers of an uploader's versions that an entry names. */
function versionsIn(entry: Entry): number[] {
  if (entry.kind === "files") return entry.files.map(({ version }) => version);
  if (entry.kind === "done") return [entry.to, ...entry.early.map(({ version }) => version)];
  return "version" in entry ? [entry.version] : [];
}
