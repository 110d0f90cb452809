/**
 * How large a chunk may be: what the topic takes, less what a record costs beside its value; on a slow link less, so
 * that a chunk is under way for no longer than ten seconds; on a link that breaks, what that is trusted with.
 */
import { largestValue, type OutgoingFile } from "../../wire/record-size.ts";
import { LinkLimit, leastBytes } from "./link-limit.ts";

const slowestChunkSeconds = 10;
/** The rate is measured over as long as this at least before it counts. */
const measureMs = 2000;
const forgetMs = 30_000;

export class ChunkSize {
  readonly link = new LinkLimit();
  readonly #wanted: number | "auto";
  #topicBytes: number;
  #busySinceMs: number | undefined;
  #acknowledgedBytes = 0;
  #inFlightBytes = 0;

  constructor(wanted: number | "auto", topicBytes: number) {
    this.#wanted = wanted;
    this.#topicBytes = topicBytes;
  }

  /** The largest record batch that the topic takes, as far as is known. */
  get topicBytes(): number {
    return this.#topicBytes;
  }

  /** The topic's limit has changed, or an answer says so: then it is at most half of what was tried. */
  limit(topicBytes: number): void {
    this.#topicBytes = topicBytes;
  }

  /** Bytes of a chunk of this file, from now on. */
  next(file: OutgoingFile): number {
    const largest = largestValue(this.#topicBytes, file);
    const wanted = this.#wanted === "auto" ? largest : Math.min(this.#wanted, largest);
    const bearable = Math.min(this.#bytesPerSecond() * slowestChunkSeconds, this.link.bytes);
    return Math.max(Math.min(wanted, leastBytes), Math.min(wanted, bearable));
  }

  /** A chunk was handed to the client. */
  sent(partition: number, bytes: number): void {
    this.link.sent(partition, bytes);
    if (this.#inFlightBytes === 0) {
      this.#busySinceMs = performance.now();
      this.#acknowledgedBytes = 0;
    }
    this.#inFlightBytes += bytes;
  }

  /** A chunk's end: acknowledged, or not delivered. */
  ended(partition: number, bytes: number, acknowledged: boolean): void {
    this.link.ended(partition, bytes, acknowledged);
    this.#inFlightBytes -= bytes;
    if (acknowledged) this.#acknowledgedBytes += bytes;
  }

  /** What the link has carried lately while there was something to carry; unbounded as long as nobody knows. */
  #bytesPerSecond(): number {
    // With nothing under way the clock runs on, but says nothing about the link.
    if (this.#busySinceMs === undefined || this.#inFlightBytes === 0) return Number.POSITIVE_INFINITY;
    const elapsedMs = performance.now() - this.#busySinceMs;
    if (elapsedMs < measureMs || this.#acknowledgedBytes === 0) return Number.POSITIVE_INFINITY;
    const rate = (this.#acknowledgedBytes * 1000) / elapsedMs;
    if (elapsedMs > forgetMs) {
      // Half of the past counts on, so that the rate follows the link.
      this.#busySinceMs += elapsedMs / 2;
      this.#acknowledgedBytes /= 2;
    }
    return Math.ceil(rate);
  }
}
