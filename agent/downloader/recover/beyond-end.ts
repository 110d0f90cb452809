/**
 * What the ledger says was sent to an offset behind the end of the log: a broker that became leader without having all records
 * has cut off the log's tail, or the entry is a stranger's. It is ahead of what is read, and yet not on its way.
 */
import type { Group } from "../../kafka/group.ts";
import type { Sent } from "../../ledger/group/outstanding.ts";
import type { Place } from "../../wire/places.ts";
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

export class BeyondEnd {
  readonly #reading: Reading;
  readonly #now: () => number;
  /** Partitions of which something is ahead: where they were read up to, and since when. */
  #standing: Standing = new Map();
  /** The end of the log that a place was found beyond. */
  readonly #ends = new WeakMap<Place, number>();

  constructor(reading: Reading, now: () => number) {
    this.#reading = reading;
    this.#now = now;
  }

  /** Asks the brokers if it is time to. Throws a `KafkaError`. */
  async check(unsettled: Iterable<Sent>): Promise<void> {
    const { group, positions } = this.#reading;
    const ahead = Map.groupBy(this.#ahead(unsettled), ({ partition }) => partition);
    const standing: Standing = new Map();
    for (const [partition, places] of ahead) {
      const position = positions.get(partition) ?? 0;
      const before = this.#standing.get(partition);
      let sinceMs = before?.position === position ? before.sinceMs : this.#now();
      // Asked after the entries were read: what they rightly name is in the log by then.
      const isDue = this.#now() - sinceMs >= patienceMs;
      const end = isDue ? (await group.bounds(partition)).high : Number.POSITIVE_INFINITY;
      if (isDue) sinceMs = this.#now();
      standing.set(partition, { position, sinceMs });
      for (const place of places) if (position >= end && place.last >= end) this.#ends.set(place, end);
    }
    this.#standing = standing;
  }

  /** The end of the log that a version's place was found beyond, if it still is ahead of what is read. */
  endOf(place: Place): number | undefined {
    return this.#isAhead(place) ? this.#ends.get(place) : undefined;
  }

  *#ahead(unsettled: Iterable<Sent>): Generator<Place> {
    for (const { topic, places } of unsettled)
      if (topic === this.#reading.topic.id) yield* places.filter((place) => this.#isAhead(place));
  }

  #isAhead({ partition, last }: Place): boolean {
    return (this.#reading.positions.get(partition) ?? Number.POSITIVE_INFINITY) <= last;
  }
}
