/**
 * What a link is trusted with at a time. When it breaks again and again before anything of a partition is across, a
 * quarter of what is under way; twice as much again when four times as much got across without a break.
 */
import type { LostConnections } from "../../kafka/connection/lost-connections.ts";

/** Any link must carry this. */
export const leastBytes = 4096;
/** Looks that find the connection to one broker lost again, while nothing of a partition gets across. */
const maxLosses = 4;
const proofFactor = 4;

interface UnderWay {
  /** Of each chunk. */
  sizes: number[];
  /** By broker, since something got across. */
  losses: Map<string, number>;
  /** Something got across since the last look, or the first chunk came only then. */
  moved: boolean;
}

export class LinkLimit {
  /** By partition: they can be at different brokers, and a chunk has to wait only for those of its own. */
  readonly #underWay = new Map<number, UnderWay>();
  #bytes = Number.POSITIVE_INFINITY;
  /** What it is to be trusted with again before it is trusted with anything. */
  #doubtedBytes = 0;
  /** What got across since the last break. */
  #carriedBytes = 0;

  /** Bytes of the largest chunk, and of the largest batch; unbounded as long as there is no doubt. */
  get bytes(): number {
    return this.#bytes;
  }

  /** A chunk was handed to the client. */
  sent(partition: number, bytes: number): void {
    const begin = () => ({ sizes: [], losses: new Map(), moved: true });
    this.#underWay.getOrInsertComputed(partition, begin).sizes.push(bytes);
  }

  /** A chunk's end: acknowledged, or not delivered. */
  ended(partition: number, bytes: number, acknowledged: boolean): void {
    const underWay = this.#underWay.get(partition);
    if (!underWay) return;
    underWay.sizes.splice(underWay.sizes.indexOf(bytes), 1);
    if (underWay.sizes.length === 0) this.#underWay.delete(partition);
    if (!acknowledged) return;
    underWay.moved = true;
    this.#carriedBytes += bytes;
  }

  /**
   * To be called every few seconds; `bytes` may be another afterwards. Returns whether what is under way is to be begun
   * again with less at a time.
   *
   * @param lost since the call before
   * @param batchBytes the largest batch that small chunks may be in together
   */
  look(lost: LostConnections, batchBytes: number): boolean {
    const stalled = [...this.#underWay.values()].filter((underWay) => hasStalled(underWay, lost));
    const isTooMuch = stalled.length > 0 && this.#shrink(batchBytes);
    if (stalled.length === 0 && lost.size === 0) this.#grow();
    if (lost.size > 0) this.#carriedBytes = 0;
    return isTooMuch;
  }

  /** Returns whether anything under way is larger than any link must carry. */
  #shrink(batchBytes: number): boolean {
    let largest = 0;
    for (const { sizes, losses } of this.#underWay.values()) {
      losses.clear();
      const together = sizes.reduce((sum, bytes) => sum + bytes, 0);
      largest = Math.max(largest, Math.min(together, batchBytes), ...sizes);
    }
    if (largest <= leastBytes) return false;
    if (this.#bytes === Number.POSITIVE_INFINITY) this.#doubtedBytes = largest;
    // A chunk can be larger than it is trusted with by now: it was made before. More trust is no answer to that.
    this.#bytes = Math.min(this.#bytes, Math.max(leastBytes, Math.floor(largest / 4)));
    return true;
  }

  #grow(): void {
    while (this.#bytes < this.#doubtedBytes && this.#carriedBytes >= proofFactor * this.#bytes)
      this.#bytes *= 2;
    if (this.#bytes >= this.#doubtedBytes) this.#bytes = Number.POSITIVE_INFINITY;
  }
}

function hasStalled(underWay: UnderWay, lost: LostConnections): boolean {
  const { losses, moved } = underWay;
  underWay.moved = false;
  // Whether it got across before or after the break is not known: then this break does not count.
  if (moved) losses.clear();
  else for (const broker of lost) losses.set(broker, (losses.get(broker) ?? 0) + 1);
  return [...losses.values()].some((times) => times >= maxLosses);
}
