/**
 * What uploaders say of the files that are looked for, entry by entry as the ledger is read, and nothing of any other file. There may be a
 * million: a file is a row of numbers and a path (`file-rows.ts`, `path-table.ts`), some 200 bytes and what its path takes.
 *
 * Of a path the last word counts, as long as its batch stands in its slot: what was there before and is said nowhere later is forgotten.
 */
import type { FileId } from "../../wire/chunk.ts";
import { type FilesEntry, keyOf } from "../../wire/entry.ts";
import { type EarlyFile, type FileValue, type NotedFile, wasSentWhole } from "../../wire/entry-value.ts";
import { filedKey, filedUnder, isBeside } from "../../wire/filed-under.ts";
import { Holds } from "../group/holds.ts";
import type { LoggedEntry } from "../ledger.ts";
import { FileRows } from "../uploader/file-rows.ts";
import { PathTable } from "../uploader/path-table.ts";
import { BrokerTime } from "../uploader/version-clock.ts";

/** Which files are looked for. */
export type IsLookedFor = (file: FileId) => boolean;

/** A file as its uploader has noted it. */
export interface Noted extends FileId {
  readonly value: FileValue;
  /** When the version was begun, or noted if that was earlier, by the brokers' clock, milliseconds since 1970. */
  readonly timeMs: number;
}

/** What a row says nothing of here. */
const unseen = { mtime: "0", ctime: "0", inode: "0" } as const;
/** Of a file that a group has and that its uploader has not noted: it is in no batch. */
const noBatch = 0;

export class NotedFiles {
  /** Latest that the brokers have told. */
  readonly brokerTime = new BrokerTime();
  readonly #isLookedFor: IsLookedFor;
  readonly #holds = new Holds();
  readonly #uploaders: string[] = [];
  readonly #uploaderNumbers = new Map<string, number>();
  /** By the uploader's number, the offset of the last that it has written. */
  readonly #heardAt: number[] = [];
  /** The numbers of uploaders that have something that is looked for. */
  readonly #having = new Set<number>();
  readonly #most: number;
  #paths = new PathTable();
  #rows = new FileRows();
  /** By row. */
  #timesMs: number[] = [];
  /** Versions below this one were among too many. */
  #lowest = 0;
  /** By slot, the number of the batch that stands there; of those only that have, or had, something that is looked for. */
  readonly #standing = new Map<string, number>();
  /** The numbers of those that stood somewhere before. */
  readonly #fallen = new Set<number>();
  #lastBatch = noBatch;

  /** @param most how many files are kept at least, those of the newest versions; twice as many at most */
  constructor(isLookedFor: IsLookedFor, most = Number.POSITIVE_INFINITY) {
    this.#isLookedFor = isLookedFor;
    this.#most = most;
  }

  /** Whether there were more files than are kept. */
  get hasMore(): boolean {
    return this.#lowest > 0;
  }

  apply({ entry, offset, timestampMs }: LoggedEntry): void {
    this.brokerTime.note(timestampMs);
    const key = keyOf(entry);
    if (entry.kind === "name") {
      this.#holds.note(entry, offset);
      this.#heard(entry.uploader, offset);
    } else if (entry.kind === "files") {
      this.#heard(entry.uploader, offset);
      if (!this.#holds.isVoid(entry, offset)) this.#put(entry, offset, timestampMs);
    } else if (key.kind === "files") this.#clear(this.#slotName(key));
  }

  /** Whether the uploader has noted anything that is looked for. */
  hasSome(uploader: string): boolean {
    return this.#having.has(this.#uploaderNumbers.get(uploader) ?? -1);
  }

  /** The version that is noted of the file; undefined: none is, or it is not looked for. */
  versionOf(file: FileId): number | undefined {
    const row = this.#rowOf(file);
    return row === undefined ? undefined : this.#rows.versionOf(row);
  }

  /** Whether the uploader has written something at this offset or later. */
  isHeardFrom(uploader: string, offset: number): boolean {
    const number = this.#uploaderNumbers.get(uploader);
    return number !== undefined && (this.#heardAt[number] ?? -1) > offset;
  }

  /** A group has a version that is not noted as sent: its uploader was killed before, or is about to. */
  putUnnoted(uploader: string, { path, version, size, checksum }: EarlyFile, timestampMs: number): void {
    const row = this.#rowOf({ uploader, path });
    const known = row === undefined ? undefined : this.#rows.get(row);
    if ((known?.version ?? -1) > version || version < this.#lowest || !this.brokerTime.isPlausible(version))
      return;
    const isNoted = known?.version === version;
    if (isNoted && (wasSentWhole(known) || (known.checksum ?? checksum) !== checksum)) return;
    const state = isNoted && known.state === "gone" ? "gone" : "incomplete";
    const value: FileValue = { state, version, size, checksum, ...unseen };
    this.#set({ uploader, path }, value, noBatch, timestampMs);
  }

  /** How many files were found, and each of them, those that were begun last first. */
  newestFirst(): { count: number; files(): Generator<Noted> } {
    const found = this.#withoutOlder([...this.#paths.numbers()].filter((row) => this.#counts(row)));
    const [rows, times] = [this.#rows, this.#timesMs];
    found.sort((a, b) => (times[b] ?? 0) - (times[a] ?? 0) || rows.versionOf(b) - rows.versionOf(a) || a - b);
    const noted = (row: number) => this.#noted(row);
    return {
      count: found.length,
      *files() {
        for (const row of found) yield noted(row);
      },
    };
  }

  /** Of a file that several have sent under one name the newest. */
  #withoutOlder(rows: number[]): number[] {
    const shared = new Set(this.#uploaders.filter(isBeside).map(filedUnder));
    if (shared.size === 0) return rows;
    const newest = new Map<string, number>();
    const others: number[] = [];
    for (const row of rows) {
      const file = this.#noted(row);
      if (!shared.has(filedUnder(file.uploader))) others.push(row);
      else {
        const key = filedKey(file);
        const before = newest.get(key);
        if (before === undefined || this.#rows.versionOf(before) < file.value.version) newest.set(key, row);
      }
    }
    return [...others, ...newest.values()];
  }

  #put(entry: FilesEntry, offset: number, timestampMs: number): void {
    const { uploader } = entry;
    const slot = this.#slotName(entry);
    const wanted = entry.files.filter((file) => this.#isWanted(uploader, file));
    if (wanted.length === 0 && !this.#standing.has(slot)) return;
    const batch = ++this.#lastBatch;
    this.#clear(slot);
    this.#standing.set(slot, batch);
    for (const file of wanted) {
      const { path, version, state, size, topic, partition, checksum, acknowledged, reason, was } = file;
      const value = {
        ...{ version, state, size, topic, partition, checksum, acknowledged, reason, was, ...unseen },
        ...{ offset: file.offset, at: file.at ?? offset },
      } as FileValue;
      this.#set({ uploader, path }, value, batch, timestampMs);
    }
  }

  #isWanted(uploader: string, { path, version, state }: NotedFile): boolean {
    const id = { uploader, path };
    if (state === "incomplete" || !this.brokerTime.isPlausible(version) || !this.#isLookedFor(id))
      return false;
    // What a frozen agent says that has lost the name, and who took it said so in an entry that is compacted away.
    return version >= (this.versionOf(id) ?? this.#lowest);
  }

  #set(file: FileId, value: FileValue, batch: number, timestampMs: number): void {
    this.#having.add(this.#numberOf(file.uploader));
    const row = this.#paths.add(this.#nameOf(file));
    this.#rows.set(row, value, batch);
    // Numbers may be ahead of the brokers' time, by two minutes; a batch may be written again, a year later.
    const begunMs = value.version / 1000;
    this.#timesMs[row] = timestampMs > 0 ? Math.min(begunMs, timestampMs) : begunMs;
    if (this.#paths.size > 2 * this.#most) this.#keepNewest();
  }

  /** Choosing is expensive: half of them go at a time. */
  #keepNewest(): void {
    const [paths, rows, timesMs] = [this.#paths, this.#rows, this.#timesMs];
    const newest = [...paths.numbers()]
      .filter((row) => this.#counts(row))
      .sort((a, b) => rows.versionOf(b) - rows.versionOf(a));
    const kept = newest.slice(0, this.#most);
    [this.#paths, this.#rows, this.#timesMs] = [new PathTable(), new FileRows(), []];
    for (const old of kept) {
      const row = this.#paths.add(paths.get(old));
      this.#rows.set(row, rows.get(old), rows.batchOf(old));
      this.#timesMs[row] = timesMs[old] ?? 0;
    }
    if (newest.length > kept.length) this.#lowest = rows.versionOf(kept.at(-1) ?? 0);
  }

  #noted(row: number): Noted {
    const name = this.#paths.get(row);
    const end = name.indexOf("/");
    const uploader = this.#uploaders[Number(name.slice(0, end))] ?? "";
    return {
      ...{ uploader, path: name.slice(end + 1), value: this.#rows.get(row) },
      timeMs: this.#timesMs[row] ?? 0,
    };
  }

  #rowOf(file: FileId): number | undefined {
    if (!this.#uploaderNumbers.has(file.uploader)) return undefined;
    const row = this.#paths.find(this.#nameOf(file));
    return row !== undefined && this.#counts(row) ? row : undefined;
  }

  /** Whether what the row says stands in the ledger. */
  #counts(row: number): boolean {
    return !this.#fallen.has(this.#rows.batchOf(row));
  }

  #clear(slot: string): void {
    const batch = this.#standing.get(slot);
    this.#standing.delete(slot);
    if (batch !== undefined) this.#fallen.add(batch);
  }

  #heard(uploader: string, offset: number): void {
    this.#heardAt[this.#numberOf(uploader)] = offset;
  }

  /** With the uploader's number: its name may be longer than what a table of paths takes beside the longest path. */
  #nameOf({ uploader, path }: FileId): string {
    return `${this.#numberOf(uploader)}/${path}`;
  }

  #slotName({ uploader, epoch, slot }: Pick<FilesEntry, "uploader" | "epoch" | "slot">): string {
    return `${this.#numberOf(uploader)}/${epoch}/${slot}`;
  }

  #numberOf(uploader: string): number {
    return this.#uploaderNumbers.getOrInsertComputed(uploader, () => this.#uploaders.push(uploader) - 1);
  }
}
