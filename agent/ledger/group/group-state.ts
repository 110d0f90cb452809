/**
 * What a group's downloaders know of the ledger: what is delivered, what can't be stored, what was sent and is neither,
 * what is asked for, and where the group began. A settled path costs 24 bytes (`version-index.ts`), an unsettled one a few
 * hundred, of a bounded number.
 */
import { BoundedMap, textBytes } from "../../lib/bounded-map.ts";
import { chunkKey, decodeFrom, type VersionId } from "../../wire/chunk.ts";
import {
  type Entry,
  type EntryKey,
  encodeEntryKey,
  type FileValue,
  keyOf,
  type ReceiptKey,
  type ReceiptKind,
  type StartValue,
  wasSentWhole,
} from "../../wire/entry.ts";
import { pathProblem } from "../../wire/path.ts";
import type { LoggedEntry } from "../ledger.ts";
import { BrokerTime } from "../uploader/version-clock.ts";
import { ObsoleteReceipts } from "./obsolete-receipts.ts";
import { Outstanding, type Sent } from "./outstanding.ts";
import { type OwedReceipt, OwedReceipts } from "./owed-receipts.ts";
import { notAnswered, Silence } from "./silence.ts";
import { PublicationNumbers } from "./store-receipts.ts";
import { VersionIndex } from "./version-index.ts";

/** A request that stands in the ledger. */
interface Asked extends VersionId {
  /** Since when, by the brokers' clock, milliseconds since 1970. */
  sinceMs: number;
}

/** So many silent uploaders are told apart; what others owe comes back when the ledger is read again after they have. */
const maxSilent = 10_000;

/**
 * Beside what is delivered, in slots of 24 bytes: whoever may write the ledger can have the group fail, or take back, as
 * many versions as he likes. What is forgotten of it is tried once more, or not delivered again.
 */
const failedSlots = 1 << 18;
const takenBackSlots = 1 << 19;
/** Requests that are remembered; what is forgotten may be asked for once more. */
const maxAsked = 20_000;
const maxAskedBytes = 6 << 20;

export class GroupState {
  readonly group: string;
  readonly #now: () => number;
  readonly #brokerTime = new BrokerTime();
  readonly #delivered: VersionIndex;
  #failed = new VersionIndex(failedSlots);
  /** Of the newest such receipt of a path, the ledger offset after it. */
  #failedAt = new VersionIndex(failedSlots);
  /** Of the newest entry of a path that says that its uploader has the failed version, the ledger offset after it. */
  #sentAgainAt = new VersionIndex(failedSlots);
  #unsettled = new Outstanding();
  /** While the ledger is read again: what will be in its place; nobody sees half of it. */
  #loading: Outstanding | undefined;
  /** Requests that stand in the ledger, by path. */
  #asked = emptyAsked();
  #silence: Silence;
  /** Versions that have failed as their uploader did not answer, until it writes something. */
  #silenced = new VersionIndex(failedSlots);
  /** Uploaders that have such versions, and the ledger offset after the newest of these receipts. */
  readonly #silentUploaders = new Map<string, number>();
  /** Versions whose `delivered` was taken back: they were stored once, and older ones stay settled. */
  readonly #again = new VersionIndex(takenBackSlots);
  /** Receipts that were taken back on purpose, and the offset of the tombstone: what stands before it does not count. */
  #takenBack = new VersionIndex(takenBackSlots);
  /** Receipts of files that their uploader has forgotten, and requests for a version before the one asked for. */
  #moot = new ObsoleteReceipts();
  /** By the receipts. */
  #publications = new PublicationNumbers();
  #start: StartValue | undefined;
  /** By the brokers' clock, milliseconds since 1970. */
  #startedAtMs = 0;
  #hasReceipts = false;
  #incomplete = false;
  /** How often the ledger was made anew. */
  #renewals = 0;
  /** Where the group began by the ledger before this one. */
  #startBefore: StartValue | undefined;
  /** Once the ledger was made anew. */
  #owed: OwedReceipts | undefined;

  /**
   * @param delivered what it remembers with, empty
   * @param now the monotonic clock, milliseconds
   */
  constructor(group: string, delivered: VersionIndex, now: () => number) {
    this.group = group;
    this.#now = now;
    this.#silence = new Silence(now);
    this.#delivered = delivered;
  }

  /** The offsets that the group began at, if it has begun. */
  get start(): StartValue | undefined {
    return this.#start;
  }

  /** How often the ledger was deleted and made anew since this began. */
  get renewals(): number {
    return this.#renewals;
  }

  /** Where the group began by the ledger before this one. */
  get startBefore(): StartValue | undefined {
    return this.#startBefore;
  }

  /**
   * The ledger was deleted and made anew. What is delivered stays so, and its receipts are owed; all else is what the new one
   * says.
   */
  beginAnew(): void {
    this.#renewals++;
    this.#startBefore = this.#start ?? this.#startBefore;
    this.#start = undefined;
    this.#failed = new VersionIndex(failedSlots);
    this.#failedAt = new VersionIndex(failedSlots);
    this.#sentAgainAt = new VersionIndex(failedSlots);
    this.#silenced = new VersionIndex(failedSlots);
    this.#takenBack = new VersionIndex(takenBackSlots);
    this.#silence = new Silence(this.#now);
    this.#moot = new ObsoleteReceipts();
    this.#owed = new OwedReceipts();
    this.#publications = new PublicationNumbers();
    this.#asked = emptyAsked();
    this.#silentUploaders.clear();
    this.#unsettled = new Outstanding();
    this.#loading = undefined;
  }

  /** Whether the group has ever delivered anything. */
  get hasReceipts(): boolean {
    return this.#hasReceipts;
  }

  /** Whether a receipt says that the store has published more often than `number` times. */
  mayHavePublished(store: string, number: number): boolean {
    return this.#publications.mayBeAbove(store, number);
  }

  /** What was sent and is neither delivered nor failed, as far as it is the group's business. */
  *unsettled(): Generator<Sent> {
    for (const sent of this.#unsettled.values()) if (this.#concerns(sent)) yield sent;
  }

  /** How many those are, about. */
  get unsettledCount(): number {
    return this.#unsettled.size;
  }

  /** Uploaders of which more is unsettled than is worked on at a time. */
  overflowing(): Iterable<string> {
    return this.#unsettled.overflowing();
  }

  /** The newest version of the file that the group has delivered. */
  newestDelivered(id: { uploader: string; path: string }): number | undefined {
    return this.#delivered.get(chunkKey(id));
  }

  /** The newest version of the file that the group has ever stored, also if it is to be delivered again. */
  newestStored(id: { uploader: string; path: string }): number | undefined {
    return Math.max(this.newestDelivered(id) ?? 0, this.#again.get(chunkKey(id)) ?? 0) || undefined;
  }

  /** Whether the version, or a newer one, is delivered. */
  isDelivered(id: VersionId): boolean {
    // A chunk of an older one that comes again must not bring it back over the one that is to be delivered again.
    if ((this.#again.get(chunkKey(id)) ?? 0) > id.version) return true;
    return (this.newestDelivered(id) ?? 0) >= id.version;
  }

  /** Whether nothing is left to do for the version: it, or a newer one, is delivered, or it has failed. */
  isSettled(id: VersionId): boolean {
    return this.isDelivered(id) || this.#isFailed(id);
  }

  /** Notes a version as delivered here, before its receipt is written. */
  noteDelivered(id: VersionId): void {
    this.#delivered.set(chunkKey(id), id.version);
    this.#owed?.written(id);
    this.#settle(id);
    this.#hasReceipts = true;
  }

  /** Notes that a version has failed, by its receipt at this offset of the ledger. */
  noteFailed(id: VersionId, offset: number, reason: string): void {
    const file = chunkKey(id);
    // What was read before may be read again, and what this member has written may not be read yet: the offset decides.
    this.#failed.set(file, id.version);
    this.#failedAt.set(file, offset + 1);
    const isSilence = reason.startsWith(notAnswered);
    if (isSilence) this.#silenced.set(file, id.version);
    else if (this.#silenced.get(file) === id.version) this.#silenced.forget(file);
    if (!this.#isFailed(id)) return;
    this.#settle(id);
    const silentAt = this.#silentUploaders.get(id.uploader);
    if (isSilence && (silentAt !== undefined || this.#silentUploaders.size < maxSilent))
      this.#silentUploaders.set(id.uploader, Math.max(silentAt ?? 0, offset + 1));
  }

  /** The newest version of the file that has failed, whether that counts or not. */
  newestFailed(id: { uploader: string; path: string }): number | undefined {
    return this.#failed.get(chunkKey(id));
  }

  /** Notes a request, by its offset in the ledger. @param sinceMs since when it stands, by the brokers' clock */
  noteAsked({ uploader, path, version }: VersionId, offset: number, sinceMs: number): void {
    const id = { uploader, path, version, sinceMs };
    const known = this.#asked.get(chunkKey(id)) ?? id;
    const [older, newer] = known.version < version ? [known, id] : [id, known];
    this.#asked.set(chunkKey(id), newer);
    if (older.version < newer.version)
      this.#moot.note({ kind: "needs", group: this.group, uploader, path, version: older.version }, offset);
  }

  /** Since when the version is asked for, by the brokers' clock, milliseconds since 1970; `undefined`: it is not. */
  askedSinceMs(id: VersionId): number | undefined {
    const asked = this.#asked.get(chunkKey(id));
    return asked?.version === id.version ? asked.sinceMs : undefined;
  }

  /**
   * Since when the uploader has not answered the request for the version, and for how long that is, by the brokers' clock, in
   * milliseconds; `undefined` when it is not asked for.
   *
   * @param partition of the ledger, the uploader's
   */
  protected silence(id: VersionId, partition: number): { sinceMs: number; lastsMs: number } | undefined {
    const askedMs = this.askedSinceMs(id);
    if (askedMs === undefined) return undefined;
    const sinceMs = this.#silence.since(id.uploader, askedMs);
    return { sinceMs, lastsMs: this.#silence.brokerTimeMs(partition) - sinceMs };
  }

  /** The ledger has taken something of this member. */
  protected stamp(partition: number, offset: number, timestampMs: number): void {
    this.#silence.stamp(partition, offset, timestampMs);
  }

  /** Whether a request for the version stands in the ledger, as far as that was read. */
  isAsked(id: VersionId): boolean {
    return this.#asked.get(chunkKey(id))?.version === id.version;
  }

  /** Notes where the group begins, as it was written here; by the brokers' clock, as versions are. */
  noteStart(value: StartValue, timestampMs: number): void {
    this.#start = value;
    this.#startedAtMs = timestampMs;
  }

  /** Nothing is known for sure of versions up to this one: more are delivered than can be remembered. */
  get floor(): number {
    return this.#delivered.floor;
  }

  /** Whether it may have been delivered and be forgotten: see `floor`. */
  protected mayBeForgotten(id: VersionId): boolean {
    return id.version <= this.floor && this.newestStored(id) === undefined;
  }

  /** Notes what a receipt says that was forgotten. */
  protected recallDelivered(id: VersionId): void {
    this.#delivered.set(chunkKey(id), id.version);
  }

  /** The whole ledger is read from now on; until `endReading` what was known before is what is known. */
  beginReading(): void {
    this.#incomplete = false;
    this.#loading = new Outstanding();
  }

  endReading(): void {
    this.#unsettled = this.#loading ?? this.#unsettled;
    this.#loading = undefined;
  }

  /** Whether something was passed over, as it was settled then: the ledger has to be read once more. */
  get isIncomplete(): boolean {
    return this.#incomplete;
  }

  /** Whether it is being read once more, and what that finds is not known yet. */
  get isLoading(): boolean {
    return this.#loading !== undefined;
  }

  /** Whether reading the ledger again may find something. */
  get mayBeMore(): boolean {
    // What did not fit is looked for once most of what did is settled.
    return this.#incomplete || this.#unsettled.mayTakeMore;
  }

  /** Requests that are settled, or that a newer version has made moot: they are to be taken back. */
  takeMootRequests(): ReceiptKey<"needs">[] {
    const moot: ReceiptKey<"needs">[] = [];
    for (const [name, id] of this.#asked) {
      // What is not there may only not have fitted, or be too old to be known here, but not to the member that has asked.
      const mayBeMissing = this.#unsettled.overflowed(id.uploader) || id.version <= this.floor;
      if (this.#unsettled.has(id) || (mayBeMissing && !this.isSettled(id))) continue;
      this.#asked.delete(name);
      const { uploader, path, version } = id;
      moot.push({ kind: "needs", group: this.group, uploader, path, version });
    }
    return moot;
  }

  /** Whether there may be something to take back or to drop. */
  get hasMoot(): boolean {
    return this.#asked.size + this.#moot.size + (this.#owed?.size ?? 0) > 0;
  }

  /** Receipts that are owed to a ledger that was made anew, of those that `isOurs`, so many at most: they are to be written. */
  takeOwed(isOurs: (id: VersionId) => boolean, count: number): OwedReceipt[] {
    return this.#owed?.take(isOurs, count) ?? [];
  }

  /** What was taken to be dropped could not be: it is only known once the ledger was read again. */
  forgetsMoot(): void {
    this.#incomplete = true;
  }

  /** Other receipts that are moot, of those that `isOurs`, so many at most: they are to be dropped. */
  takeMoot(isOurs: (id: VersionId) => boolean, count: number): ReceiptKey<ReceiptKind>[] {
    return this.#moot.take(isOurs, count);
  }

  /**
   * Whether an uploader that keeps the rules can have given the version: see `isPlausibleVersion`.
   *
   * @param timestampMs when the brokers appended the record that has it
   */
  canBeGiven(version: number, timestampMs: number): boolean {
    this.#brokerTime.note(timestampMs);
    return this.#brokerTime.isPlausible(version);
  }

  /** Takes an entry as it is read. One with a version that nothing could follow is nobody's. */
  take(logged: LoggedEntry): void {
    const { entry, offset, timestampMs } = logged;
    const key = keyOf(entry);
    if (!this.#isCredible(entry, key, timestampMs)) return;
    const heard = this.#silence.note(logged);
    if (heard !== undefined) this.#endSilence(heard, offset);
    if (key.kind === "file")
      this.#takeFile(key, entry.kind === "file" ? entry : undefined, offset, timestampMs);
    if (!("group" in key) || key.group !== this.group) return;
    if (key.kind === "start") {
      this.#start = entry.kind === "start" ? entry : undefined;
      this.#startedAtMs = timestampMs;
      return;
    }
    this.#moot.read(key, offset);
    if (entry.kind === "needs") this.noteAsked(entry, offset, entry.since ?? timestampMs);
    else if (key.kind === "needs") {
      if (this.#asked.get(chunkKey(key))?.version === key.version) this.#asked.delete(chunkKey(key));
    } else if (entry.kind === "tombstone") this.#takeBack(key, offset);
    else if (offset < (this.#takenBack.get(encodeEntryKey(key)) ?? 0)) return;
    else if (entry.kind === "delivered") {
      this.#publications.note(entry.by);
      this.noteDelivered(key);
    } else if (entry.kind === "failed") this.noteFailed(key, offset, entry.reason);
  }

  /** The uploader writes again: what it owes was passed over as failed, and is found by reading the ledger once more. */
  #endSilence(uploader: string, offset: number): void {
    if (offset < (this.#silentUploaders.get(uploader) ?? Number.POSITIVE_INFINITY)) return;
    this.#silentUploaders.delete(uploader);
    this.#incomplete = true;
  }

  #isCredible(entry: Entry, key: EntryKey, timestampMs: number): boolean {
    const version = entry.kind === "file" ? entry.version : 0;
    return this.canBeGiven("version" in key ? key.version : version, timestampMs);
  }

  #settle(id: VersionId): void {
    this.#unsettled.settle(id);
    this.#loading?.settle(id);
  }

  /** Whether the version has failed, and its uploader has not said since that it has it. */
  #isFailed(id: VersionId): boolean {
    const file = chunkKey(id);
    // First: it is asked of every entry at a start, and hardly any has failed.
    if (this.#failed.get(file) !== id.version) return false;
    const failedAt = this.#failedAt.get(file) ?? 0;
    if (this.#silenced.get(file) === id.version && this.#silence.isHeardFrom(id.uploader, failedAt))
      return false;
    return (this.#sentAgainAt.get(file) ?? 0) <= failedAt;
  }

  #takeFile(
    key: Extract<EntryKey, { kind: "file" }>,
    value: FileValue | undefined,
    offset: number,
    timestampMs: number,
  ): void {
    const { uploader, path } = key;
    const newest = { uploader, path, version: value?.version ?? Number.MAX_SAFE_INTEGER };
    const unsettled = this.#loading ?? this.#unsettled;
    const wasUnsettled = this.#unsettled.has(newest);
    unsettled.settle(newest);
    if (value === undefined) this.#forget(key, offset, timestampMs);
    const sent = value && toSent(newest, value);
    // Each time its uploader has it after all it is tried once more.
    if (sent && !sent.gone && this.#failed.get(chunkKey(sent)) === sent.version)
      this.#sentAgainAt.set(chunkKey(sent), offset + 1);
    if (sent && value) this.#owe(sent, value);
    if (!sent || this.isSettled(sent)) return;
    // Of what is that old, almost all was delivered and is forgotten, and nothing here tells the rest from it, but what
    // was known as missing before. What does not come by itself is not asked for: see `floor`.
    if (sent.version <= this.#delivered.floor && !wasUnsettled) return;
    if (this.#concerns(sent) && pathProblem(path) === undefined) unsettled.put(sent);
  }

  /** The version is delivered, and the ledger that was made anew may not say so. */
  #owe(sent: Sent, { mtime }: FileValue): void {
    if (!this.#owed || this.#delivered.get(chunkKey(sent)) !== sent.version) return;
    if (!this.#owed.note(sent, { size: sent.size, checksum: sent.checksum, mtime })) this.#incomplete = true;
  }

  /**
   * The uploader has forgotten the file. Forgotten here as well, its receipts' tombstones are nobody's request. Not so of
   * later versions (both clocks are the brokers'): when the ledger is read again, what is known already comes behind this.
   */
  #forget({ uploader, path }: { uploader: string; path: string }, offset: number, timestampMs: number): void {
    const file = chunkKey({ uploader, path });
    const isBefore = (version: number | undefined): version is number =>
      version !== undefined && version < (timestampMs + 1) * 1000;
    const versions = {
      delivered: this.#delivered.get(file),
      failed: this.#failed.get(file),
      needs: this.#asked.get(file)?.version,
    };
    for (const [kind, version] of Object.entries(versions) as [ReceiptKind, number | undefined][]) {
      if (isBefore(version)) this.#moot.note({ kind, group: this.group, uploader, path, version }, offset);
    }
    for (const index of [this.#delivered, this.#again]) if (isBefore(index.get(file))) index.forget(file);
    if (isBefore(versions.failed))
      for (const index of [this.#failed, this.#failedAt, this.#sentAgainAt, this.#silenced])
        index.forget(file);
    if (isBefore(versions.needs)) this.#asked.delete(file);
  }

  /** Notes that a receipt is taken back, by its tombstone at this offset of the ledger. */
  protected noteTakenBack(key: ReceiptKey<"delivered">, offset: number): void {
    this.#takeBack(key, offset);
  }

  /** A receipt was taken back: what it stood for is asked for on purpose, or it was moot. */
  #takeBack(key: Extract<EntryKey, { version: number }>, offset: number): void {
    const file = chunkKey(key);
    const index = key.kind === "delivered" ? this.#delivered : this.#failed;
    if (index.get(file) !== key.version || (this.#takenBack.get(encodeEntryKey(key)) ?? -1) >= offset) return;
    index.forget(file);
    if (key.kind === "delivered") this.#again.set(file, key.version);
    this.#takenBack.set(encodeEntryKey(key), offset);
    // What its uploader says of it was passed over: the ledger has to be read once more.
    if (!this.isDelivered(key)) this.#incomplete = true;
  }

  /** What was sent before the group began is none of its business. */
  #concerns(sent: Sent): boolean {
    const { topic, partition, offset, version } = sent;
    // What was asked for, and is in another topic now, was the group's business before.
    if (!this.#start || this.isAsked(sent)) return true;
    if (topic === this.#start.topic) return offset >= (this.#start.offsets[String(partition)] ?? 0);
    // Of a topic that came before or after the one that the group began with; versions are the brokers' microseconds.
    return version >= this.#startedAtMs * 1000;
  }
}

function toSent(id: VersionId, value: FileValue): Sent | undefined {
  if (!wasSentWhole(value)) return undefined;
  const { state, size, checksum, topic, partition, offset, from } = value;
  const all = from === undefined ? undefined : decodeFrom(from);
  // The others may be many, and are read from nowhere.
  const place = all?.offsets.find((one) => one.partition === partition);
  const where = all && { topic: all.topic, offsets: place ? [place] : [] };
  return { ...id, size, checksum, topic, partition, offset, from: where, gone: state === "gone" };
}

function emptyAsked(): BoundedMap<string, Asked> {
  return new BoundedMap<string, Asked>(maxAsked, {
    most: maxAskedBytes,
    of: (key, { path }) => 250 + textBytes(key) + textBytes(path),
  });
}
