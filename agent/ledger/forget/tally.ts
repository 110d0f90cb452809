/**
 * What stands in a ledger about some files, counted for groups: which of them a group has not got. In bounded memory, whatever is
 * in the ledger; some are named.
 */

import { VersionIndex } from "../../lib/version-index.ts";
import { chunkKey, type FileId } from "../../wire/chunk.ts";
import { fileValueOf, keyOf } from "../../wire/entry.ts";
import { isOfGroups, isReceipt } from "../../wire/entry-key.ts";
import { type NotedFile, wasSentWhole } from "../../wire/entry-value.ts";
import { placesOf } from "../../wire/places.ts";
import { GroupStart } from "../group/group-start.ts";
import { notAnswered } from "../group/silence.ts";
import type { EntryLog } from "../ledger.ts";
import { GroupMark, GroupMarks } from "../uploader/group-marks.ts";
import { type IsWanted, type Standing, standingIn } from "./standing-entries.ts";

const mostNamed = 3;

/** Files: all are counted, and some named. */
export class Counted {
  count = 0;
  readonly some: FileId[] = [];

  add({ uploader, path }: FileId): void {
    this.count++;
    if (this.some.length < mostNamed) this.some.push({ uploader, path });
  }
}

/** What a group says of the files, and what it has not got of them. */
export class GroupTally {
  readonly start = new GroupStart();
  /** Sent, and neither stored nor failed; what failed only as its uploader is silent is missing. */
  readonly missing = new Counted();
  /** Asked for, and not answered. */
  readonly asked = new Counted();
  /** Entries of it. */
  receipts = 0;

  /** Whether there is such a group. */
  get isThere(): boolean {
    return this.start.value !== undefined || this.receipts > 0;
  }
}

export interface Tally {
  /** Sent, and still at its uploader as far as that has said. */
  sent: Counted;
  sending: Counted;
  /** No longer at its uploader. */
  gone: Counted;
  /** Every entry, but that of the name. */
  entries: number;
}

/**
 * Counts what stands under the wanted keys. Throws a `KafkaError`.
 *
 * @param groups those that there may be, with where they began; what is found is counted in them
 */
export async function tallyOf(
  log: EntryLog,
  partitions: readonly number[],
  isWanted: IsWanted,
  groups: ReadonlyMap<string, GroupTally>,
): Promise<Tally> {
  const tally = { sent: new Counted(), sending: new Counted(), gone: new Counted(), entries: 0 };
  for await (const standing of standingIn(log, partitions, isWanted)) {
    const said = await readReceipts(standing, groups, tally);
    // Of a path the last word counts.
    const lastWords = new VersionIndex();
    for await (const { uploader, file, offset } of filesIn(standing))
      lastWords.set(chunkKey({ uploader, path: file.path }), offset + 1);
    for await (const { uploader, file, offset } of filesIn(standing, tally))
      if (lastWords.get(chunkKey({ uploader, path: file.path })) === offset + 1)
        countFile(uploader, file, offset, { groups, said, tally });
  }
  return tally;
}

/** What uploaders say of their files. @param tally where their entries are counted */
async function* filesIn(
  standing: Standing,
  tally?: Tally,
): AsyncGenerator<{ uploader: string; file: NotedFile; offset: number }> {
  for await (const entries of standing.entries((key) => !isOfGroups(key))) {
    for (const { entry, offset } of entries) {
      if (tally) tally.entries++;
      if (entry.kind !== "files") continue;
      for (const file of entry.files) yield { uploader: entry.uploader, file, offset };
    }
  }
}

/** What groups say. */
interface Said {
  /** The newest version of each file that a group has early, or can't store: by group and file. */
  readonly settled: VersionIndex;
  /** By uploader. */
  readonly marks: Map<string, GroupMarks>;
}

async function readReceipts(
  standing: Standing,
  groups: ReadonlyMap<string, GroupTally>,
  tally: Tally,
): Promise<Said> {
  const settled = new VersionIndex();
  const marks = new Map<string, GroupMarks>();
  for await (const entries of standing.entries(isOfGroups)) {
    for (const { entry } of entries) {
      tally.entries++;
      const key = keyOf(entry);
      const group = isOfGroups(key) && key.kind !== "start" ? groups.get(key.group) : undefined;
      if (!group) continue;
      group.receipts++;
      if (entry.kind === "done") {
        marks.getOrInsertComputed(entry.uploader, () => new GroupMarks()).put(new GroupMark(entry));
        for (const { path, version } of entry.early)
          settled.set(settledName(entry.group, { uploader: entry.uploader, path }), version);
      } else if (!isReceipt(key)) continue;
      else if (key.kind === "needs") group.asked.add(key);
      // It has failed only for as long as its uploader is silent: one that is to be forgotten may owe all of it.
      else if (entry.kind === "failed" && !entry.reason.startsWith(notAnswered))
        settled.set(settledName(key.group, key), key.version);
    }
  }
  return { settled, marks };
}

function countFile(
  uploader: string,
  noted: NotedFile,
  offset: number,
  { groups, said, tally }: { groups: ReadonlyMap<string, GroupTally>; said: Said; tally: Tally },
): void {
  const file = fileValueOf(noted);
  const { state, version, at = offset } = file;
  const id = { uploader, path: noted.path };
  if (state === "sending" || state === "sent" || state === "gone") tally[state].add(id);
  if (!wasSentWhole(file)) return;
  const marks = said.marks.get(uploader);
  for (const [name, { start, missing }] of groups) {
    const mark = marks?.of(name, file.partition);
    const has =
      mark?.has({ partition: file.partition, version, at }) ||
      (said.settled.get(settledName(name, id)) ?? 0) >= version;
    if (!has && start.covers({ ...file, places: placesOf(file) })) missing.add(id);
  }
}

function settledName(group: string, file: FileId): string {
  return `${chunkKey(file)}\0${group}`;
}
