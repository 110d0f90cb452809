/**
 * For how long an uploader has not answered, by the brokers' clock alone: when the ledger took its last entry and the
 * request, and what time it is there now. All of an uploader's entries, and what groups write about it, are in one
 * partition, so one broker's clock has stamped them; from the newest stamp on the monotonic clock counts.
 */
import type { Packer, Unpacker } from "../../lib/packed.ts";
import { VersionIndex } from "../../lib/version-index.ts";
import type { LoggedEntry } from "../ledger.ts";

/** What a failure's reason begins with that ends with the silence: its uploader's next entry takes it back. */
export const notAnswered = "not answered since";

/** Uploaders that are told apart, in slots of 24 bytes. Bounded, as whoever may write the ledger can name any number. */
const heardSlots = 1 << 17;

interface Stamp {
  offset: number;
  timestampMs: number;
  /** When it was seen, by the monotonic clock. */
  seenAtMs: number;
}

export class Silence {
  readonly #now: () => number;
  /** The newest of each partition. */
  readonly #stamps = new Map<number, Stamp>();
  /** By uploader, when its newest entry was written, and the offset after it. */
  #heardMs = new VersionIndex(heardSlots);
  #heardAt = new VersionIndex(heardSlots);

  constructor(now: () => number) {
    this.#now = now;
  }

  /** The ledger was recreated. */
  clear(): void {
    this.#stamps.clear();
    this.#heardMs = new VersionIndex(heardSlots);
    this.#heardAt = new VersionIndex(heardSlots);
  }

  pack(to: Packer): void {
    to.list(this.#stamps, ([partition, { offset, timestampMs }]) =>
      to.count(partition).count(offset).number(timestampMs),
    );
    this.#heardMs.pack(to);
    this.#heardAt.pack(to);
  }

  /** What time has passed since it was packed is not known. */
  unpack(from: Unpacker): void {
    const stamps = from.list(() => [from.count(), from.count(), from.number()] as const);
    for (const [partition, offset, timestampMs] of stamps) this.stamp(partition, offset, timestampMs);
    this.#heardMs.unpack(from);
    this.#heardAt.unpack(from);
  }

  /** An entry was read, or written. Returns the uploader that wrote it, if one did. */
  note({ entry, partition, offset, timestampMs }: LoggedEntry): string | undefined {
    this.stamp(partition, offset, timestampMs);
    if (entry.kind !== "files" && entry.kind !== "name") return undefined;
    this.#heardMs.set(entry.uploader, timestampMs);
    this.#heardAt.set(entry.uploader, offset + 1);
    return entry.uploader;
  }

  /** The ledger has taken something at this time. */
  stamp(partition: number, offset: number, timestampMs: number): void {
    // What is read again is old.
    if (timestampMs <= 0 || offset < (this.#stamps.get(partition)?.offset ?? 0)) return;
    this.#stamps.set(partition, { offset, timestampMs, seenAtMs: this.#now() });
  }

  /** Whether the uploader has written something at this offset or later. */
  isHeardFrom(uploader: string, offset: number): boolean {
    return (this.#heardAt.get(uploader) ?? 0) > offset;
  }

  /** Since when the uploader has not answered what it was asked at `askedMs`; milliseconds since 1970. */
  since(uploader: string, askedMs: number): number {
    return Math.max(askedMs, this.#heardMs.get(uploader) ?? 0);
  }

  /** The latest that any of the brokers has, as far as is known; 0: nothing is. */
  get latestMs(): number {
    let latestMs = 0;
    for (const partition of this.#stamps.keys()) latestMs = Math.max(latestMs, this.brokerTimeMs(partition));
    return latestMs;
  }

  /** The time of the broker that has the partition; 0: not known. */
  brokerTimeMs(partition: number): number {
    const stamp = this.#stamps.get(partition);
    return stamp ? stamp.timestampMs + this.#now() - stamp.seenAtMs : 0;
  }
}
