/** Where a group began, and so which versions it is to deliver. */
import type { Packer, Unpacker } from "../../lib/packed.ts";
import { type DoneValue, type StartValue, startValue } from "../../wire/entry-value.ts";
import type { Sent } from "./outstanding.ts";

/** Where a version is, and its number. */
export type SentPlace = Pick<Sent, "topic" | "places" | "version">;

export class GroupStart {
  #value: StartValue | undefined;
  /** By the brokers' clock, milliseconds since 1970. */
  #atMs = 0;
  #before: StartValue | undefined;
  /** Of the topic that is read now. */
  #topicId: string | undefined;

  /** The offsets that the group began at, if it has begun. */
  get value(): StartValue | undefined {
    return this.#value;
  }

  /** Where it began by the ledger before this one. */
  get before(): StartValue | undefined {
    return this.#before;
  }

  /** This topic is read from now on. */
  reads(topicId: string): void {
    this.#topicId = topicId;
  }

  /**
   * Whether marks say nothing of the version by its number, if it comes in from the topic that is read: that is another one than the
   * group began with, and by its number it was sent before that.
   */
  isBefore(version: number): boolean {
    if (!this.#value || this.#topicId === undefined || this.#topicId === this.#value.topic) return false;
    return version < this.#atMs * 1000;
  }

  /** @param timestampMs when it was written, by the brokers' clock, as versions are */
  note(value: StartValue | undefined, timestampMs: number): void {
    this.#value = value;
    this.#atMs = timestampMs;
  }

  /** The ledger was recreated. */
  clear(): void {
    this.#before = this.#value ?? this.#before;
    this.#value = undefined;
  }

  pack(to: Packer): void {
    to.number(this.#atMs);
    for (const value of [this.#value, this.#before])
      to.maybe(value, (known) => to.text(JSON.stringify(known)));
  }

  unpack(from: Unpacker): void {
    const value = () => from.maybe(() => startValue(JSON.parse(from.text())));
    this.#atMs = from.number();
    this.#value = value();
    this.#before = value();
  }

  /** Where it began in a partition of the chunks: which versions its mark there says nothing of. */
  of(partition: number): DoneValue["start"] {
    if (!this.#value) return undefined;
    const { topic, offsets } = this.#value;
    return { topic, offset: offsets[String(partition)] ?? 0, ms: Math.max(0, this.#atMs) };
  }

  /** Whether the mark of the version's partition speaks of it by its number: of one that is spread its first partition decides. */
  markCovers({ topic, places, version }: SentPlace): boolean {
    return this.covers({ topic, version, places: places.slice(0, 1) });
  }

  /** Whether the version was sent after the group began. What was sent before is ignored. */
  covers({ topic, places, version }: SentPlace): boolean {
    if (!this.#value) return true;
    const { offsets } = this.#value;
    if (topic === this.#value.topic)
      return places.some(({ partition, last }) => last >= (offsets[String(partition)] ?? 0));
    // Of a topic that came before or after the one that the group began with; versions are the brokers' microseconds.
    return version >= this.#atMs * 1000;
  }
}
