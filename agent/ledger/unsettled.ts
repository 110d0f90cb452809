/**
 * What uploaders have sent and the group has neither delivered nor failed: the newest version of each path. Bounded, and
 * so is each uploader's share: one that is gone for good must not take the place of all others. What does not fit is
 * found when the ledger is read again.
 */
import type { From, VersionId } from "../wire/chunk.ts";
import { chunkKey } from "../wire/chunk.ts";

/** A version that was sent whole, and where. */
export interface Sent extends VersionId {
  /** Bytes. */
  size: number;
  checksum: string;
  topic: string;
  partition: number;
  /** Of its last chunk. */
  offset: number;
  /** Of a version of several chunks. */
  from: From | undefined;
  /** The uploader no longer has it. */
  gone: boolean;
}

export const maxUnsettled = 10_000;
const maxOfUploader = 2000;
/** With so few left of a full share it is time to look for more. */
const fewOfUploader = 200;

export class Unsettled {
  readonly #byPath = new Map<string, Sent>();
  /** How many of each uploader are here, and whether it has more. */
  readonly #shares = new Map<string, { count: number; hasMore: boolean }>();

  get size(): number {
    return this.#byPath.size;
  }

  /** Whether there was more than fits: something may be missing here. */
  get overflowed(): boolean {
    return [...this.#shares.values()].some(({ hasMore }) => hasMore);
  }

  /** Whether something that did not fit would by now. */
  get mayTakeMore(): boolean {
    if (this.#byPath.size >= maxUnsettled) return false;
    return [...this.#shares.values()].some(({ count, hasMore }) => hasMore && count < fewOfUploader);
  }

  values(): Iterable<Sent> {
    return this.#byPath.values();
  }

  /** The version of its path, replacing an older one. */
  put(sent: Sent): void {
    const key = chunkKey(sent);
    const share = this.#shares.get(sent.uploader) ?? { count: 0, hasMore: false };
    this.#shares.set(sent.uploader, share);
    if (!this.#byPath.has(key)) {
      if (this.#byPath.size >= maxUnsettled || share.count >= maxOfUploader) {
        share.hasMore = true;
        return;
      }
      share.count++;
    }
    this.#byPath.set(key, sent);
  }

  /** This version or a newer one of its path is delivered, failed, or superseded. */
  settle(id: VersionId): void {
    const known = this.#byPath.get(chunkKey(id));
    if (!known || known.version > id.version) return;
    this.#byPath.delete(chunkKey(id));
    const share = this.#shares.get(id.uploader);
    if (!share) return;
    share.count--;
    if (share.count === 0 && !share.hasMore) this.#shares.delete(id.uploader);
  }

  has(id: VersionId): boolean {
    return this.#byPath.get(chunkKey(id))?.version === id.version;
  }
}
