/**
 * What a group has delivered: the newest version of each file, also where its receipt was taken back since. Bounded, see
 * `version-index.ts`.
 */
import { chunkKey, type FileId, type VersionId } from "../../wire/chunk.ts";
import { VersionIndex } from "./version-index.ts";

/**
 * In slots of 24 bytes. Bounded, as whoever may write the ledger can take back any number of versions. What is forgotten is not
 * delivered again.
 */
export const takenBackSlots = 1 << 19;

export class DeliveredVersions {
  readonly #newest: VersionIndex;
  /** Versions whose receipt was taken back: they were stored once, and older ones stay settled. */
  readonly #again = new VersionIndex(takenBackSlots);
  #hasReceipts = false;

  constructor(newest: VersionIndex) {
    this.#newest = newest;
  }

  /** Whether the group has ever delivered anything. */
  get hasReceipts(): boolean {
    return this.#hasReceipts;
  }

  /** Nothing is known for sure of versions up to this one: more are delivered than can be remembered. */
  get floor(): number {
    return this.#newest.floor;
  }

  /** Whether it may have been delivered and be forgotten: see `floor`. */
  mayBeForgotten(id: VersionId): boolean {
    return id.version <= this.floor && this.newestStored(id) === undefined;
  }

  /** The newest version of the file that is delivered. */
  newest(file: FileId): number | undefined {
    return this.#newest.get(chunkKey(file));
  }

  /** The newest version of the file that was ever stored, also if it is to be delivered again. */
  newestStored(file: FileId): number | undefined {
    return Math.max(this.newest(file) ?? 0, this.#again.get(chunkKey(file)) ?? 0) || undefined;
  }

  /** Whether the version, or a newer one, is delivered. */
  has(id: VersionId): boolean {
    // A chunk of an older one that comes again must not bring it back over the one that is to be delivered again.
    if ((this.#again.get(chunkKey(id)) ?? 0) > id.version) return true;
    return (this.newest(id) ?? 0) >= id.version;
  }

  note(id: VersionId): void {
    this.recall(id);
    this.#hasReceipts = true;
  }

  /** Notes what a receipt says that was forgotten. */
  recall(id: VersionId): void {
    this.#newest.set(chunkKey(id), id.version);
  }

  /** The receipt of the file's newest version was taken back. */
  takeBack(id: VersionId): void {
    this.#newest.forget(chunkKey(id));
    this.#again.set(chunkKey(id), id.version);
  }

  /** Forgets what is known of the file and `isBefore`. */
  forget(file: FileId, isBefore: (version: number | undefined) => boolean): void {
    const key = chunkKey(file);
    for (const index of [this.#newest, this.#again]) if (isBefore(index.get(key))) index.forget(key);
  }
}
