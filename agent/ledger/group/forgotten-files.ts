/** Files that are in the ledger no more, as their uploader has forgotten them, or somebody has for it. */
import { chunkKey, type FileId, type VersionId } from "../../wire/chunk.ts";
import { VersionIndex } from "./version-index.ts";

/**
 * In slots of 24 bytes. Bounded, as whoever may write the ledger can forget any number of files. Of what is not remembered,
 * unfinished versions keep their room longer.
 */
const slots = 1 << 17;

export class ForgottenFiles {
  /** Versions below these are of before. */
  #above = new VersionIndex(slots);

  /** Whether the ledger has nothing of the version's file any more, and it is of before that. */
  has(id: VersionId): boolean {
    return id.version < (this.#above.get(chunkKey(id)) ?? 0);
  }

  /**
   * The file's entry went. Returns whether a version is of before that; both clocks are the brokers'.
   *
   * @param timestampMs when the tombstone was appended, milliseconds since 1970
   */
  note(file: FileId, timestampMs: number): (version: number | undefined) => version is number {
    const above = (timestampMs + 1) * 1000;
    this.#above.set(chunkKey(file), above);
    return (version): version is number => version !== undefined && version < above;
  }

  /** The file has an entry. */
  remove(file: FileId): void {
    this.#above.forget(chunkKey(file));
  }

  /** The ledger was recreated. */
  clear(): void {
    this.#above = new VersionIndex(slots);
  }
}
