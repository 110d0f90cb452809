/**
 * What a group's downloaders know of the ledger, entry by entry: what was sent and is settled or not (`sent-versions.ts`), what has
 * failed, what is asked for, and where the group began. A settled file costs nothing, an unsettled one a few hundred bytes, of a
 * bounded number. Entries may be applied again and in part out of order; their offsets decide.
 */
import type { Packer, Unpacker } from "../../lib/packed.ts";
import { VersionIndex } from "../../lib/version-index.ts";
import type { VersionId } from "../../wire/chunk.ts";
import { type Entry, keyOf } from "../../wire/entry.ts";
import {
  type EntryKey,
  encodeEntryKey,
  type ReceiptKey,
  type ReceiptKind,
  receiptKey,
} from "../../wire/entry-key.ts";
import type { DoneValue } from "../../wire/entry-value.ts";
import type { LoggedEntry } from "../ledger.ts";
import { BrokerTime } from "../uploader/version-clock.ts";
import type { MarkId, MarksLimits } from "./all-marks.ts";
import { FailedVersions } from "./failed-versions.ts";
import { GroupStart } from "./group-start.ts";
import { Holds } from "./holds.ts";
import type { Delivered } from "./noted.ts";
import { ObsoleteReceipts } from "./obsolete-receipts.ts";
import { OpenRequests } from "./open-requests.ts";
import type { Outstanding, Sent } from "./outstanding.ts";
import { Reading } from "./reading.ts";
import { SentVersions } from "./sent-versions.ts";
import { Silence } from "./silence.ts";

/** In slots of 24 bytes. Bounded, as whoever may write the ledger can take back any number of failures. */
const takenBackSlots = 1 << 18;

export class GroupState {
  readonly group: string;
  readonly failed: FailedVersions;
  readonly requests = new OpenRequests();
  readonly start = new GroupStart();
  readonly silence: Silence;
  readonly reading = new Reading();
  readonly versions: SentVersions;
  readonly #brokerTime = new BrokerTime();
  readonly #holds = new Holds();
  /** Failures that were taken back on purpose, and the offset of the tombstone: what stands before it does not count. */
  #takenBack = new VersionIndex(takenBackSlots);
  /** Receipts that nobody needs any more. */
  #obsolete = new ObsoleteReceipts();
  #mustReadAgain = false;
  #recreations = 0;
  #ledgerId: string;

  /** @param ledgerId of the ledger that is read @param marksLimits for the tests */
  constructor(group: string, now: () => number, ledgerId: string, marksLimits?: MarksLimits) {
    this.group = group;
    this.#ledgerId = ledgerId;
    this.silence = new Silence(now);
    this.failed = new FailedVersions(this.silence);
    this.versions = new SentVersions({
      failed: this.failed,
      reading: this.reading,
      concerns: (sent) => this.#concerns(sent),
      isBefore: (version, sent) => (sent ? !this.start.markCovers(sent) : this.start.isBefore(version)),
      isPlausible: (version) => this.#brokerTime.isPlausible(version),
      marksLimits,
    });
  }

  /** Of the ledger that is read. */
  get ledgerId(): string {
    return this.#ledgerId;
  }

  /** How often the ledger was deleted and created again since this began. */
  get recreations(): number {
    return this.#recreations;
  }

  /** Whether the group has delivered anything, and was not forgotten since. */
  get hasMarks(): boolean {
    return this.versions.marks.hasAny;
  }

  /**
   * The ledger was deleted and created again. What is settled stays so, and its marks are to be written there; all else is what the
   * new one says.
   *
   * @param ledgerId of the new one
   */
  ledgerRecreated(ledgerId: string): void {
    this.#recreations++;
    this.#ledgerId = ledgerId;
    this.start.clear();
    this.failed.ledgerRecreated();
    this.silence.clear();
    this.#holds.clear();
    this.requests.clear();
    this.versions.ledgerRecreated();
    this.reading.clear();
    this.#takenBack = new VersionIndex(takenBackSlots);
    this.#obsolete = new ObsoleteReceipts();
  }

  /** What was sent and is neither delivered nor failed, as far as the group is to deliver it. */
  *unsettled(): Generator<Sent> {
    for (const sent of this.versions.outstanding.values())
      if (!sent.isReplaced && this.#concerns(sent)) yield sent;
  }

  /** Of all uploaders, with some that the group is not to deliver. */
  get outstanding(): Pick<Outstanding, "size" | "overflowing"> {
    return this.versions.outstanding;
  }

  /**
   * Whether nothing is left to do for a chunk of the version, noted or not: it, or a newer one, is delivered, or it will never be noted.
   *
   * @param partition of the chunks
   */
  isDelivered(id: VersionId, partition: number): boolean {
    return this.versions.isDelivered(id, partition);
  }

  /** The same, also if the version has failed. */
  isSettled(id: VersionId, partition: number): boolean {
    return this.isDelivered(id, partition) || this.failed.has(id);
  }

  /** Notes that a mark is written, by its offset in the ledger, and what is delivered with it. */
  noteWritten(id: MarkId, value: DoneValue, offset: number, files: readonly Delivered[]): void {
    this.versions.noteWritten(id, value, offset, files);
  }

  /** Notes that a version has failed, by its receipt at this offset of the ledger. */
  noteFailed(id: VersionId, offset: number, reason: string): void {
    if (this.failed.note(id, offset, reason)) this.versions.failed(id);
  }

  /** A failure is taken back, by its tombstone's offset in the ledger: what it stood for is tried again, unless it is settled. */
  noteTakenBack(key: EntryKey & VersionId, offset: number): void {
    const name = encodeEntryKey(key);
    if (!this.failed.hasReceipt(key) || (this.#takenBack.get(name) ?? -1) >= offset) return;
    this.failed.takeBack(key);
    this.#takenBack.set(name, offset);
    // What its uploader says of it was passed over: the ledger has to be read once more.
    if (this.versions.mayBeDue(key)) this.#mustReadAgain = true;
  }

  /** Notes a request, by its offset in the ledger. @param sinceMs since when it stands, by the brokers' clock */
  noteRequest(id: VersionId, offset: number, sinceMs: number): void {
    const older = this.requests.note(id, sinceMs);
    if (older) this.#obsolete.note(receiptKey("needs", this.group, older), offset);
  }

  /** Notes that the group is to have a version again, by its entry's offset in the ledger. */
  noteWish(id: VersionId, offset: number): void {
    const isNew = this.versions.noteWish(id, offset);
    // What its uploader says of it was passed over: the ledger has to be read once more.
    if (isNew && !this.reading.isFirstPass) this.#mustReadAgain = true;
  }

  /** All of the ledger but batches is read from now on; until `endReading` what was known before is what is known. */
  beginReading(): void {
    this.#mustReadAgain = false;
    this.versions.marks.beginReadingMarks();
    this.reading.begin();
  }

  /** All of it is read from now on. */
  beginSecondPass(): void {
    this.versions.beginReading();
    this.reading.beginSecond();
  }

  /** All marks of these uploaders are read from now on, and then all that they have noted, until `endReadingOf`. */
  beginReadingOf(uploaders: ReadonlySet<string>): void {
    for (const uploader of uploaders)
      this.versions.marks.change(uploader, (marks) => marks.beginReadingMarks());
  }

  beginSecondPassOf(uploaders: ReadonlySet<string>): void {
    for (const uploader of uploaders) this.versions.marks.change(uploader, (marks) => marks.beginReading());
  }

  endReadingOf(uploaders: ReadonlySet<string>): void {
    const { marks } = this.versions;
    for (const uploader of uploaders)
      marks.noteDirty(
        uploader,
        marks.change(uploader, (of) => of.endReading()),
      );
  }

  endReading(): void {
    this.versions.endReading();
    const isNeeded = (id: VersionId) => this.versions.mayBeDue(id) || this.failed.mayHaveForgotten(id);
    for (const { key, offset } of this.reading.end(isNeeded)) this.#obsolete.note(key, offset);
  }

  /** Whether something was passed over, as it was settled then: the ledger has to be read once more. */
  get mustReadAgain(): boolean {
    return this.#mustReadAgain;
  }

  /** Whether it is being read once more, and what that finds is not known yet. */
  get isLoading(): boolean {
    return this.reading.isUnderWay;
  }

  /** Whether reading the ledger again may find something. */
  get mayBeMore(): boolean {
    const { outstanding, wishes } = this.versions;
    // What did not fit is looked for once most of what did is settled.
    return this.#mustReadAgain || outstanding.mayTakeMore || wishes.mayTakeMore;
  }

  /** Whether there may be something to take back, to drop or to write. */
  get isUntidy(): boolean {
    const { wishes, marks } = this.versions;
    return this.requests.size + wishes.size + this.#obsolete.size + marks.dirtyCount > 0;
  }

  /** Requests that are settled, or that a newer version has made obsolete. They are handed out once, to be taken back. */
  drainObsoleteRequests(): ReceiptKey<"needs">[] {
    const removed = this.requests.removeObsolete((id) => this.#isBeyondHelp(id));
    return removed.map((id) => receiptKey("needs", this.group, id));
  }

  /** At most `count` other obsolete receipts, of those that `isOurs`. They are handed out once, to be dropped. */
  drainObsolete(isOurs: (id: VersionId) => boolean, count: number): ReceiptKey<ReceiptKind>[] {
    // Without the wish a mark of before would say that the group has what has failed since.
    const isSaid = (id: VersionId) => !this.failed.has(id) || this.versions.marks.isWritten(id.uploader);
    for (const { id, offset } of this.versions.wishes.values())
      if (this.#isBeyondHelp(id) && isSaid(id))
        this.#obsolete.note(receiptKey("again", this.group, id), offset);
    return this.#obsolete.drain(isOurs, count);
  }

  /** What was handed out could not be written: it is only known once the ledger was read again. */
  drainedInVain(): void {
    this.#mustReadAgain = true;
  }

  /**
   * Whether an uploader that keeps the rules can have given the version: see `BrokerTime.isPlausible`.
   *
   * @param timestampMs when the brokers appended the record that has it
   */
  canBeGiven(version: number, timestampMs: number): boolean {
    this.#brokerTime.note(timestampMs);
    return this.#brokerTime.isPlausible(version);
  }

  /** Applies an entry as it is read. One with a version that nothing could follow is ignored. */
  apply(logged: LoggedEntry): void {
    const { entry, partition, offset, timestampMs } = logged;
    const key = keyOf(entry);
    const isNews = this.reading.isNews(partition, offset, key.kind === "files");
    if (!this.canBeGiven("version" in key ? key.version : 0, timestampMs) || !isNews) return;
    if (entry.kind === "name") this.#holds.note(entry, offset);
    if (entry.kind === "files" && this.#holds.isVoid(entry, offset)) return;
    const heard = this.silence.note(logged);
    // What the uploader owes was passed over as failed, and is found by reading the ledger once more.
    if (heard !== undefined && this.failed.endSilence(heard, offset)) this.#mustReadAgain = true;
    if (entry.kind === "files") this.versions.applyFiles(entry, offset);
    else if (key.kind === "files") this.versions.batchIsGone(key, offset, timestampMs);
    if (!("group" in key) || key.group !== this.group) return;
    if (key.kind === "start") this.start.note(entry.kind === "start" ? entry : undefined, timestampMs);
    else if (key.kind !== "done") this.#applyReceipt(entry, key, offset, timestampMs);
    else if (entry.kind === "done") this.versions.applyDone(entry, offset);
    else this.versions.doneIsGone(key);
  }

  /** All that was read, once all was. The order of the parts is the format, see `summary/summary-format.ts`. */
  pack(to: Packer): void {
    to.number(this.#brokerTime.latestMs).flag(this.#mustReadAgain);
    for (const part of this.#parts()) part.pack(to);
  }

  /** Into one that knows nothing. Throws a `RangeError`, a `SyntaxError` or a `ShapeError` for what `pack` did not write. */
  unpack(from: Unpacker): void {
    this.#brokerTime.note(from.number());
    this.#mustReadAgain = from.flag();
    for (const part of this.#parts()) part.unpack(from);
  }

  #parts() {
    const { failed, requests, start, silence, reading, versions } = this;
    return [
      ...[silence, failed, requests, start, reading, versions],
      ...[this.#holds, this.#takenBack, this.#obsolete],
    ];
  }

  #applyReceipt(entry: Entry, key: ReceiptKey<ReceiptKind>, offset: number, timestampMs: number): void {
    this.#obsolete.read(key, offset);
    if (key.kind === "failed")
      this.reading.noteFailure({ ...key, kind: key.kind }, offset, entry.kind === "failed");
    if (entry.kind === "needs") this.noteRequest(entry, offset, entry.since ?? timestampMs);
    else if (key.kind === "needs") this.requests.remove(key);
    else if (entry.kind === "again") this.noteWish(entry, offset);
    else if (key.kind === "again") this.versions.wishOver(key, offset);
    else if (entry.kind === "tombstone") this.noteTakenBack(key, offset);
    else if (offset < (this.#takenBack.get(encodeEntryKey(key)) ?? 0)) return;
    else if (entry.kind === "failed") this.noteFailed(entry, offset, entry.reason);
  }

  /** Whether nobody would answer for the version: it is settled, has failed, or its uploader has another one by now. */
  #isBeyondHelp(id: VersionId): boolean {
    const sent = this.versions.outstanding.newestOf(id);
    if (sent?.version === id.version) return sent.isReplaced;
    return this.failed.has(id) || !this.versions.mayBeDue(id);
  }

  /** What was asked for, and is in another topic now, was to be delivered before. */
  #concerns(sent: Sent): boolean {
    return this.requests.has(sent) || this.start.covers(sent);
  }
}
