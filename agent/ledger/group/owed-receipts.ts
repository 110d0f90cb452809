/**
 * Receipts of what this member knows as delivered from a ledger that was deleted: in the one that took its place nobody has
 * written them yet, and an uploader that notes there that it has sent such a version waits for its receipt.
 */
import { chunkKey, type VersionId } from "../../wire/chunk.ts";
import type { DeliveredValue } from "../../wire/entry-value.ts";
import type { Sent } from "./outstanding.ts";
import { VersionIndex } from "./version-index.ts";

export type Content = Pick<DeliveredValue, "size" | "checksum" | "mtime">;

/** Where a version was sent to. */
export type SentTo = Pick<Sent, "topic" | "partition">;

export interface OwedReceipt {
  id: VersionId;
  content: Content;
  place: SentTo;
}

/** Receipts that are kept. What does not fit is found when the ledger is read again. */
const maxOwed = 10_000;

export class OwedReceipts {
  /** What has its receipt in this ledger. */
  readonly #written = new VersionIndex();
  readonly #owed = new Map<string, OwedReceipt>();

  get size(): number {
    return this.#owed.size;
  }

  /** The version has its receipt. */
  written(id: VersionId): void {
    const file = chunkKey(id);
    this.#written.set(file, id.version);
    if ((this.#owed.get(file)?.id.version ?? Number.POSITIVE_INFINITY) <= id.version) this.#owed.delete(file);
  }

  /** The version is known as delivered, and its uploader's entry is here. Returns whether it is kept. */
  note({ uploader, path, version, topic, partition }: VersionId & SentTo, content: Content): boolean {
    const file = chunkKey({ uploader, path });
    if ((this.#written.get(file) ?? 0) >= version) return true;
    if (this.#owed.size >= maxOwed && !this.#owed.has(file)) return false;
    this.#owed.set(file, { id: { uploader, path, version }, content, place: { topic, partition } });
    return true;
  }

  /** At most `count` of those that `isOurs`. They are removed here, to be written now. */
  drain(isOurs: (id: VersionId, place: SentTo) => boolean, count: number): OwedReceipt[] {
    const ours = [...this.#owed.values()].filter(({ id, place }) => isOurs(id, place)).slice(0, count);
    for (const { id } of ours) this.#owed.delete(chunkKey(id));
    return ours;
  }
}
