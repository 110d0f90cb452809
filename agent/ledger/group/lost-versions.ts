/** Finding what was delivered by the marks, and is to be delivered again: with as much memory as a share of it takes. */
import { textBytes } from "../../lib/bounded-map.ts";
import { nameHash } from "../../lib/name-hash.ts";
import { chunkKey, type VersionId } from "../../wire/chunk.ts";
import { wasSentWhole } from "../../wire/entry-value.ts";
import { placesOf } from "../../wire/places.ts";
import type { EntryLog } from "../ledger.ts";
import { allPartitions, readWhole } from "../read-whole.ts";
import type { AllMarks } from "./all-marks.ts";
import type { GroupStart } from "./group-start.ts";
import type { NotedAt } from "./noted.ts";
import { isDelivered } from "./receipts.ts";

/** A version as this uploader has noted it; without having noted it: at no offset. */
export type NotedBy = NotedAt & { uploader: string };

/** About what is held at a time, bytes. */
const maxLostBytes = 16 << 20;
/** Versions that are handed out at a time. */
const atATime = 500;

/** One of several shares, by a hash of the files. */
interface Share {
  of: number;
  at: number;
}

export interface FindLostOptions {
  log: EntryLog;
  marks: Pick<AllMarks, "all" | "get">;
  /** Of what was sent before that marks say nothing. */
  start: Pick<GroupStart, "markCovers">;
  isLost(noted: NotedBy): boolean;
}

/** See `GroupLedger.findLost`. */
export async function* findLost(options: FindLostOptions): AsyncGenerator<VersionId[]> {
  const all = await findShare(options, { of: 1, at: 0 });
  const of = Math.ceil(all.bytes / maxLostBytes);
  if (of <= 1) yield* some(all.found);
  // More than is held at a time: the ledger is read once for each share of them.
  for (let at = 0; of > 1 && at < of; at++) yield* some((await findShare(options, { of, at })).found);
}

/** If the share is all, and that is more than `maxLostBytes`, nothing is found. */
async function findShare(
  { log, marks, start, isLost }: FindLostOptions,
  share: Share,
): Promise<{ found: VersionId[]; bytes: number }> {
  const found = new Map<string, VersionId>();
  let bytes = 0;
  const look = (noted: NotedBy, isSettled: boolean) => {
    const { uploader, path, version } = noted;
    const key = chunkKey(noted);
    if ((found.get(key)?.version ?? 0) > version) return;
    // The newest one counts.
    found.delete(key);
    if (!isSettled || !isLost(noted)) return;
    bytes += 300 + 2 * textBytes(key);
    const isOfShare = share.of > 1 ? nameHash(key)[0] % share.of === share.at : bytes <= maxLostBytes;
    if (isOfShare) found.set(key, { uploader, path, version });
  };
  for await (const entries of readWhole(log, allPartitions(log)))
    for (const { entry, offset } of entries) {
      if (entry.kind !== "files") continue;
      const { uploader } = entry;
      for (const file of entry.files) {
        if (!wasSentWhole(file)) continue;
        const noted = { ...file, uploader, at: file.at ?? offset, places: placesOf(file) };
        look(noted, isDelivered(noted, marks.get(uploader), start));
      }
    }
  for (const [uploader, mark] of marks.all())
    for (const { file, notedAt } of mark.early)
      if (notedAt === undefined) look({ ...file, uploader, partition: mark.partition, at: 0 }, true);
  const isTooMuch = share.of === 1 && bytes > maxLostBytes;
  return { found: isTooMuch ? [] : [...found.values()], bytes };
}

function* some(ids: readonly VersionId[]): Generator<VersionId[]> {
  for (let at = 0; at < ids.length; at += atATime) yield ids.slice(at, at + atATime);
}
