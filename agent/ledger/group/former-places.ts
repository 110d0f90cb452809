/** Where a version was before it was sent again to another topic, and there may be settled: docs/protocol.md, "Marks". */
import type { NotedFile } from "../../wire/entry-value.ts";
import type { SentPlace } from "./group-start.ts";

/** A partition of the chunks, and since which ledger offset the version was noted there. */
export interface FormerPlace {
  partition: number;
  at: number;
}

/** Those that a file's entry names, and that `isBefore` does not say to be of before the group began. */
export function formerPlaces(
  { was, version }: NotedFile,
  isBefore: (version: number, sent: SentPlace) => boolean,
): FormerPlace[] {
  const places = was?.map(({ topic, partition, offset, at }) => {
    const sent = { topic, version, places: [{ partition, from: offset, last: offset }] };
    return isBefore(version, sent) ? [] : [{ partition, at }];
  });
  return places?.flat() ?? [];
}
