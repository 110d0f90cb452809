/** What the records of an uploader's marks change, as they are written here, or read: in the marks, and of what is due. */
import type { DoneValue } from "../../wire/entry-value.ts";
import { settlesByNumber } from "../../wire/mark.ts";
import type { Due, DueVersions } from "./due-versions.ts";
import type { Mark } from "./mark.ts";
import type { Marks } from "./marks.ts";
import type { Change, Delivered } from "./noted.ts";

export class MarkRecords {
  readonly #due: DueVersions;
  readonly #marks: Marks;
  readonly #keyOf: (path: string) => string;

  /** @param keyOf the key of one of the uploader's files, see `mapKey` */
  constructor(due: DueVersions, marks: Marks, keyOf: (path: string) => string) {
    this.#due = due;
    this.#marks = marks;
    this.#keyOf = keyOf;
  }

  /** The ledger has a record that was drafted here, with what is delivered. */
  written(partition: number, value: DoneValue, offset: number, delivered: readonly Delivered[]): Change {
    const mark = this.#marks.of(partition);
    const change: Change = { settled: [], dirty: [], clean: [] };
    for (const file of delivered)
      for (const version of [file.version, file.supersedes])
        this.#settleDelivered(version, file, mark, change);
    this.#marks.noteRecord(partition);
    mark.written(value, offset, (version) => this.#due.has(version));
    if (this.#addMissing(mark, value, change.settled)) change.dirty.push(mark);
    return change;
  }

  /**
   * Takes a mark's record from the ledger.
   *
   * @param isRead whether all of the ledger was read: what is due is known
   * @param isWanted whether a version is asked for again, whatever a mark says
   */
  read(
    partition: number,
    value: DoneValue,
    offset: number,
    isRead: boolean,
    isWanted: (version: number) => boolean,
  ): Change {
    const mark = this.#marks.of(partition);
    if (!mark.isNews(offset)) return { settled: [], dirty: [], clean: [] };
    this.#marks.noteRecord(partition);
    const isUnsettled = (version: number) => !isRead || this.#due.has(version) || isWanted(version);
    const state = mark.read(value, offset, isUnsettled);
    const also = new Set(value.also);
    const numbers = { to: value.to, at: value.at, but: new Set(value.but) };
    const early = new Map(value.early.map((file) => [this.#keyOf(file.path), file]));
    const settled: Due[] = [];
    for (const due of this.#due.values()) {
      const { version, at } = due;
      const file = early.get(due.key);
      const isHere = due.partition === partition;
      const isEarly = file?.version === version && file.checksum === due.checksum;
      const isSuperseded = (file?.version ?? 0) > version;
      const isMarked =
        isEarly || isSuperseded || (isHere && (also.has(version) || settlesByNumber(numbers, version, at)));
      if (isWanted(version) || !isMarked) continue;
      if (isHere && isEarly) mark.noted(file, at);
      this.#due.delete(due.key, version);
      settled.push(due);
    }
    const dropped = settled.flatMap((due) => this.#dropFormer(due));
    const isDirty = this.#addMissing(mark, value, settled) || state === "dirty" || dropped.includes(mark);
    const dirty = isDirty ? [mark, ...dropped] : dropped;
    return { settled, dirty, clean: state === "clean" && !isDirty ? [mark] : [] };
  }

  #settleDelivered(version: number | undefined, file: Delivered, mark: Mark, change: Change): void {
    const due = this.#due.get(this.#keyOf(file.path));
    if (!due || due.version !== version) return;
    if (due.version === file.version && due.checksum !== file.checksum) return;
    this.#due.delete(due.key, due.version);
    change.settled.push(due);
    change.dirty.push(...this.#dropFormer(due));
    if (due.partition === mark.partition) return;
    const other = this.#marks.of(due.partition);
    other.add(due.version, due.at);
    change.dirty.push(other);
  }

  /** The version is settled: the marks of where it was before name it as not settled no longer. Returns those that did. */
  #dropFormer({ former = [], version }: Due): Mark[] {
    return former.flatMap((partition) => {
      const mark = this.#marks.known(partition);
      return mark?.drop(version) ? [mark] : [];
    });
  }

  /** What a record has settled, and the mark does not by one that was read before. Returns whether that is anything. */
  #addMissing(mark: Mark, { early }: DoneValue, settled: readonly Due[]): boolean {
    const named = new Set(early.map(({ version }) => version));
    const missing = settled.filter(
      ({ partition, version, at }) =>
        partition === mark.partition && !named.has(version) && !mark.settles(version, at),
    );
    for (const { version, at } of missing) mark.add(version, at);
    return missing.length > 0;
  }
}
