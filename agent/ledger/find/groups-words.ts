/**
 * What groups say of the files that are looked for, by their marks and receipts as they stand in the ledger: entry by entry, once all is
 * read that uploaders say. Only what is said of a file's newest version is kept, and marks of uploaders only that have such files.
 */
import { chunkKey, type FileId } from "../../wire/chunk.ts";
import { type DoneEntry, type Entry, keyOf } from "../../wire/entry.ts";
import { type EntryKey, isReceipt, type ReceiptKey, type ReceiptKind } from "../../wire/entry-key.ts";
import { type EarlyFile, wasSentWhole } from "../../wire/entry-value.ts";
import { inThisLog } from "../../wire/mark.ts";
import { notAnswered } from "../group/silence.ts";
import type { LoggedEntry } from "../ledger.ts";
import { GroupMark, type Place } from "../uploader/group-marks.ts";
import { better, type GroupSaid } from "./file-state.ts";
import type { IsLookedFor, Noted, NotedFiles } from "./noted-files.ts";

/** The newest mark of a group in a partition of the chunks. */
interface Said {
  readonly uploader: string;
  readonly mark: GroupMark;
  readonly timeMs: number;
}

interface Receipt {
  readonly kind: ReceiptKind;
  readonly group: string;
  readonly offset: number;
  readonly timeMs: number;
  readonly reason: string | undefined;
}

interface Early {
  readonly group: string;
  readonly file: EarlyFile;
  readonly timeMs: number;
}

export class GroupsWords {
  readonly #files: NotedFiles;
  readonly #isLookedFor: IsLookedFor;
  readonly #marks = new Map<string, Said>();
  /** By file. */
  readonly #receipts = new Map<string, Receipt[]>();
  /** Once all is read: by uploader and partition, and by file. */
  readonly #marksOf = new Map<string, Said[]>();
  readonly #earlyOf = new Map<string, Early[]>();

  /** @param files all that uploaders say */
  constructor(files: NotedFiles, isLookedFor: IsLookedFor) {
    this.#files = files;
    this.#isLookedFor = isLookedFor;
  }

  apply({ entry, offset, timestampMs }: LoggedEntry): void {
    this.#files.brokerTime.note(timestampMs);
    const key = keyOf(entry);
    if (key.kind === "done") this.#applyMark(key, entry, offset, timestampMs);
    else if (isReceipt(key)) this.#applyReceipt(key, entry, offset, timestampMs);
  }

  /** All is read: files that only groups know of are among the others from now on. */
  end(): void {
    for (const said of this.#marks.values()) {
      const { uploader, mark, timeMs } = said;
      this.#marksOf.getOrInsertComputed(`${uploader} ${mark.partition}`, () => []).push(said);
      for (const file of mark.early) {
        this.#files.putUnnoted(uploader, file, timeMs);
        const key = chunkKey({ uploader, path: file.path });
        this.#earlyOf.getOrInsertComputed(key, () => []).push({ group: mark.group, file, timeMs });
      }
    }
  }

  /** What each group says that says something of the file's version, by the groups' names. */
  of(noted: Noted): GroupSaid[] {
    const said = new Map<string, GroupSaid>();
    const say = (word: GroupSaid) => said.set(word.group, better(said.get(word.group), word));
    const receipts = this.#receipts.get(chunkKey(noted)) ?? [];
    const isStanding = (kind: ReceiptKind, group: string) =>
      receipts.some((receipt) => receipt.kind === kind && receipt.group === group);
    for (const receipt of receipts) say(this.#wordOf(receipt, noted));
    for (const { group, timeMs } of this.#havingIt(noted, (group) => isStanding("failed", group)))
      if (!isStanding("again", group)) say({ group, state: "delivered", timeMs, reason: undefined });
    return [...said.values()].sort((a, b) => (a.group < b.group ? -1 : 1));
  }

  /** Groups that name the version with its content, or have it by its number; see `UploaderMarks.settles`. */
  *#havingIt(
    noted: Noted,
    hasFailed: (group: string) => boolean,
  ): Generator<{ group: string; timeMs: number }> {
    const { version, checksum } = noted.value;
    /** Those that have another content under this number. */
    const differing = new Set<string>();
    for (const { group, file, timeMs } of this.#earlyOf.get(chunkKey(noted)) ?? []) {
      if (file.version !== version) continue;
      if (checksum === undefined || file.checksum === checksum) yield { group, timeMs };
      else differing.add(group);
    }
    for (const place of placesOf(noted))
      for (const { mark, timeMs } of this.#marksOf.get(`${noted.uploader} ${place.partition}`) ?? []) {
        if (differing.has(mark.group) || !mark.has(place) || !mark.concerns(place)) continue;
        if (!(mark.leavesToReceipt(version) && hasFailed(mark.group))) yield { group: mark.group, timeMs };
      }
  }

  #wordOf({ kind, group, offset, timeMs, reason }: Receipt, { uploader }: FileId): GroupSaid {
    // What has failed as its uploader was silent is asked for once that is heard from.
    const isOver = reason?.startsWith(notAnswered) === true && this.#files.isHeardFrom(uploader, offset);
    if (kind === "failed" && !isOver) return { group, state: kind, timeMs, reason };
    return { group, state: "needed", timeMs, reason: undefined };
  }

  #applyMark(
    { group, uploader, partition }: Extract<EntryKey, { kind: "done" }>,
    entry: Entry,
    offset: number,
    timeMs: number,
  ): void {
    // The mark before says less, or nothing that is so any more.
    const name = `${uploader} ${partition} ${group}`;
    this.#marks.delete(name);
    const isBelieved = entry.kind === "done" && this.#files.brokerTime.isPlausible(entry.to);
    const kept = isBelieved ? this.#keptOf(inThisLog(entry, offset)) : undefined;
    if (kept) this.#marks.set(name, { uploader, mark: new GroupMark(kept), timeMs });
  }

  /** What is of interest here of a mark; undefined: nothing is. */
  #keptOf(entry: DoneEntry): DoneEntry | undefined {
    const { uploader } = entry;
    const early = entry.early.filter(({ path }) => this.#isLookedFor({ uploader, path }));
    return early.length > 0 || this.#files.hasSome(uploader) ? { ...entry, early, by: {} } : undefined;
  }

  #applyReceipt(key: ReceiptKey<ReceiptKind>, entry: Entry, offset: number, timeMs: number): void {
    const { kind, group, version } = key;
    if (this.#files.versionOf(key) !== version) return;
    const file = chunkKey(key);
    const others = (this.#receipts.get(file) ?? []).filter(
      (receipt) => receipt.kind !== kind || receipt.group !== group,
    );
    const reason = entry.kind === "failed" ? entry.reason : undefined;
    if (entry.kind !== "tombstone") others.push({ kind, group, offset, timeMs, reason });
    if (others.length > 0) this.#receipts.set(file, others);
    else this.#receipts.delete(file);
  }
}

/** Where the version is, and where it was before it was sent again to another topic. */
function placesOf({ value }: Noted): Place[] {
  if (!wasSentWhole(value)) return [];
  const { version, partition, topic, offset, at = -1, was = [] } = value;
  return [{ version, partition, topic, offset, at }, ...was.map((place) => ({ version, ...place }))];
}
