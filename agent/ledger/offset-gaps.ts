/**
 * Whether a reader that goes on from somewhere has passed over offsets: compaction has taken something from there since, perhaps a
 * tombstone that stood for what the reader still knows.
 */
import type { Position } from "../kafka/log-reader.ts";

export class OffsetGaps {
  /** By partition, the offset that comes next where nothing is missing. */
  readonly #next: Map<number, number>;
  #found = false;

  constructor(from: readonly Position[]) {
    this.#next = new Map(from.map(({ partition, offset }) => [partition, offset]));
  }

  get found(): boolean {
    return this.#found;
  }

  read({ partition, offset }: Position): void {
    this.isAt(partition, offset);
    this.#next.set(partition, offset + 1);
  }

  /** All that there is was read up to this offset. */
  isAt(partition: number, offset: number): void {
    this.#found ||= offset !== this.#next.get(partition);
  }
}
