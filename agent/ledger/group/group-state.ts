/**
 * What a group's downloaders know of the ledger, entry by entry: what is delivered, what has failed, what was sent and is
 * neither, what is asked for, and where the group began. A settled file costs 24 bytes (`version-index.ts`), an unsettled one a
 * few hundred, of a bounded number. Entries may be applied again and in part out of order; their offsets decide.
 */
import type { FileId, VersionId } from "../../wire/chunk.ts";
import { type Entry, keyOf } from "../../wire/entry.ts";
import {
  type EntryKey,
  encodeEntryKey,
  type ReceiptKey,
  type ReceiptKind,
  receiptKey,
} from "../../wire/entry-key.ts";
import type { FileValue } from "../../wire/entry-value.ts";
import { pathProblem } from "../../wire/path.ts";
import type { LoggedEntry } from "../ledger.ts";
import { BrokerTime } from "../uploader/version-clock.ts";
import { DeliveredVersions, takenBackSlots } from "./delivered-versions.ts";
import { FailedVersions } from "./failed-versions.ts";
import { ForgottenFiles } from "./forgotten-files.ts";
import { GroupStart } from "./group-start.ts";
import { ObsoleteReceipts } from "./obsolete-receipts.ts";
import { OpenRequests } from "./open-requests.ts";
import { Outstanding, type Sent, sentVersion } from "./outstanding.ts";
import { type OwedReceipt, OwedReceipts, type SentTo } from "./owed-receipts.ts";
import { Silence } from "./silence.ts";
import { PublicationNumbers } from "./store-receipts.ts";
import { VersionIndex } from "./version-index.ts";

export class GroupState {
  readonly group: string;
  readonly delivered: DeliveredVersions;
  readonly failed: FailedVersions;
  readonly forgotten = new ForgottenFiles();
  readonly requests = new OpenRequests();
  readonly start = new GroupStart();
  readonly silence: Silence;
  readonly #brokerTime = new BrokerTime();
  #unsettled = new Outstanding();
  /** While the ledger is read again: what will be in its place; nobody sees half of it. */
  #loading: Outstanding | undefined;
  /** Receipts that were taken back on purpose, and the offset of the tombstone: what stands before it does not count. */
  #takenBack = new VersionIndex(takenBackSlots);
  /** Receipts of files that their uploader has forgotten, and requests for a version before the one asked for. */
  #obsolete = new ObsoleteReceipts();
  #publications = new PublicationNumbers();
  #mustReadAgain = false;
  #recreations = 0;
  /** Once the ledger was recreated. */
  #owed: OwedReceipts | undefined;

  constructor(group: string, delivered: VersionIndex, now: () => number) {
    this.group = group;
    this.delivered = new DeliveredVersions(delivered);
    this.silence = new Silence(now);
    this.failed = new FailedVersions(this.silence);
  }

  /** How often the ledger was deleted and created again since this began. */
  get recreations(): number {
    return this.#recreations;
  }

  /**
   * The ledger was deleted and created again. What is delivered stays so, and its receipts are owed; all else is what the new
   * one says.
   */
  ledgerRecreated(): void {
    this.#recreations++;
    this.start.clear();
    this.failed.clear();
    this.silence.clear();
    this.requests.clear();
    this.forgotten.clear();
    this.#takenBack = new VersionIndex(takenBackSlots);
    this.#obsolete = new ObsoleteReceipts();
    this.#owed = new OwedReceipts();
    this.#publications = new PublicationNumbers();
    this.#unsettled = new Outstanding();
    this.#loading = undefined;
  }

  /** Whether a receipt says that the store has published more often than `number` times. */
  mayHavePublished(store: string, number: number): boolean {
    return this.#publications.mayBeAbove(store, number);
  }

  /** What was sent and is neither delivered nor failed, as far as the group is to deliver it. */
  *unsettled(): Generator<Sent> {
    for (const sent of this.#unsettled.values()) if (this.#concerns(sent)) yield sent;
  }

  /** Of all uploaders, with some that the group is not to deliver. */
  get outstanding(): Pick<Outstanding, "size" | "overflowing"> {
    return this.#unsettled;
  }

  /** Whether nothing is left to do for the version: it, or a newer one, is delivered, or it has failed. */
  isSettled(id: VersionId): boolean {
    return this.delivered.has(id) || this.failed.has(id);
  }

  /** Notes a version as delivered here, before its receipt is written. */
  noteDelivered(id: VersionId): void {
    this.delivered.note(id);
    this.#owed?.written(id);
    this.#settle(id);
  }

  /** Notes that a version has failed, by its receipt at this offset of the ledger. */
  noteFailed(id: VersionId, offset: number, reason: string): void {
    if (this.failed.note(id, offset, reason)) this.#settle(id);
  }

  /** Notes a request, by its offset in the ledger. @param sinceMs since when it stands, by the brokers' clock */
  noteRequest(id: VersionId, offset: number, sinceMs: number): void {
    const older = this.requests.note(id, sinceMs);
    if (older) this.#obsolete.note(receiptKey("needs", this.group, older), offset);
  }

  /** Notes that a receipt is taken back, by its tombstone at this offset of the ledger: what it stood for is owed again. */
  noteTakenBack(key: ReceiptKey<"delivered" | "failed">, offset: number): void {
    const versions = key.kind === "delivered" ? this.delivered : this.failed;
    const name = encodeEntryKey(key);
    if (versions.newest(key) !== key.version || (this.#takenBack.get(name) ?? -1) >= offset) return;
    versions.takeBack(key);
    this.#takenBack.set(name, offset);
    // What its uploader says of it was passed over: the ledger has to be read once more.
    if (!this.delivered.has(key)) this.#mustReadAgain = true;
  }

  /** The whole ledger is read from now on; until `endReading` what was known before is what is known. */
  beginReading(): void {
    this.#mustReadAgain = false;
    this.#loading = new Outstanding();
  }

  endReading(): void {
    this.#unsettled = this.#loading ?? this.#unsettled;
    this.#loading = undefined;
  }

  /** Whether something was passed over, as it was settled then: the ledger has to be read once more. */
  get mustReadAgain(): boolean {
    return this.#mustReadAgain;
  }

  /** Whether it is being read once more, and what that finds is not known yet. */
  get isLoading(): boolean {
    return this.#loading !== undefined;
  }

  /** Whether reading the ledger again may find something. */
  get mayBeMore(): boolean {
    // What did not fit is looked for once most of what did is settled.
    return this.#mustReadAgain || this.#unsettled.mayTakeMore;
  }

  /** Whether there may be something to take back or to drop. */
  get hasObsolete(): boolean {
    return this.requests.size + this.#obsolete.size + (this.#owed?.size ?? 0) > 0;
  }

  /** Requests that are settled, or that a newer version has made obsolete. They are handed out once, to be taken back. */
  drainObsoleteRequests(): ReceiptKey<"needs">[] {
    const isObsolete = (id: VersionId) => {
      // What is not there may only not have fitted, or be too old to be known here, but not to the member that has asked.
      const mayBeMissing = this.#unsettled.overflowed(id.uploader) || id.version <= this.delivered.floor;
      return !this.#unsettled.has(id) && (!mayBeMissing || this.isSettled(id));
    };
    return this.requests.removeObsolete(isObsolete).map((id) => receiptKey("needs", this.group, id));
  }

  /** At most `count` other obsolete receipts, of those that `isOurs`. They are handed out once, to be dropped. */
  drainObsolete(isOurs: (id: VersionId) => boolean, count: number): ReceiptKey<ReceiptKind>[] {
    return this.#obsolete.drain(isOurs, count);
  }

  /** At most `count` receipts that are owed to a recreated ledger, of those that `isOurs`. They are handed out once. */
  drainOwed(isOurs: (id: VersionId, place: SentTo) => boolean, count: number): OwedReceipt[] {
    return this.#owed?.drain(isOurs, count) ?? [];
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
    const { entry, offset, timestampMs } = logged;
    const key = keyOf(entry);
    if (!this.#isCredible(entry, key, timestampMs)) return;
    const heard = this.silence.note(logged);
    // What the uploader owes was passed over as failed, and is found by reading the ledger once more.
    if (heard !== undefined && this.failed.endSilence(heard, offset)) this.#mustReadAgain = true;
    if (entry.kind === "file") this.#applyFile(entry, entry, offset);
    else if (key.kind === "file") this.#applyForgotten(key, offset, timestampMs);
    if (!("group" in key) || key.group !== this.group) return;
    if (key.kind === "start") this.start.note(entry.kind === "start" ? entry : undefined, timestampMs);
    else this.#applyReceipt(entry, key, offset, timestampMs);
  }

  #applyReceipt(entry: Entry, key: ReceiptKey<ReceiptKind>, offset: number, timestampMs: number): void {
    this.#obsolete.read(key, offset);
    if (entry.kind === "needs") this.noteRequest(entry, offset, entry.since ?? timestampMs);
    else if (key.kind === "needs") this.requests.remove(key);
    else if (entry.kind === "tombstone") this.noteTakenBack({ ...key, kind: key.kind }, offset);
    else if (offset < (this.#takenBack.get(encodeEntryKey(key)) ?? 0)) return;
    else if (entry.kind === "delivered") {
      this.#publications.note(entry.by);
      this.noteDelivered(entry);
    } else if (entry.kind === "failed") this.noteFailed(entry, offset, entry.reason);
  }

  #applyFile({ uploader, path }: FileId, value: FileValue, offset: number): void {
    const newest = { uploader, path, version: value.version };
    this.forgotten.remove(newest);
    const unsettled = this.#loading ?? this.#unsettled;
    const wasUnsettled = this.#unsettled.has(newest);
    unsettled.settle(newest);
    const sent = sentVersion(newest, value);
    if (!sent) return;
    if (!sent.gone) this.failed.noteSent(sent, offset);
    this.#owe(sent, value);
    if (this.isSettled(sent)) return;
    // Of what is that old, almost all was delivered and is forgotten, and nothing here tells the rest from it, but what
    // was known as missing before. What does not come by itself is not asked for: see `floor`.
    if (sent.version <= this.delivered.floor && !wasUnsettled) return;
    if (this.#concerns(sent) && pathProblem(path) === undefined) unsettled.put(sent);
  }

  /**
   * The uploader has forgotten the file. It is forgotten here as well, so that the tombstones of its receipts ask for nothing.
   * Later versions stay: when the ledger is read again, this comes before what is known already.
   */
  #applyForgotten({ uploader, path }: FileId, offset: number, timestampMs: number): void {
    const file = { uploader, path };
    (this.#loading ?? this.#unsettled).settle({ ...file, version: Number.MAX_SAFE_INTEGER });
    const isBefore = this.forgotten.note(file, timestampMs);
    const delivered = this.delivered.newest(file);
    const failed = this.failed.newest(file);
    const asked = this.requests.versionOf(file);
    const drop = (kind: ReceiptKind, version: number) =>
      this.#obsolete.note(receiptKey(kind, this.group, { ...file, version }), offset);
    if (isBefore(delivered)) drop("delivered", delivered);
    this.delivered.forget(file, isBefore);
    if (isBefore(failed)) {
      drop("failed", failed);
      this.failed.forget(file);
    }
    if (isBefore(asked)) {
      drop("needs", asked);
      this.requests.remove({ ...file, version: asked });
    }
  }

  #isCredible(entry: Entry, key: EntryKey, timestampMs: number): boolean {
    const version = entry.kind === "file" ? entry.version : 0;
    return this.canBeGiven("version" in key ? key.version : version, timestampMs);
  }

  #settle(id: VersionId): void {
    this.#unsettled.settle(id);
    this.#loading?.settle(id);
  }

  /**
   * The version is delivered, or a newer one of which the uploader has not noted that it was sent; and the ledger that was
   * recreated may not say so. Who starts now would get it back.
   */
  #owe(sent: Sent, { mtime }: FileValue): void {
    if (!this.#owed || (this.delivered.newest(sent) ?? 0) < sent.version) return;
    if (!this.#owed.note(sent, { size: sent.size, checksum: sent.checksum, mtime }))
      this.#mustReadAgain = true;
  }

  /** What was asked for, and is in another topic now, was to be delivered before. */
  #concerns(sent: Sent): boolean {
    return this.requests.has(sent) || this.start.covers(sent);
  }
}
