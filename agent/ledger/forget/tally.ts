/**
 * What stands in a ledger about some files, counted for groups: which of them a group has not got. In bounded memory, whatever is
 * in the ledger; some are named.
 */
import { chunkKey, type FileId } from "../../wire/chunk.ts";
import { keyOf } from "../../wire/entry.ts";
import { isOfGroups, isReceipt } from "../../wire/entry-key.ts";
import { GroupStart } from "../group/group-start.ts";
import { sentVersion } from "../group/outstanding.ts";
import { notAnswered } from "../group/silence.ts";
import { VersionIndex } from "../group/version-index.ts";
import type { EntryLog, LoggedEntry } from "../ledger.ts";
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
    const settled = await readReceipts(standing, groups, tally);
    for await (const entries of standing.entries((key) => !isOfGroups(key)))
      for (const logged of entries) countEntry(logged, groups, settled, tally);
  }
  return tally;
}

/** Returns the newest version of each file that each group has, or can't store: by group and file. */
async function readReceipts(
  standing: Standing,
  groups: ReadonlyMap<string, GroupTally>,
  tally: Tally,
): Promise<VersionIndex> {
  const settled = new VersionIndex();
  for await (const entries of standing.entries(isOfGroups)) {
    for (const { entry } of entries) {
      tally.entries++;
      const key = keyOf(entry);
      if (!isReceipt(key)) continue;
      const group = groups.get(key.group);
      if (!group) continue;
      group.receipts++;
      if (key.kind === "needs") group.asked.add(key);
      // It has failed only for as long as its uploader is silent: one that is to be forgotten may owe all of it.
      else if (entry.kind === "failed" && entry.reason.startsWith(notAnswered)) continue;
      else settled.set(settledName(key.group, key), key.version);
    }
  }
  return settled;
}

function countEntry(
  { entry }: LoggedEntry,
  groups: ReadonlyMap<string, GroupTally>,
  settled: VersionIndex,
  tally: Tally,
): void {
  tally.entries++;
  if (entry.kind !== "file") return;
  const { state, version } = entry;
  if (state === "sending" || state === "sent" || state === "gone") tally[state].add(entry);
  const sent = sentVersion({ uploader: entry.uploader, path: entry.path, version }, entry);
  if (!sent) return;
  for (const [name, { start, missing }] of groups)
    if (start.covers(sent) && (settled.get(settledName(name, entry)) ?? 0) < version) missing.add(entry);
}

function settledName(group: string, file: FileId): string {
  return `${chunkKey(file)}\0${group}`;
}
