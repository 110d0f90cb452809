/**
 * What a reader that goes on from positions finds there. Offsets that are missing: compaction has taken something from there since,
 * perhaps a tombstone that stood for what the reader still knows. And whether the log is the one that was read, or was cut off before a
 * position and written anew: who appends there then is a later leader, or, where the brokers were put back to an earlier state of all that they
 * know, one that is counted as the one before was. So the record before the position is read once more, and has to be of the leader that it was
 * of, and of the same moment; or, where compaction has taken it out, the next one has to be of that leader.
 */
import type { Position } from "../kafka/log-reader.ts";
import type { IncomingRecord } from "../kafka/record-source.ts";

/** For how long what was taken out is told, where the brokers do not say: their default. */
const defaultRetentionMs = 24 * 3600_000;

/** What was taken out of a ledger is told there for so long at least: so old may be what is known of it, milliseconds. */
export function toldForMs({
  deleteRetentionMs = defaultRetentionMs,
}: {
  deleteRetentionMs?: number | undefined;
}): number {
  return deleteRetentionMs / 2;
}

export class Resumption {
  /** By partition, where it was begun, as long as nothing shows that this is the same log. */
  readonly #doubted: Map<number, Position>;
  /** By partition, the offset that comes next where nothing is missing. */
  readonly #next: Map<number, number>;
  #hasGaps = false;
  #wasCut = false;

  /** @param from of the partitions that are not read from their beginning */
  constructor(from: readonly Position[]) {
    this.#next = new Map(from.map(({ partition, offset }) => [partition, offset]));
    const begun = from.filter(({ offset }) => offset > 0);
    this.#doubted = new Map(begun.map((position) => [position.partition, position]));
  }

  /** Where to begin reading: at the records before the positions. */
  get begin(): Position[] {
    return Array.from(this.#next, ([partition, offset]) => ({ partition, offset: Math.max(0, offset - 1) }));
  }

  /** Whether offsets were passed over since this was asked last. */
  takeGaps(): boolean {
    const hadGaps = this.#hasGaps;
    this.#hasGaps = false;
    return hadGaps;
  }

  /** Whether the log may have been cut off before a position. */
  get wasCut(): boolean {
    return this.#wasCut;
  }

  /** Returns whether the record is new. */
  read({
    partition,
    offset,
    leaderEpoch,
    timestampMs,
  }: Pick<IncomingRecord, "partition" | "offset" | "leaderEpoch" | "timestampMs">): boolean {
    const begun = this.#doubted.get(partition);
    this.#doubted.delete(partition);
    const isBefore = begun !== undefined && offset < begun.offset;
    this.#wasCut ||= begun !== undefined && (leaderEpoch === undefined || leaderEpoch !== begun.leaderEpoch);
    this.#wasCut ||= isBefore && timestampMs !== begun.timestampMs;
    this.#hasGaps ||= begun !== undefined && !isBefore;
    if (isBefore) return false;
    this.#pass(partition, offset, offset + 1);
    return true;
  }

  /** All that there is was read up to this offset. */
  isAt(partition: number, offset: number): void {
    // The last record of a log is never taken out.
    this.#wasCut ||= this.#doubted.has(partition);
    this.#pass(partition, offset, offset);
  }

  #pass(partition: number, offset: number, next: number): void {
    this.#hasGaps ||= offset !== (this.#next.get(partition) ?? offset);
    this.#next.set(partition, next);
  }
}
