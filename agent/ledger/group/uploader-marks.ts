/**
 * What a group knows of one uploader's versions: which may still be noted, which were noted and are not settled (`due-versions.ts`),
 * and the marks of those that are (`mark.ts`), one a partition of the chunks. A version is a number here: no two of an uploader's
 * are the same. What is known of one:
 *
 *   - it is the next one or a later, or open by the uploader's newest batch: it may come, or may never
 *   - it is due, or a mark says that it is settled
 *   - none of that: it was superseded, or its uploader was killed before it noted it, and nobody will: it is dead
 */
import { mapKey } from "../../wire/chunk.ts";
import type { DoneValue, EarlyFile } from "../../wire/entry-value.ts";
import { Announced, type Heard } from "./announced.ts";
import { type Due, DueCount, DueVersions } from "./due-versions.ts";
import { Mark } from "./mark.ts";
import { type Draft, draftOf } from "./mark-draft.ts";
import type { Change, Delivered, Noted, NotedAt, Said, Verdict } from "./noted.ts";

/** About what it takes in memory without marks, bytes. */
const ownBytes = 800;

const unsaid: Said = { isWanted: false, hasReceipt: false, hadFailed: false };

export class UploaderMarks {
  readonly #uploader: string;
  #announced = new Announced();
  readonly due: DueVersions;
  /** One a partition: mostly so few that a list of them is smaller than a map, and as fast. */
  #marks: readonly Mark[] = [];
  /** What is asked for again though the newest record of the mark in this partition has it as settled: so it is once nobody asks any more. */
  readonly #settledThough = new Map<number, number>();
  #weight = ownBytes;

  /** Whether all is known here that the ledger says of it; undefined: it will be once that is read. */
  #isWhole: boolean | undefined;
  /** Up to where marks that were forgotten have left failures to their receipts. */
  #leftTo = 0;

  /** @param allDue counts what is due of all uploaders @param isWhole whether the ledger has said nothing of it that is not known here */
  constructor(uploader: string, allDue = new DueCount(), isWhole = true) {
    this.#uploader = uploader;
    this.due = new DueVersions(allDue);
    this.#isWhole = isWhole;
  }

  /** Whether all is known here that the ledger says of it. */
  get isWhole(): boolean {
    return this.#isWhole === true;
  }

  /** About what it takes in memory without what is due, bytes. */
  get weight(): number {
    return this.#weight;
  }

  get marks(): Iterable<Mark> {
    return this.#marks;
  }

  /** Whether more is due than is kept. */
  get isCrowded(): boolean {
    return this.#keptBelow < Number.POSITIVE_INFINITY;
  }

  mark(partition: number): Mark | undefined {
    return this.#marks.find((mark) => mark.partition === partition);
  }

  /** Whether the version may be due, as far as is known. */
  mayBeDue(version: number): boolean {
    return this.due.has(version) || version >= this.#keptBelow;
  }

  /** See `Announced.isOpen`. */
  isOpen(version: number): boolean {
    return this.#announced.isOpen(version);
  }

  /** @param offset of the batch, in the ledger */
  heard(heard: Heard, offset: number): void {
    this.#announced.heard(heard, offset);
  }

  /** From this ledger offset on only the files of these keys stand in the slot: what did before, and is said nowhere later, is known no more. */
  leftInSlot(slot: string, left: ReadonlySet<string>, offset: number): Change {
    const settled = this.due.inSlot(slot, offset).filter(({ key }) => !left.has(key));
    const dirty = new Set<Mark>();
    for (const due of settled) for (const mark of this.#dropDue(due)) dirty.add(mark);
    return { settled, dirty: [...dirty], clean: [] };
  }

  /** The uploader has noted a version that was sent whole. Returns also which are left to their receipts from now on. */
  note(noted: Noted, said: Said = unsaid): { verdict: Verdict; dirty: Mark[]; left: Due[] } {
    const dirty: Mark[] = [];
    const mark = this.mark(noted.partition);
    const { isWanted, hadFailed } = said;
    // Its receipt is gone: it is not told from what is settled any more.
    if (hadFailed && !mark?.names(noted.version)) mark?.except(noted.version);
    const isSettled = isWanted && this.settles(noted);
    // It is settled by the ledger's marks, and may fail before it is delivered again.
    if (isSettled && mark) dirty.push(mark);
    if (isWanted) dirty.push(...this.unname(noted));
    if (isSettled) this.#settledThough.set(noted.version, noted.partition);
    const verdict = isWanted ? "due" : this.#verdictOn(noted, said, dirty);
    if (verdict === "settled" || verdict === "failed")
      this.due.delete(this.#keyOf(noted), noted.version, noted.slotAt);
    else this.#putDue(noted);
    return { verdict, dirty, left: this.#leaveToReceipts() };
  }

  /** The version has failed, and its receipt is in the ledger. Returns which are left to their receipts from now on. */
  failed({ path, version }: { path: string; version: number }): Due[] {
    const key = this.#keyOf({ path });
    const due = this.due.get(key);
    const isLeft = due?.version === version && this.mark(due.partition)?.leavesToReceipt(version) === true;
    if (isLeft) this.#dropDue(due);
    else this.due.failed(key, version);
    return [...(isLeft ? [due] : []), ...this.#leaveToReceipts()];
  }

  /** The version is due no longer: superseded, given up, or none of the group's business. Returns the marks that said it was. */
  settle({ path, version }: { path: string; version: number }): Mark[] {
    return this.#dropDue({ key: this.#keyOf({ path }), version });
  }

  /**
   * Whether nothing is left to be done for a chunk of the version that comes in, noted or not: as if it had not failed.
   *
   * @param isRead all of the ledger
   * @param hasReceipt whether a receipt stands that it has failed
   */
  isSettled(
    id: { path: string; version: number },
    partition: number,
    isRead: boolean,
    hasReceipt = false,
  ): boolean {
    const { path, version } = id;
    if (this.due.get(this.#keyOf({ path }))?.version === version) return false;
    if ((this.earlyOf(path)?.version ?? 0) >= version) return true;
    const mark = this.mark(partition);
    if (hasReceipt && mark?.leavesToReceipt(version)) return false;
    if (mark?.settlesChunk(version, this.#announced.open)) return true;
    if (mark?.but.has(version)) return false;
    return isRead && version < this.#keptBelow && !this.isOpen(version);
  }

  /** Whether a mark names the version, or a newer one of its path, as delivered: not by what it says of all numbers. */
  isNamed({ path, version }: { path: string; version: number }, partition: number): boolean {
    return (this.earlyOf(path)?.version ?? 0) >= version || this.mark(partition)?.names(version) === true;
  }

  /** Whether a mark says that a noted version is settled, by what was read of the marks alone. @param hasReceipt see `isSettled` */
  settles({ path, version, checksum, partition, at }: NotedAt, hasReceipt = false): boolean {
    const early = this.earlyOf(path);
    if (early?.version === version) return early.checksum === checksum;
    const mark = this.mark(partition);
    if (hasReceipt && mark?.leavesToReceipt(version)) return false;
    return (early?.version ?? 0) > version || mark?.settles(version, at) === true;
  }

  /** Whether a version that was noted, and has failed, is settled by its number but for its receipt. */
  leavesToReceipt({ version, partition }: { version: number; partition: number }): boolean {
    return this.mark(partition)?.leavesToReceipt(version) === true;
  }

  /** The newest version of the path that is delivered and may not be noted. */
  earlyOf(path: string): EarlyFile | undefined {
    let newest: EarlyFile | undefined;
    for (const mark of this.#marks) {
      const file = mark.earlyOf(path)?.file;
      if (file && file.version >= (newest?.version ?? 0)) newest = file;
    }
    return newest;
  }

  /** The next record of the partition's mark, with what is delivered now. */
  draft(partition: number, delivered: readonly Delivered[]): Draft {
    const settled = new Set<number>();
    const early: EarlyFile[] = [];
    for (const { supersedes, isBefore, ...file } of delivered) {
      if (supersedes !== undefined) settled.add(supersedes);
      if (!isBefore && this.#isNotedAs(file, partition)) settled.add(file.version);
      else early.push(file);
    }
    const keys = new Set(delivered.map((file) => this.#keyOf(file)));
    const unsettled = [...this.due.values()]
      .filter((due) => due.partition === partition && !(settled.has(due.version) && keys.has(due.key)))
      .map(({ version }) => version);
    // A number that was given twice settles nothing.
    for (const version of unsettled) settled.delete(version);
    const knownTo = Math.min(this.#announced.next, this.#keptBelow) - 1;
    return draftOf({ mark: this.#markOf(partition), unsettled, knownTo, noted: settled, early });
  }

  /** The ledger has a record that was drafted here, with what is delivered. */
  written(partition: number, value: DoneValue, offset: number, delivered: readonly Delivered[]): Change {
    const mark = this.#markOf(partition);
    const change: Change = { settled: [], dirty: [], clean: [] };
    for (const file of delivered)
      for (const version of [file.version, file.supersedes])
        this.#settleDelivered(version, file, mark, change);
    this.#isSaid(partition);
    this.#weighing(mark, () => mark.written(value, offset, (version) => this.due.has(version)));
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
    const mark = this.#markOf(partition);
    if (!mark.isNews(offset)) return { settled: [], dirty: [], clean: [] };
    this.#isSaid(partition);
    const isUnsettled = (version: number) => !isRead || this.due.has(version) || isWanted(version);
    const state = this.#weighing(mark, () => mark.read(value, offset, isUnsettled));
    const [also, but] = [new Set(value.also), new Set(value.but)];
    const early = new Map(value.early.map((file) => [this.#keyOf(file), file]));
    const settled: Due[] = [];
    for (const due of this.due.values()) {
      const { version, at } = due;
      const file = early.get(due.key);
      const isHere = due.partition === partition;
      const isBelow = version <= value.to && !but.has(version) && at < value.at;
      const isEarly = file?.version === version && file.checksum === due.checksum;
      const isSuperseded = (file?.version ?? 0) > version;
      const isMarked = isEarly || isSuperseded || (isHere && (also.has(version) || isBelow));
      if (isWanted(version) || !isMarked) continue;
      if (isHere && isEarly) this.#notedEarly(mark, file, at);
      this.due.delete(due.key, version);
      settled.push(due);
    }
    const isDirty = this.#addMissing(mark, value, settled) || state === "dirty";
    return { settled, dirty: isDirty ? [mark] : [], clean: state === "clean" && !isDirty ? [mark] : [] };
  }

  /** The version is asked for again: marks that come later say so as well. Returns those that named it as delivered. */
  unname({ path, version }: { path: string; version: number }): Mark[] {
    const isNamed = (mark: Mark) => this.#weighing(mark, () => mark.unname(path, version));
    return this.#marks.filter(isNamed);
  }

  /** The version is asked for again no longer. Returns it if it was due, and is settled by what the marks say. */
  notWanted({ path, version }: { path: string; version: number }): Due | undefined {
    const due = this.due.get(this.#keyOf({ path }));
    const isSettled = this.#settledThough.delete(version);
    if (due?.version !== version) return undefined;
    const mark = this.#markOf(due.partition);
    if (isSettled) this.#weighing(mark, () => mark.add(version, due.at));
    if (!mark.settles(version, due.at)) return undefined;
    this.due.delete(due.key, version);
    return due;
  }

  removeMark(mark: Mark): void {
    const others = this.#marks.filter((other) => other !== mark);
    if (others.length < this.#marks.length) this.#weight -= mark.weight;
    this.#marks = others;
  }

  /** Forgets what its marks name, then marks, until it takes no more than so many bytes. */
  lighten(mostBytes: number): void {
    const isTooMuch = () => this.#weight > mostBytes;
    for (const mark of this.#marks) while (isTooMuch() && this.#weighing(mark, () => mark.forgetOldest()));
    for (const mark of this.#marks) {
      if (!isTooMuch()) break;
      this.removeMark(mark);
      this.#leftTo = Math.max(this.#leftTo, mark.failedTo);
    }
  }

  /** Its marks are read from now on, all of them. */
  beginReadingMarks(): void {
    if (!this.#isWhole) this.#isWhole = undefined;
  }

  /** All that the uploader has noted is read from now on. */
  beginReading(): void {
    this.due.beginReading();
  }

  /** It was read: what it does not have is superseded, or was never noted. Returns the marks that said it was due. */
  endReading(): Mark[] {
    this.due.endReading();
    this.#isWhole ??= true;
    const isLeft = (version: number) => this.mayBeDue(version) || this.isOpen(version);
    return this.#marks.filter((mark) => mark.keepBut(isLeft));
  }

  /** The ledger was deleted and made again. What the marks settle stays so, whatever is noted again. */
  ledgerRecreated(): void {
    // Something may be due that they seem to settle.
    if (!this.#isWhole) for (const mark of this.#marks) this.removeMark(mark);
    this.#settledThough.clear();
    // There it is no longer told by its offset from what is settled.
    for (const { partition, version } of this.due.values()) this.mark(partition)?.except(version);
    for (const mark of this.#marks) mark.ledgerRecreated(this.#announced.open);
    this.#announced = new Announced();
    this.due.clear();
  }

  forget(): void {
    this.due.clear();
  }

  #verdictOn(noted: Noted, { hasReceipt }: Said, dirty: Mark[]): Verdict {
    const { path, version, checksum, partition, at } = noted;
    for (const mark of this.#marks) mark.supersedeEarly(path, version, at);
    const early = this.earlyOf(path);
    if (early && early.version > version) return "settled";
    if (early?.version === version) {
      if (early.checksum !== checksum) return "differs";
      const mark = this.#markOf(partition);
      // Its chunks came in another partition, whose mark has it: nobody else would say so here.
      if (mark.earlyOf(path)?.file.version !== version && !mark.settles(version, at)) dirty.push(mark);
      this.#notedEarly(mark, noted, at);
      return "settled";
    }
    const mark = this.mark(partition);
    if (hasReceipt && mark?.leavesToReceipt(version)) return noted.hasFailed ? "failed" : "due";
    if (mark?.settles(version, at)) {
      if (!mark.says(version, at)) dirty.push(mark);
      return "settled";
    }
    if (!noted.was?.some((former) => this.#wasSettled({ ...former, version }, hasReceipt))) return "due";
    const here = this.#markOf(partition);
    this.#weighing(here, () => here.add(version, at));
    dirty.push(here);
    return "settled";
  }

  #wasSettled(
    { partition, version, at }: { partition: number; version: number; at: number },
    hasReceipt: boolean,
  ): boolean {
    const mark = this.mark(partition);
    return mark?.settles(version, at) === true && !(hasReceipt && mark.leavesToReceipt(version));
  }

  #notedEarly(mark: Mark, { path, version }: { path: string; version: number }, at: number): void {
    const early = mark.earlyOf(path);
    // The next record says so of its number.
    if (early?.file.version === version) early.notedAt = at;
    else mark.add(version, at);
  }

  /** The mark of the partition has a newer record: what it says counts. */
  #isSaid(partition: number): void {
    for (const [version, of] of this.#settledThough)
      if (of === partition) this.#settledThough.delete(version);
  }

  #isNotedAs(file: EarlyFile, partition: number): boolean {
    const due = this.due.get(this.#keyOf(file));
    if (due?.version !== file.version || this.due.isShared(file.version)) return false;
    return due.partition === partition && due.checksum === file.checksum;
  }

  #settleDelivered(version: number | undefined, file: Delivered, mark: Mark, change: Change): void {
    const due = this.due.get(this.#keyOf(file));
    if (!due || due.version !== version) return;
    if (due.version === file.version && due.checksum !== file.checksum) return;
    this.due.delete(due.key, due.version);
    change.settled.push(due);
    if (due.partition === mark.partition) return;
    const other = this.#markOf(due.partition);
    other.add(due.version, due.at);
    change.dirty.push(other);
  }

  /** What a record has settled, and the mark does not by one that was read before. Returns whether that is anything. */
  #addMissing(mark: Mark, { early }: DoneValue, settled: readonly Due[]): boolean {
    const named = new Set(early.map(({ version }) => version));
    const missing = settled.filter(
      ({ partition, version, at }) =>
        partition === mark.partition && !named.has(version) && !mark.settles(version, at),
    );
    this.#weighing(mark, () => {
      for (const { version, at } of missing) mark.add(version, at);
    });
    return missing.length > 0;
  }

  /** Returns the marks that said it was due. */
  #dropDue({ key, version }: Pick<Due, "key" | "version">): Mark[] {
    this.due.delete(key, version);
    return this.due.has(version) ? [] : this.#marks.filter((mark) => mark.drop(version));
  }

  #putDue({ path, was: _, ...noted }: Noted): void {
    this.mark(noted.partition)?.except(noted.version);
    this.due.put({ ...noted, key: this.#keyOf({ path }) });
  }

  #leaveToReceipts(): Due[] {
    const left = this.due.dropFailed();
    for (const { partition, version } of left) {
      const mark = this.#markOf(partition);
      // Another file of the same number is due.
      if (!this.due.has(version)) this.#weighing(mark, () => mark.leaveToReceipt(version));
    }
    return left;
  }

  #markOf(partition: number): Mark {
    const known = this.mark(partition);
    if (known) return known;
    const mark = new Mark(partition);
    mark.leaveToReceipt(this.#leftTo);
    this.#marks = [...this.#marks, mark];
    this.#weight += mark.weight;
    return mark;
  }

  #weighing<T>(mark: Mark, change: () => T): T {
    const before = mark.weight;
    const changed = change();
    this.#weight += mark.weight - before;
    return changed;
  }

  get #keptBelow(): number {
    return this.#isWhole ? this.due.keptBelow : 0;
  }

  #keyOf({ path }: { path: string }): string {
    return mapKey({ uploader: this.#uploader, path });
  }
}
