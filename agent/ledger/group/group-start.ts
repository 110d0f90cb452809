/** Where a group began, and so which versions it is to deliver. */
import type { StartValue } from "../../wire/entry-value.ts";
import type { Sent } from "./outstanding.ts";

export class GroupStart {
  #value: StartValue | undefined;
  /** By the brokers' clock, milliseconds since 1970. */
  #atMs = 0;
  #before: StartValue | undefined;

  /** The offsets that the group began at, if it has begun. */
  get value(): StartValue | undefined {
    return this.#value;
  }

  /** Where it began by the ledger before this one. */
  get before(): StartValue | undefined {
    return this.#before;
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

  /** Whether the version was sent after the group began. What was sent before is ignored. */
  covers({ topic, places, version }: Sent): boolean {
    if (!this.#value) return true;
    const { offsets } = this.#value;
    if (topic === this.#value.topic)
      return places.some(({ partition, last }) => last >= (offsets[String(partition)] ?? 0));
    // Of a topic that came before or after the one that the group began with; versions are the brokers' microseconds.
    return version >= this.#atMs * 1000;
  }
}
