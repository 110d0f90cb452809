/**
 * What a group knows of one uploader's versions: which may still be noted, which were noted and are not settled (`due-versions.ts`),
 * and the marks of those that are (`mark.ts`), one a partition of the chunks. A version is a number here: no two of an uploader's
 * are the same. What is known of one:
 *
 *   - it is the next one or a later, or open by the uploader's newest batch: it may come, or may never
 *   - it is due, or a mark says that it is settled
 *   - none of that: it was superseded, or its uploader was killed before it noted it, and nobody will: it is dead; but not once the
 *     uploader's newest batch was taken out of the ledger
 */
import type { Packer, Unpacker } from "../../lib/packed.ts";
import { mapKey } from "../../wire/chunk.ts";
import type { EarlyFile } from "../../wire/entry-value.ts";
import { Announced } from "./announced.ts";
import { type Due, DueCount, DueVersions } from "./due-versions.ts";
import { LeftFailures } from "./left-failures.ts";
import type { Mark } from "./mark.ts";
import { type Draft, draftOf } from "./mark-draft.ts";
import { MarkRecords } from "./mark-records.ts";
import { Marks } from "./marks.ts";
import type { Change, Delivered, Noted, NotedAt, Said, Verdict } from "./noted.ts";

/** About what is known of an uploader takes in memory without marks, bytes. */
const ownBytes = 850;

const unsaid: Said = { isWanted: false, hasReceipt: false, hadFailed: false };

export class UploaderMarks {
  readonly #uploader: string;
  /** Which of its versions may still be noted. */
  announced = new Announced();
  readonly due: DueVersions;
  readonly marks = new Marks();
  /** What `AllMarks` has counted for it, bytes. */
  countedBytes = 0;
  /** Whether all is known here that the ledger says of it; undefined: it will be once that is read. */
  #isWhole: boolean | undefined;

  /** @param allDue counts what is due of all uploaders @param isWhole whether the ledger has said nothing of it that is not known here */
  constructor(uploader: string, allDue = new DueCount(), isWhole = true) {
    this.#uploader = uploader;
    this.due = new DueVersions(allDue);
    this.#isWhole = isWhole;
  }

  // Made as they are asked for: there may be twenty thousand uploaders.
  /** Which of its versions that have failed are left to their receipts. */
  get failures(): LeftFailures {
    return new LeftFailures(this.due, this.marks);
  }

  /** What the records of its marks change. */
  get records(): MarkRecords {
    return new MarkRecords(this.due, this.marks, (path) => this.#keyOf({ path }));
  }

  /** Whether all is known here that the ledger says of it. */
  get isWhole(): boolean {
    return this.#isWhole === true;
  }

  /** About what it takes in memory without what is due, bytes. */
  get weight(): number {
    return ownBytes + this.marks.weight;
  }

  /** Whether more is due than is kept. */
  get isCrowded(): boolean {
    return this.#keptBelow < Number.POSITIVE_INFINITY;
  }

  /** Whether the version may be due, as far as is known. */
  mayBeDue(version: number): boolean {
    return this.due.has(version) || version >= this.#keptBelow;
  }

  /** Whether its uploader was forgotten since, and nobody will say any more that it was sent: it is stored if it comes. */
  isForgotten(version: number): boolean {
    return this.announced.isForgotten(version) && !this.due.has(version);
  }

  /**
   * From this ledger offset on only the files of these keys stand in the slot: what did before, and is said nowhere later, is known no more.
   *
   * @param mayLack see `Reading`
   */
  leftInSlot(slot: string, left: () => ReadonlySet<string>, offset: number, mayLack = false): Change {
    const inSlot = this.due.inSlot(slot, offset);
    const keys = inSlot.length > 0 ? left() : undefined;
    const settled = inSlot.filter(({ key }) => !keys?.has(key));
    const dirty = new Set<Mark>();
    for (const due of settled) for (const mark of this.#dropInSlot(due, mayLack)) dirty.add(mark);
    return { settled, dirty: [...dirty], clean: [] };
  }

  /** The uploader has noted a version that was sent whole. Returns also which are left to their receipts from now on. */
  note(noted: Noted, said: Said = unsaid): { verdict: Verdict; dirty: Mark[]; left: Due[] } {
    const dirty: Mark[] = [];
    const mark = this.marks.known(noted.partition);
    const { isWanted, hadFailed } = said;
    // Its receipt is gone: it is not told from what is settled any more.
    if (hadFailed && !mark?.names(noted.version)) mark?.except(noted.version);
    const isSettled = isWanted && this.settles(noted, said.hasReceipt);
    // It is settled by the ledger's marks, and may fail before it is delivered again.
    if (isSettled && mark) dirty.push(mark);
    if (isWanted) dirty.push(...this.unname(noted));
    if (isSettled) this.marks.noteSettled(noted);
    const verdict = isWanted ? "due" : this.#verdictOn(noted, said, dirty);
    if (verdict === "settled" || verdict === "failed")
      this.due.delete(this.#keyOf(noted), noted.version, noted.slotAt);
    else this.#putDue(noted);
    return { verdict, dirty, left: this.failures.leaveSome() };
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
    if ((this.marks.earlyOf(path)?.version ?? 0) >= version) return true;
    const mark = this.marks.get(partition);
    if (hasReceipt && mark?.leavesToReceipt(version)) return false;
    if (mark?.settlesChunk(version, this.announced.open)) return true;
    if (mark?.but.has(version)) return false;
    return isRead && version < this.#keptBelow && this.announced.isDead(version);
  }

  /** Whether a mark names the version, or a newer one of its path, as delivered: not by what it says of all numbers. */
  isNamed({ path, version }: { path: string; version: number }, partition: number): boolean {
    return (
      (this.marks.earlyOf(path)?.version ?? 0) >= version ||
      this.marks.get(partition)?.names(version) === true
    );
  }

  /** Whether a mark says that a noted version is settled, by what was read of the marks alone. @param hasReceipt see `isSettled` */
  settles({ path, version, checksum, partition, at }: NotedAt, hasReceipt = false): boolean {
    const early = this.marks.earlyOf(path);
    if (early?.version === version) return early.checksum === checksum;
    return (early?.version ?? 0) > version || this.marks.settles({ partition, at }, version, hasReceipt);
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
      .filter((due) => isIn(due, partition) && !(settled.has(due.version) && keys.has(due.key)))
      .map(({ version }) => version);
    // A number that was given twice settles nothing.
    for (const version of unsettled) settled.delete(version);
    const knownTo = Math.min(this.announced.knownBelow, this.#keptBelow) - 1;
    return draftOf({ mark: this.marks.of(partition), unsettled, knownTo, noted: settled, early });
  }

  /** The version is asked for again: marks that come later say so as well. Returns those that named it as delivered. */
  unname({ path, version }: { path: string; version: number }): Mark[] {
    return [...this.marks.active].filter((mark) => mark.unname(path, version));
  }

  /** The version is asked for again no longer. Returns it if it was due, and is settled by what the marks say. */
  notWanted({ path, version }: { path: string; version: number }): Due | undefined {
    const due = this.due.get(this.#keyOf({ path }));
    const isSettled = this.marks.takeSettled(version);
    if (due?.version !== version) return undefined;
    const mark = this.marks.of(due.partition);
    if (isSettled) mark.add(version, due.at);
    if (!mark.settles(version, due.at)) return undefined;
    this.due.delete(due.key, version);
    return due;
  }

  /** Its marks are read from now on, all of them. */
  beginReadingMarks(): void {
    if (!this.#isWhole) this.#isWhole = undefined;
  }

  pack(to: Packer): void {
    this.announced.pack(to);
    this.due.pack(to);
    to.maybe(this.#isWhole, (isWhole) => to.flag(isWhole));
    this.marks.pack(to);
  }

  unpack(from: Unpacker): void {
    this.announced.unpack(from);
    this.due.unpack(from);
    this.#isWhole = from.maybe(() => from.flag());
    this.marks.unpack(from);
  }

  /** All that the uploader has noted is read from now on. */
  beginReading(): void {
    this.due.beginReading();
  }

  /** It was read: what it does not have is superseded, or was never noted. Returns the marks that said it was due. */
  endReading(): Mark[] {
    this.due.endReading();
    this.#isWhole ??= true;
    const isLeft = (version: number) => this.mayBeDue(version) || !this.announced.isDead(version);
    return [...this.marks.active].filter((mark) => mark.keepBut(isLeft));
  }

  /** The ledger was deleted and made again. What the marks settle stays so, whatever is noted again. */
  ledgerRecreated(): void {
    // Something may be due that they seem to settle.
    if (!this.#isWhole) this.marks.clear();
    // There it is no longer told by its offset from what is settled.
    for (const { partition, version } of this.due.values()) this.marks.known(partition)?.except(version);
    this.marks.ledgerRecreated(this.announced.mayCome);
    this.announced = new Announced();
    this.due.clear();
  }

  forget(): void {
    this.due.clear();
  }

  #verdictOn(noted: Noted, { hasReceipt }: Said, dirty: Mark[]): Verdict {
    const { path, version, checksum, partition, at } = noted;
    for (const mark of this.marks.active) mark.early.supersede(path, version, at);
    const early = this.marks.earlyOf(path);
    if (early && early.version > version) return "settled";
    if (early?.version === version) {
      if (early.checksum !== checksum) return "differs";
      const mark = this.marks.of(partition);
      // Its chunks came in another partition, whose mark has it: nobody else would say so here.
      if (mark.early.get(path)?.file.version !== version && !mark.settles(version, at)) dirty.push(mark);
      mark.noted(noted, at);
      return "settled";
    }
    const mark = this.marks.known(partition);
    if (hasReceipt && mark?.leavesToReceipt(version)) return noted.hasFailed ? "failed" : "due";
    if (mark?.settles(version, at)) {
      if (!mark.says(version, at)) {
        mark.owe(at);
        dirty.push(mark);
      }
      return "settled";
    }
    if (!noted.was?.some((former) => this.marks.settles(former, version, hasReceipt))) return "due";
    const here = this.marks.of(partition);
    here.add(version, at);
    dirty.push(here);
    return "settled";
  }

  #isNotedAs(file: EarlyFile, partition: number): boolean {
    const due = this.due.get(this.#keyOf(file));
    if (due?.version !== file.version || this.due.isShared(file.version)) return false;
    return due.partition === partition && due.checksum === file.checksum;
  }

  /** Returns the marks that said it was due. */
  #dropDue({ key, version }: Pick<Due, "key" | "version">): Mark[] {
    this.due.delete(key, version);
    return this.due.has(version) ? [] : [...this.marks.active].filter((mark) => mark.drop(version));
  }

  /**
   * The same, of one that its slot does not have any more: what is not dead, or may be noted elsewhere and not be read yet, stays named as not
   * settled.
   */
  #dropInSlot({ key, version }: Due, mayLack: boolean): Mark[] {
    if (!mayLack && this.announced.isDead(version)) return this.#dropDue({ key, version });
    this.due.delete(key, version);
    return [];
  }

  #putDue({ path, was, ...noted }: Noted): void {
    this.marks.known(noted.partition)?.except(noted.version);
    const former = was?.length ? was.map(({ partition }) => partition) : undefined;
    this.due.put({ ...noted, former, key: this.#keyOf({ path }) });
  }

  get #keptBelow(): number {
    return this.#isWhole ? this.due.keptBelow : 0;
  }

  #keyOf({ path }: { path: string }): string {
    return mapKey({ uploader: this.#uploader, path });
  }
}

/** Whether the mark of the partition could speak of it. */
function isIn(due: Due, partition: number): boolean {
  return due.partition === partition || due.former?.includes(partition) === true;
}
