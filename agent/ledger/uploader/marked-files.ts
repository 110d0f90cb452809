/**
 * Which of an uploader's files a group's new mark speaks of for the first time. There may be a hundred thousand files, and marks come
 * several times a second: only what was noted lately is looked at, unless a mark says something new of what is older.
 */
import { type FileValue, wasSentWhole } from "../../wire/entry-value.ts";
import { type GroupMark, GroupMarks, type Place } from "./group-marks.ts";

/** The uploader's files as the ledger has them. */
export interface KnownFiles {
  get(path: string): FileValue | undefined;
  versionOf(path: string): number | undefined;
  placeOf(path: string): Place | undefined;
  paths(): Iterable<string>;
  /** See `FileEntries`. */
  highest(): { version: number; at: number };
}

/** A file, and its version of now. */
export interface FileOfNow {
  path: string;
  version: number;
}

/** So many files are known as noted lately. */
const maxLately = 5000;

export class MarkedFiles {
  readonly #files: KnownFiles;
  readonly #maxLately: number;
  readonly #marks = new GroupMarks();
  /** In the order in which they were noted. */
  readonly #lately = new Set<string>();
  /** Goes on where it was: from the beginning it would step over all that has left. */
  #oldest = this.#lately.keys();
  /** The highest version of any other file, and the highest ledger offset at which one was noted; undefined: not all are known. */
  #older: { version: number; at: number } | undefined;

  /** @param most for the tests */
  constructor(files: KnownFiles, most = maxLately) {
    this.#files = files;
    this.#maxLately = most;
  }

  /** The ledger is read from its beginning. */
  clear(): void {
    this.#marks.clear();
    this.#lately.clear();
    this.#oldest = this.#lately.keys();
    this.#older = undefined;
  }

  /** All files are known that are in the ledger. */
  loaded(): void {
    this.#older = this.#files.highest();
  }

  /** The path has another entry. */
  noted(path: string, value: FileValue): void {
    // Before all are known, none is later than others.
    if (!this.#older || !wasSentWhole(value)) return;
    this.#lately.delete(path);
    this.#lately.add(path);
    if (this.#lately.size <= this.#maxLately) return;
    const { done, value: oldest } = this.#oldest.next();
    if (done) return;
    this.#lately.delete(oldest);
    this.#noteOlder(this.#files.placeOf(oldest));
  }

  /**
   * Keeps the mark, in place of the one before of that group and partition. Returns the paths of the files that it says the group has, and
   * that one did not; none before all files are known.
   */
  put(mark: GroupMark): string[] {
    const before = this.#marks.put(mark);
    if (!this.#older) return [];
    const isAll = mark.mayHaveMore(this.#older, before);
    const isNews = (path: string) => {
      const place = this.#files.placeOf(path);
      return place !== undefined && mark.has(place) && !before?.has(place);
    };
    return [...(isAll ? this.#files.paths() : this.#lately)].filter(isNews);
  }

  /** Forgets the mark. Returns what it may have spoken of. */
  remove(group: string, partition: number): FileOfNow[] {
    const mark = this.#marks.remove(group, partition);
    if (!mark) return [];
    const spokenOf: FileOfNow[] = mark.early.map(({ path, version }) => ({ path, version }));
    for (const path of this.#files.paths()) {
      const place = this.#files.placeOf(path);
      if (place?.partition === partition) spokenOf.push({ path, version: place.version });
    }
    return spokenOf;
  }

  /** Whether any mark is known. */
  get hasAny(): boolean {
    return this.#marks.size > 0;
  }

  /** The marks of groups that have what is there. */
  having(place: Place): Iterable<GroupMark> {
    return this.#marks.having(place);
  }

  #noteOlder(place: Place | undefined): void {
    if (!this.#older || !place) return;
    const { version, at } = this.#older;
    this.#older = { version: Math.max(version, place.version), at: Math.max(at, place.at) };
  }
}
