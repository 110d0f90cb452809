/**
 * What a group's members could not store or have: the newest such version of each file. It counts until its uploader says
 * again that it has the version, or, where the uploader was silent, until it writes anything at all.
 */
import type { Packer, Unpacker } from "../../lib/packed.ts";
import { VersionIndex } from "../../lib/version-index.ts";
import { chunkKey, type FileId, type VersionId } from "../../wire/chunk.ts";
import { notAnswered, type Silence } from "./silence.ts";

/** Silent uploaders that are told apart. What others owe is found by the next reading of the ledger after they have written. */
const maxSilent = 10_000;

/**
 * In slots of 24 bytes. Bounded, as whoever may write the ledger can have the group fail any number of versions. What is
 * forgotten is tried once more.
 */
const failedSlots = 1 << 18;
const uploaderSlots = 1 << 17;

export class FailedVersions {
  readonly #silence: Silence;
  #failed = new VersionIndex(failedSlots);
  /** The same, of the ledger before this one. */
  #before: VersionIndex | undefined;
  /** Of the newest such receipt of a file, the ledger offset after it. */
  #failedAt = new VersionIndex(failedSlots);
  /** Of the newest entry of a file that says that its uploader has the failed version, the ledger offset after it. */
  #sentAgainAt = new VersionIndex(failedSlots);
  /** Versions that have failed as their uploader did not answer, until it writes something. */
  #silenced = new VersionIndex(failedSlots);
  /** Uploaders that have, or had, anything of all that. */
  readonly #uploaders = new VersionIndex(uploaderSlots);
  /** Uploaders that have such versions, and the ledger offset after the newest of these receipts. */
  readonly #silentUploaders = new Map<string, number>();

  constructor(silence: Silence) {
    this.#silence = silence;
  }

  /** The newest version of the file that has failed, whether that counts or not. */
  newest(file: FileId): number | undefined {
    return this.#failed.get(chunkKey(file));
  }

  /** Whether any version of the uploader may have failed, in this ledger or one before. */
  mayBeOf(uploader: string): boolean {
    return this.#uploaders.floor > 0 || this.#uploaders.get(uploader) !== undefined;
  }

  /** Whether a receipt stands that the version has failed, whether that counts or not. */
  hasReceipt(id: VersionId): boolean {
    return this.newest(id) === id.version;
  }

  /** Whether there may be a receipt that is not known: there were more than are told apart. */
  mayHaveForgotten({ version }: VersionId): boolean {
    return version <= this.#failed.floor;
  }

  /** Whether the version has failed, and its uploader has not said since that it has it. */
  has(id: VersionId): boolean {
    const file = chunkKey(id);
    // First: it is asked of every entry at a start, and hardly any has failed.
    if (this.#failed.get(file) !== id.version) return false;
    const failedAt = this.#failedAt.get(file) ?? 0;
    if (this.#silenced.get(file) === id.version && this.#silence.isHeardFrom(id.uploader, failedAt))
      return false;
    return (this.#sentAgainAt.get(file) ?? 0) <= failedAt;
  }

  /** Notes that a version has failed, by its receipt at this offset of the ledger. Returns whether that counts. */
  note(id: VersionId, offset: number, reason: string): boolean {
    const file = chunkKey(id);
    // What was read before may be read again, and what this member has written may not be read yet: the offset decides.
    this.#uploaders.set(id.uploader, 1);
    this.#failed.set(file, id.version);
    this.#failedAt.set(file, offset + 1);
    const isSilence = reason.startsWith(notAnswered);
    if (isSilence) this.#silenced.set(file, id.version);
    else if (this.#silenced.get(file) === id.version) this.#silenced.forget(file);
    if (!this.has(id)) return false;
    const silentAt = this.#silentUploaders.get(id.uploader);
    if (isSilence && (silentAt !== undefined || this.#silentUploaders.size < maxSilent))
      this.#silentUploaders.set(id.uploader, Math.max(silentAt ?? 0, offset + 1));
    return true;
  }

  /** The uploader says at this offset that it has the version, or somebody wants the group to have it: each time it is tried once more. */
  noteAgain(id: VersionId, offset: number): void {
    const file = chunkKey(id);
    if (this.#failed.get(file) === id.version) this.#sentAgainAt.set(file, offset + 1);
  }

  /** The uploader has written something at this offset. Returns whether versions had failed as it was silent. */
  endSilence(uploader: string, offset: number): boolean {
    if (offset < (this.#silentUploaders.get(uploader) ?? Number.POSITIVE_INFINITY)) return false;
    return this.#silentUploaders.delete(uploader);
  }

  /** The receipt of the file's newest failed version was taken back. */
  takeBack(id: VersionId): void {
    this.#failed.forget(chunkKey(id));
  }

  /** Nothing is known of the file any more. */
  forget(id: FileId): void {
    const file = chunkKey(id);
    for (const index of this.#indexes()) index.forget(file);
  }

  pack(to: Packer): void {
    for (const index of [this.#uploaders, ...this.#indexes()]) index.pack(to);
    to.maybe(this.#before, (index) => index.pack(to));
    to.list(this.#silentUploaders, ([uploader, at]) => to.text(uploader).count(at));
  }

  unpack(from: Unpacker): void {
    for (const index of [this.#uploaders, ...this.#indexes()]) index.unpack(from);
    this.#before = from.maybe(() => {
      const index = new VersionIndex(failedSlots);
      index.unpack(from);
      return index;
    });
    for (const [uploader, at] of from.list(() => [from.text(), from.count()] as const))
      this.#silentUploaders.set(uploader, at);
  }

  /** Returns, once, whether the version had failed in the ledger that was deleted. */
  takeFromBefore(id: VersionId): boolean {
    const file = chunkKey(id);
    const had = this.#before?.get(file) === id.version;
    if (had) this.#before?.forget(file);
    return had;
  }

  /** The ledger was recreated. */
  ledgerRecreated(): void {
    if (this.#before) this.#failed.setAll(this.#before);
    this.#before = this.#failed;
    this.#failed = new VersionIndex(failedSlots);
    this.#failedAt = new VersionIndex(failedSlots);
    this.#sentAgainAt = new VersionIndex(failedSlots);
    this.#silenced = new VersionIndex(failedSlots);
    this.#silentUploaders.clear();
  }

  #indexes(): VersionIndex[] {
    return [this.#failed, this.#failedAt, this.#sentAgainAt, this.#silenced];
  }
}
