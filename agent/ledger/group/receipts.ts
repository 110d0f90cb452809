/** What a group has, or could not store, by its marks and receipts as they stand in the ledger: for asking for files again. */

import { VersionIndex } from "../../lib/version-index.ts";
import { chunkKey, type VersionId } from "../../wire/chunk.ts";
import { keyOf } from "../../wire/entry.ts";
import { wasSentWhole } from "../../wire/entry-value.ts";
import { placesOf } from "../../wire/places.ts";
import type { EntryLog } from "../ledger.ts";
import { allPartitions, readWhole } from "../read-whole.ts";
import { AllMarks } from "./all-marks.ts";
import { GroupStart, type SentPlace } from "./group-start.ts";
import type { NotedAt } from "./noted.ts";
import type { UploaderMarks } from "./uploader-marks.ts";

export interface Receipt {
  kind: "delivered" | "failed";
  id: VersionId;
  /** When it failed; or when its uploader has noted it as sent: by the brokers' clock, milliseconds since 1970. */
  timeMs: number;
}

/** Reads the whole ledger, twice. Returns what is wanted, of each file's newest version. Throws a `KafkaError`. */
export async function findReceipts(
  ledger: EntryLog,
  group: string,
  isWanted: (receipt: Receipt) => boolean,
): Promise<Receipt[]> {
  const { marks, failed, start } = await readReceipts(ledger, group);
  const newest = new VersionIndex();
  const wanted = new Map<string, Receipt>();
  const look = (receipt: Receipt | undefined, { uploader, path, version }: VersionId) => {
    const file = chunkKey({ uploader, path });
    if ((newest.get(file) ?? 0) > version) return;
    newest.set(file, version);
    if (receipt && isWanted(receipt)) wanted.set(file, receipt);
    else wanted.delete(file);
  };
  for (const [uploader, { early }] of marks.all())
    for (const { file } of early) {
      const id = { uploader, path: file.path, version: file.version };
      look({ kind: "delivered", id, timeMs: file.version / 1000 }, id);
    }
  for await (const entries of readWhole(ledger, allPartitions(ledger)))
    for (const { entry, offset, timestampMs } of entries) {
      if (entry.kind !== "files") continue;
      const { uploader } = entry;
      for (const file of entry.files) {
        const id = { uploader, path: file.path, version: file.version };
        const known = wasSentWhole(file)
          ? { ...file, at: file.at ?? offset, places: placesOf(file) }
          : undefined;
        const hasReceipt = failed.has(nameOf(id));
        const isSettled = known !== undefined && isDelivered(known, marks.get(uploader), start, hasReceipt);
        const timeMs = isSettled ? timestampMs : failed.get(nameOf(id));
        const kind = isSettled ? "delivered" : "failed";
        look(timeMs === undefined ? undefined : { kind, id, timeMs }, id);
      }
    }
  return [...wanted.values()];
}

/**
 * Whether marks say so of a version: by its number only if it was sent after the group began.
 *
 * @param hasReceipt whether a receipt stands that it has failed, as far as is known
 */
export function isDelivered(
  noted: NotedAt & SentPlace,
  marks: Pick<UploaderMarks, "isNamed" | "settles"> | undefined,
  start: Pick<GroupStart, "markCovers">,
  hasReceipt = false,
): boolean {
  if (marks?.settles(noted, hasReceipt) !== true) return false;
  return start.markCovers(noted) || marks.isNamed(noted, noted.partition);
}

/** The group's marks, when what failed did, and where it began. */
async function readReceipts(
  ledger: EntryLog,
  group: string,
): Promise<{ marks: AllMarks; failed: ReadonlyMap<string, number>; start: GroupStart }> {
  const marks = new AllMarks();
  const start = new GroupStart();
  const failed = new Map<string, number>();
  for await (const entries of readWhole(ledger, allPartitions(ledger), "files"))
    for (const { entry, offset, timestampMs } of entries) {
      const key = keyOf(entry);
      if (!("group" in key) || key.group !== group) continue;
      if (key.kind === "start") start.note(entry.kind === "start" ? entry : undefined, timestampMs);
      else if (entry.kind === "done")
        marks.change(entry.uploader, ({ records }) =>
          records.read(entry.partition, entry, offset, false, () => false),
        );
      else if (entry.kind === "failed") failed.set(nameOf(entry), timestampMs);
      else if (key.kind === "failed") failed.delete(nameOf(key));
    }
  return { marks, failed, start };
}

function nameOf(id: VersionId): string {
  return `${id.version} ${chunkKey(id)}`;
}
