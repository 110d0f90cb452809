/**
 * Which versions were sent, and which of them are settled: what uploaders note of their files, what marks say of it, and what is
 * asked for again in spite of them. What is left is outstanding.
 */
import type { Packer, Unpacker } from "../../lib/packed.ts";
import { mapKey, type VersionId } from "../../wire/chunk.ts";
import type { DoneEntry, FilesEntry } from "../../wire/entry.ts";
import type { DoneValue, NotedFile } from "../../wire/entry-value.ts";
import { isBeside } from "../../wire/filed-under.ts";
import { inThisLog, withoutNumbers } from "../../wire/mark.ts";
import { pathProblem } from "../../wire/path.ts";
import { AllMarks, type MarkId, type MarksLimits } from "./all-marks.ts";
import { type Due, slotName } from "./due-versions.ts";
import type { FailedVersions } from "./failed-versions.ts";
import { formerPlaces } from "./former-places.ts";
import type { SentPlace } from "./group-start.ts";
import type { Change, Delivered, Noted } from "./noted.ts";
import { Outstanding, type Sent, sentVersion } from "./outstanding.ts";
import type { Reading } from "./reading.ts";
import { isSurelySettled, type KnownOfUploader } from "./settled-files.ts";
import { Wishes } from "./wishes.ts";

export interface SentVersionsOptions {
  failed: FailedVersions;
  reading: Reading;
  /** Whether the group is to deliver it. */
  concerns(sent: Sent): boolean;
  /** Whether marks say nothing of the version by its number, as it was sent before the group began; by its number, or where it is. */
  isBefore(version: number, sent?: SentPlace): boolean;
  /** Whether an uploader that keeps the rules can have given the number. */
  isPlausible(version: number): boolean;
  /** What marks may take in memory; for the tests. */
  marksLimits: MarksLimits | undefined;
}

type SlotKey = Pick<FilesEntry, "uploader" | "epoch" | "slot">;

/** Versions that are told at a time. */
const maxDiffering = 100;

export class SentVersions {
  readonly marks: AllMarks;
  readonly wishes = new Wishes();
  readonly #options: SentVersionsOptions;
  #outstanding = new Outstanding();
  /** While the ledger is read again: what will be in its place; nobody sees half of it. */
  #loading: Outstanding | undefined;
  #differing: VersionId[] = [];
  #hasStored: ((id: VersionId) => boolean) | undefined;

  constructor(options: SentVersionsOptions) {
    this.#options = options;
    this.marks = new AllMarks(options.marksLimits);
  }

  /**
   * From now on a version that comes in is stored also if a newer one was noted: its number says nothing of that.
   *
   * @param hasStored whether it, or a newer one of its path, is stored here
   */
  keepOlder(hasStored: (id: VersionId) => boolean): void {
    this.#hasStored = hasStored;
  }

  /** What is neither delivered nor failed. */
  get outstanding(): Pick<Outstanding, "newestOf" | "mayTakeMore" | "overflowing" | "size" | "values"> {
    return this.#outstanding;
  }

  beginReading(): void {
    this.#loading = new Outstanding();
    this.marks.beginReading();
    this.wishes.beginReading();
  }

  endReading(): void {
    this.#outstanding = this.#loading ?? this.#outstanding;
    this.#loading = undefined;
    this.marks.endReading();
  }

  /** The ledger was deleted and created again. What is settled stays so, whatever is noted again. */
  ledgerRecreated(): void {
    this.wishes.clear();
    this.marks.ledgerRecreated();
    this.#outstanding = new Outstanding();
    this.#loading = undefined;
  }

  /** Not while the ledger is read again. */
  pack(to: Packer): void {
    for (const part of [this.marks, this.wishes, this.#outstanding]) part.pack(to);
  }

  unpack(from: Unpacker): void {
    for (const part of [this.marks, this.wishes, this.#outstanding]) part.unpack(from);
  }

  /** See `GroupState.isDelivered`. */
  isDelivered(id: VersionId, partition: number): boolean {
    if (this.wishes.has(id)) return false;
    const marks = this.marks.get(id.uploader);
    const isNumberEnough = !this.#options.isBefore(id.version) && (this.#hasStored?.(id) ?? true);
    if (!isNumberEnough) return marks?.isNamed(id, partition) ?? false;
    const { reading, failed } = this.#options;
    return marks?.isSettled(id, partition, reading.isComplete, failed.hasReceipt(id)) ?? false;
  }

  /** Whether the version may be due, or become so. */
  mayBeDue({ uploader, version }: VersionId): boolean {
    const marks = this.marks.get(uploader);
    return !marks || marks.mayBeDue(version) || marks.announced.isOpen(version);
  }

  /** Whether a newer version than this one may be settled without being known here, as there is too much of the uploader. */
  mayBeSuperseded({ uploader }: VersionId): boolean {
    const known = this.marks.get(uploader);
    const isMuch = known?.isCrowded || known?.marks.hasForgotten || this.#outstanding.overflowed(uploader);
    // Others that were forgotten say nothing of this one.
    return isMuch || !this.marks.isWhole(uploader);
  }

  /** Whether others send under the name that the file is filed under. */
  isShared({ uploader }: VersionId): boolean {
    return isBeside(uploader) || this.marks.beside(uploader).length > 0;
  }

  /** Whether one of those may have noted a newer version of any file. */
  mayBeNewerBeside({ uploader, version }: VersionId): boolean {
    return this.marks.beside(uploader).some((other) => {
      const known = this.marks.get(other);
      return known ? known.announced.next > version : this.marks.hasForgotten;
    });
  }

  /** Whether the group has a newer version of the file by one of those that is not noted, as its sender was killed before. */
  hasNewerUnnoted({ uploader, path, version }: VersionId): boolean {
    const has = (other: string) => (this.marks.get(other)?.marks.earlyOf(path)?.version ?? 0) > version;
    return this.marks.beside(uploader).some(has);
  }

  /** Whether it was sent before the group began: a mark has to name it. */
  isBefore(id: VersionId): boolean {
    const sent = this.#outstanding.newestOf(id);
    return this.#options.isBefore(id.version, sent?.version === id.version ? sent : undefined);
  }

  /** The older version of its path that is due, if one is known. */
  supersededBy(id: VersionId): number | undefined {
    const older = this.#outstanding.newestOf(id)?.version ?? this.#options.failed.newest(id);
    return older !== undefined && older < id.version ? older : undefined;
  }

  /** See `GroupState.noteWritten`. */
  noteWritten(
    { uploader, partition }: MarkId,
    value: DoneValue,
    offset: number,
    files: readonly Delivered[],
  ): void {
    this.#changed(
      uploader,
      this.marks.change(uploader, ({ records }) => records.written(partition, value, offset, files)),
    );
  }

  /** The version has failed. */
  failed(id: VersionId): void {
    const isKnown = this.marks.get(id.uploader) !== undefined;
    if (isKnown)
      this.#keepFailures(
        this.marks.change(id.uploader, ({ failures }) => failures.failed(mapKey(id), id.version)),
      );
    this.#outstanding.settle(id);
    this.#loading?.settle(id);
  }

  /** The group is to have the version again, by its entry's offset in the ledger. Returns whether that is new. */
  noteWish(id: VersionId, offset: number): boolean {
    const isNew = this.wishes.note(id, offset);
    this.#options.failed.noteAgain(id, offset);
    const isKnown = isNew && this.marks.get(id.uploader) !== undefined;
    if (isKnown)
      this.marks.noteDirty(
        id.uploader,
        this.marks.change(id.uploader, (marks) => marks.unname(id)),
      );
    return isNew;
  }

  /** The group has the version that it was to have again, or can't, by the tombstone's offset in the ledger. */
  wishOver(id: VersionId, offset: number): void {
    this.wishes.remove(id, offset);
    const due = this.marks.get(id.uploader)?.notWanted(id);
    if (due) this.#changed(id.uploader, { settled: [due], dirty: [], clean: [] });
  }

  /** What was noted with another content than the group has; each is told once. */
  drainDiffering(): VersionId[] {
    return this.#differing.splice(0);
  }

  /** Applies a mark, as it is read. */
  applyDone(entry: DoneEntry, offset: number): void {
    const { uploader, partition } = entry;
    const { reading, isPlausible } = this.#options;
    const isRead = reading.isComplete;
    // What nothing could follow is not said. It has taken the place of what was.
    const also = entry.also.filter(isPlausible);
    const early = entry.early.filter(({ version }) => isPlausible(version));
    const counts = isPlausible(entry.to) ? inThisLog(entry, offset) : withoutNumbers(entry);
    const value = { ...counts, also, early };
    const isWanted = (version: number) => this.wishes.hasNumber(uploader, version);
    this.#changed(
      uploader,
      this.marks.change(uploader, ({ records }) => records.read(partition, value, offset, isRead, isWanted)),
    );
  }

  /** Somebody has taken a mark out of the ledger: a member that knew better says it again, one that has just read it does not know it. */
  doneIsGone({ uploader, partition }: MarkId): void {
    const mark = this.marks.get(uploader)?.marks.get(partition);
    if (!mark) return;
    if (this.#options.reading.isComplete || mark.isOfAnother) this.marks.noteDirty(uploader, [mark]);
    else this.marks.change(uploader, ({ marks }) => marks.remove(mark));
  }

  /** Applies a batch, as it is read. */
  applyFiles(entry: FilesEntry, offset: number): void {
    const { uploader, files, next } = entry;
    const at = this.#options.reading.saidAt(entry, offset);
    const known = this.#knownOf(uploader);
    for (const file of files)
      if (!known || !isSurelySettled(file, at, known)) this.#applyFile(entry, file, { at, slotAt: offset });
    this.leftInSlot(entry, files, offset);
    // Its uploader takes it as noted here.
    if (at < offset) this.#oweAll(uploader, offset);
    // After them: what they note is not open.
    if (this.#options.isPlausible(next - 1))
      this.marks.change(uploader, ({ announced }) => {
        this.marks.doubts.note(announced);
        announced.heard(entry, offset, slotName(entry));
      });
  }

  /** Each of its marks has to speak of what was noted up to this ledger offset. */
  #oweAll(uploader: string, offset: number): void {
    if (!this.marks.get(uploader)) return;
    const owing = this.marks.change(uploader, ({ marks }) => marks.wakeAll());
    for (const mark of owing) mark.owe(offset);
    this.marks.noteDirty(uploader, owing);
  }

  /** Applies the tombstone of a batch, as it is read. @param timestampMs see `Announced.takenOut` */
  batchIsGone(slot: SlotKey, offset: number, timestampMs: number): void {
    this.marks.get(slot.uploader)?.announced.takenOut(slotName(slot), offset, timestampMs);
    this.leftInSlot(slot, [], offset);
  }

  /** See `UploaderMarks.isForgotten`. */
  isForgotten({ uploader, version }: VersionId): boolean {
    return this.marks.get(uploader)?.isForgotten(version) === true;
  }

  /** See `UploaderMarks.leftInSlot`. */
  leftInSlot(slot: SlotKey, files: readonly { path: string }[], offset: number): void {
    const { uploader } = slot;
    if (!this.marks.get(uploader)) return;
    const left = () => new Set(files.map(({ path }) => mapKey({ uploader, path })));
    const { mayLack } = this.#options.reading;
    this.#changed(
      uploader,
      this.marks.change(uploader, (marks) => marks.leftInSlot(slotName(slot), left, offset, mayLack)),
    );
  }

  /** What tells which of its files are settled; undefined: more than that is to be asked of each. */
  #knownOf(uploader: string): KnownOfUploader | undefined {
    const marks = this.marks.get(uploader);
    if (!marks || this.wishes.size > 0 || this.#options.failed.mayBeOf(uploader)) return undefined;
    return { uploader, marks, outstanding: this.#loading ?? this.#outstanding };
  }

  #applyFile(entry: FilesEntry, file: NotedFile, said: { at: number; slotAt: number }): void {
    const { uploader, moved } = entry;
    const { failed, concerns, isBefore, isPlausible } = this.#options;
    const { path, version } = file;
    // One that nothing could follow is ignored.
    if (!isPlausible(version)) return;
    const newest = { uploader, path, version };
    const outstanding = this.#loading ?? this.#outstanding;
    const sent = sentVersion(newest, file);
    if (sent) this.#settleOlder(outstanding, newest);
    else outstanding.replace(newest);
    // It may be sent yet; or was, if this is read again.
    if (file.state === "sending" || file.state === "incomplete") return;
    const isMoot = !sent || !concerns(sent) || pathProblem(path) !== undefined;
    // One of an agent that had lost the name may be older.
    if (isMoot || (outstanding.newestOf(newest)?.version ?? 0) > version) {
      this.#settle(newest);
      return;
    }
    if (!sent.gone && !moved) failed.noteAgain(sent, said.at);
    const { slotAt } = said;
    const hasFailed = failed.has(sent) || (this.#isLeftToReceipt(sent) && !outstanding.hasRoomFor(sent));
    const was = formerPlaces(file, isBefore);
    const where = { at: file.at ?? said.at, slot: slotName(entry), slotAt, hasFailed, was };
    if (this.#noteSent(sent, where) && !where.hasFailed) outstanding.put(sent);
  }

  /** Returns whether it is due. @param where see `Noted` */
  #noteSent(sent: Sent, where: Omit<Noted, "path" | "version" | "checksum" | "partition">): boolean {
    const { uploader, path, version, checksum, partition } = sent;
    const { failed } = this.#options;
    const said = {
      isWanted: this.wishes.has(sent),
      hasReceipt: failed.hasReceipt(sent),
      hadFailed: failed.takeFromBefore(sent),
    };
    const noted = { path, version, checksum, partition, ...where };
    const { verdict, dirty, left } = this.marks.change(uploader, (marks) => marks.note(noted, said));
    this.marks.noteDirty(uploader, dirty);
    this.#keepFailures([...left, ...(verdict === "failed" ? [{ key: mapKey(sent), version }] : [])]);
    if (verdict === "differs" && this.#differing.length < maxDiffering)
      this.#differing.push({ uploader, path, version });
    return verdict === "due" || verdict === "differs";
  }

  /** Whether nothing but its receipt says that it is not settled. */
  #isLeftToReceipt(sent: Sent): boolean {
    const { failed } = this.#options;
    return failed.hasReceipt(sent) && this.marks.get(sent.uploader)?.failures.leaves(sent) === true;
  }

  #keepFailures(left: Iterable<Pick<Due, "key" | "version">>): void {
    for (const { key, version } of left) this.#options.reading.keepFailure(key, version);
  }

  #settleOlder(outstanding: Outstanding, { uploader, path, version }: VersionId): void {
    const older = outstanding.newestOf({ uploader, path })?.version ?? version;
    const failed = this.#options.failed.newest({ uploader, path }) ?? version;
    outstanding.settle({ uploader, path, version });
    for (const one of new Set([older, failed]))
      if (one < version) this.#settle({ uploader, path, version: one });
  }

  #settle(id: VersionId): void {
    const marks = this.marks.get(id.uploader);
    if (marks) this.marks.noteDirty(id.uploader, marks.settle(id));
  }

  #changed(uploader: string, { settled, dirty, clean }: Change): void {
    for (const { key, version } of settled) {
      this.#outstanding.settleFile(uploader, key, version);
      this.#loading?.settleFile(uploader, key, version);
    }
    for (const { partition } of clean) this.marks.noteClean({ uploader, partition });
    this.marks.noteDirty(uploader, dirty);
  }
}
