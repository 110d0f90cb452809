/**
 * What the ledger says was sent to an offset behind the end of the log: a broker that became leader without having all records
 * has cut off the log's tail, or the entry is a stranger's. It is ahead of what is read, and yet not on its way.
 */
import type { Group } from "../../kafka/group.ts";
import type { Sent } from "../../ledger/group/outstanding.ts";
import { chunkKey } from "../../wire/chunk.ts";
import type { ChunkTopic } from "../parts.ts";

/** What of the topic this member reads. */
export interface Reading {
  group: Pick<Group, "bounds">;
  topic: Pick<ChunkTopic, "id" | "partitions">;
  /** The next offset to read, of each partition that this member has. */
  positions: ReadonlyMap<number, number>;
}

/** When a position has not moved for so long, and something is ahead of it, the brokers are asked; and again after so long. */
const patienceMs = 5000;

type Standing = Map<number, { position: number; sinceMs: number }>;
type Found = Map<string, { offset: number; end: number }>;

export class BeyondEnd {
  readonly #reading: Reading;
  readonly #now: () => number;
  /** Partitions of which something is ahead: where they were read up to, and since when. */
  #standing: Standing = new Map();
  /** The offset that was found beyond the end, by file, and that end. */
  #found: Found = new Map();

  constructor(reading: Reading, now: () => number) {
    this.#reading = reading;
    this.#now = now;
  }

  /** Asks the brokers if it is time to. Throws a `KafkaError`. */
  async check(unsettled: Iterable<Sent>): Promise<void> {
    const { group, positions } = this.#reading;
    const ahead = Map.groupBy(this.#ahead(unsettled), ({ partition }) => partition);
    const standing: Standing = new Map();
    const found: Found = new Map();
    for (const [partition, versions] of ahead) {
      const position = positions.get(partition) ?? 0;
      const before = this.#standing.get(partition);
      let sinceMs = before?.position === position ? before.sinceMs : this.#now();
      // Asked after the entries were read: what they rightly name is in the log by then.
      const isDue = this.#now() - sinceMs >= patienceMs;
      const end = isDue ? (await group.bounds(partition)).high : Number.POSITIVE_INFINITY;
      if (isDue) sinceMs = this.#now();
      standing.set(partition, { position, sinceMs });
      for (const sent of versions) {
        const known = this.endOf(sent);
        const isBeyond = position >= end && sent.offset >= end;
        if (isBeyond || known !== undefined)
          found.set(chunkKey(sent), { offset: sent.offset, end: isBeyond ? end : (known ?? end) });
      }
    }
    this.#standing = standing;
    this.#found = found;
  }

  /** The end of the log that the version was found beyond. */
  endOf(sent: Sent): number | undefined {
    if (this.#found.size === 0) return undefined;
    const found = this.#found.get(chunkKey(sent));
    return found?.offset === sent.offset ? found.end : undefined;
  }

  *#ahead(unsettled: Iterable<Sent>): Generator<Sent> {
    const { positions, topic } = this.#reading;
    for (const sent of unsettled)
      if (
        sent.topic === topic.id &&
        (positions.get(sent.partition) ?? Number.POSITIVE_INFINITY) <= sent.offset
      )
        yield sent;
  }
}
