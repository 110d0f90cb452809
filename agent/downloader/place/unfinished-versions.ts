/**
 * The versions that are being put together, by file. The memory that they take is bounded, as anybody who may write to the topic
 * can begin any number. What is too much is put aside, that is, given up here: the log still has it, and it is read again once
 * the ledger knows it as sent. Uploaders that have more than a fair share lose some first, then the versions that were idle
 * longest and have few bytes.
 */
import { mapKey, type VersionId } from "../../wire/chunk.ts";

/** A version, as far as its memory is concerned. */
export interface Measured {
  readonly id: VersionId;
  readonly complete: boolean;
  /** Bytes of the file that are there. */
  readonly placedBytes: number;
  /** Bytes that it takes in memory, about. */
  readonly memoryBytes: number;
  /** When it was written to last, by the monotonic clock. */
  readonly placedAtMs: number;
}

/** Some five thousand versions. */
const maxBytes = 16 << 20;
/** So much is put aside at a time, as choosing is expensive. */
const roomBytes = maxBytes / 8;
/** A version with more bytes than this is put aside last. */
const muchBytes = 1 << 20;

export class UnfinishedVersions<Version extends Measured> {
  readonly #maxBytes: number;
  readonly #byFile = new Map<string, Version>();
  /** What each took in memory when it was measured last. */
  readonly #weights = new Map<Version, number>();
  #bytes = 0;

  /** @param limitBytes for the tests */
  constructor(limitBytes = maxBytes) {
    this.#maxBytes = limitBytes;
  }

  get count(): number {
    return this.#byFile.size;
  }

  [Symbol.iterator](): Iterator<Version> {
    return this.#byFile.values();
  }

  get(file: string): Version | undefined {
    return this.#byFile.get(file);
  }

  set(version: Version): void {
    this.delete(mapKey(version.id));
    this.#byFile.set(mapKey(version.id), version);
    this.changed(version);
  }

  delete(file: string): void {
    const version = this.#byFile.get(file);
    if (!version) return;
    this.#byFile.delete(file);
    this.#bytes -= this.#weights.get(version) ?? 0;
    this.#weights.delete(version);
  }

  /** It may take more now, or less. */
  changed(version: Version): void {
    if (this.#byFile.get(mapKey(version.id)) !== version) return;
    const bytes = version.memoryBytes;
    this.#bytes += bytes - (this.#weights.get(version) ?? 0);
    this.#weights.set(version, bytes);
  }

  /** Removes and returns what is too much; never `spared`, nor what is whole. */
  putAside(spared: Version): Version[] {
    if (this.#bytes <= this.#maxBytes) return [];
    const enoughBytes = this.#maxBytes - Math.min(roomBytes, this.#maxBytes / 8);
    const byUploader = this.#bytesByUploader();
    const shareBytes = enoughBytes / byUploader.size;
    const order = [...this.#byFile.values()]
      .filter((version) => version !== spared && !version.complete)
      .sort((a, b) => rank(a) - rank(b) || a.placedAtMs - b.placedAtMs);
    const aside = new Set<Version>();
    for (const isFair of [true, false])
      for (const version of order) {
        if (this.#bytes <= enoughBytes) return [...aside];
        const { uploader } = version.id;
        const has = byUploader.get(uploader) ?? 0;
        if (aside.has(version) || (isFair && has <= shareBytes)) continue;
        byUploader.set(uploader, has - (this.#weights.get(version) ?? 0));
        aside.add(version);
        this.delete(mapKey(version.id));
      }
    return [...aside];
  }

  #bytesByUploader(): Map<string, number> {
    const bytes = new Map<string, number>();
    for (const [{ id }, weight] of this.#weights)
      bytes.set(id.uploader, (bytes.get(id.uploader) ?? 0) + weight);
    return bytes;
  }
}

function rank({ placedBytes }: Measured): number {
  return placedBytes < muchBytes ? 0 : 1;
}
