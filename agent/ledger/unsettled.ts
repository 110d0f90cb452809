/**
 * What uploaders have sent and the group has neither delivered nor failed: the newest version of each path. Bounded;
 * what does not fit is found when the ledger is read again.
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

const maxPaths = 10_000;

export class Unsettled {
  readonly #byPath = new Map<string, Sent>();
  #overflowed = false;

  get size(): number {
    return this.#byPath.size;
  }

  /** Whether there was once more than fits: something may be missing here. */
  get overflowed(): boolean {
    return this.#overflowed;
  }

  values(): Iterable<Sent> {
    return this.#byPath.values();
  }

  /** The version of its path, replacing an older one. */
  put(sent: Sent): void {
    const key = chunkKey(sent);
    if (this.#byPath.size >= maxPaths && !this.#byPath.has(key)) this.#overflowed = true;
    else this.#byPath.set(key, sent);
  }

  /** This version or a newer one of its path is delivered, failed, or superseded. */
  settle(id: VersionId): void {
    const known = this.#byPath.get(chunkKey(id));
    if (known && known.version <= id.version) this.#byPath.delete(chunkKey(id));
  }

  has(id: VersionId): boolean {
    return this.#byPath.get(chunkKey(id))?.version === id.version;
  }

  clear(): void {
    this.#byPath.clear();
    this.#overflowed = false;
  }
}
