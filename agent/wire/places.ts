/** Where in a topic the chunks of a version are: in one partition, or spread over several. */
import { decodeFrom, type From } from "./chunk.ts";
import type { FileValue } from "./entry-value.ts";

/** A partition that a version is in. */
export interface Place {
  partition: number;
  /** The offset of its first chunk there, at the earliest. */
  from: number;
  /** The offset of its last chunk there, at the latest; -1: it has none there. */
  last: number;
}

/** Whether a version that begins there is spread over several partitions of this topic. */
export function isSpread(from: From, topicId: string): boolean {
  return from.offsets.length > 1 && from.topic === topicId;
}

/** The partition that stands for a version that a chunk is of: of several the one that its uploader names first. @param partition of the chunk */
export function homeOf(from: From | undefined, partition: number): number {
  return from !== undefined && from.offsets.length > 1
    ? (from.offsets[0]?.partition ?? partition)
    : partition;
}

/** The partitions that an entry's version is in, the one that it names first. */
export function partitionsOf({ partition, from }: FileValue): readonly number[] {
  const places = decodeFrom(from ?? "")?.offsets ?? [];
  if (places.length > 1) return places.map((place) => place.partition);
  return partition === undefined ? [] : [partition];
}

/** Where the version of an entry is that says it was sent. */
export function placesOf(entry: FileValue & { topic: string; partition: number; offset: number }): Place[] {
  const { topic, partition, offset, from, to } = entry;
  const begin = to === undefined ? undefined : decodeFrom(from ?? "");
  const end = to === undefined ? undefined : decodeFrom(to);
  if (begin && isSpread(begin, topic) && end?.topic === topic) {
    const lasts = new Map(end.offsets.map((place) => [place.partition, place.offset]));
    return begin.offsets.map((place) => ({
      partition: place.partition,
      from: place.offset,
      last: lasts.get(place.partition) ?? -1,
    }));
  }
  // Of hundreds of thousands of entries: only the place that is needed is taken from the text.
  const first = decodeFrom(from ?? "", partition)?.offsets[0]?.offset;
  return [{ partition, from: first ?? offset, last: offset }];
}
