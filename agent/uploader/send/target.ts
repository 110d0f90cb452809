/**
 * Where a version goes: its partitions are chosen when it begins, and hold when the setting is changed or partitions are
 * added. Its chunks go to them in turns; one that comes to a single chunk goes to the first.
 */
import type { Attributes } from "../../wire/attributes.ts";
import type { Algorithm } from "../../wire/checksum.ts";
import { encodeFrom, type From } from "../../wire/chunk.ts";
import type { SentFile } from "../../wire/entry-value.ts";
import { homePartition } from "../../wire/filed-under.ts";
import { limits } from "../../wire/limits.ts";
import type { Place } from "../../wire/places.ts";
import type { UploadOptions } from "../upload-options.ts";

/** A version, and where it goes. */
export interface Target {
  version: number;
  topicId: string;
  partitions: readonly number[];
  /** Where its first chunk can be at the earliest; found out when it comes to more than one chunk. */
  from: From | undefined;
  lasts: LastOffsets;
  algorithm: Algorithm;
  /** The same each time that its last chunk is sent, whatever the settings say by then. */
  attributes: Attributes | undefined;
  /** `md5:…` or `sha256:…` of the whole file, for its last chunk. Throws like `SourceFile.read`. */
  checksum(): Promise<string>;
}

/** The offset of a version's last chunk in each partition, as far as it is known: whoever has read past them has read it all. */
export class LastOffsets {
  readonly #offsets = new Map<number, number>();

  constructor(places: readonly Place[] = []) {
    for (const { partition, last } of places) if (last >= 0) this.note(partition, last);
  }

  /** It has a chunk at the offset, or may have one up to there. */
  note(partition: number, offset: number): void {
    this.#offsets.set(partition, Math.max(offset, this.#offsets.get(partition) ?? 0));
  }

  in(partition: number): number | undefined {
    return this.#offsets.get(partition);
  }

  places(): { partition: number; offset: number }[] {
    return [...this.#offsets].map(([partition, offset]) => ({ partition, offset }));
  }
}

/** The partitions of a version that begins now. */
export function newPartitions({ ledger, transport, config }: UploadOptions, path: string): readonly number[] {
  const { partitions } = transport.topic;
  const first = homePartition({ uploader: ledger.uploader, path }, partitions);
  const used = config.partitioning === "spread" ? Math.min(partitions, limits.places) : 1;
  return Array.from({ length: used }, (_, at) => (first + at) % partitions);
}

/** What an entry says of where the version goes, as long as it is being sent. */
export function placeOf({
  topicId,
  partitions,
  from,
}: Target): Pick<SentFile, "topic" | "partition" | "from"> {
  return { topic: topicId, partition: partitions[0] ?? 0, from: from && encodeFrom(from) };
}

/** What an entry says of where the version is, once all of it is acknowledged. */
export function sentPlaceOf(
  target: Target,
): Pick<SentFile, "topic" | "partition" | "from" | "to" | "offset"> {
  const { topicId, partitions, from, lasts } = target;
  const place = placeOf(target);
  const isSpread = from !== undefined && partitions.length > 1;
  const to = isSpread ? encodeFrom({ topic: topicId, offsets: lasts.places() }) : undefined;
  return { ...place, to, offset: lasts.in(place.partition) ?? 0 };
}
