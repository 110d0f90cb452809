/** What the ledger has of an uploader's files, by path, and in which of its batches that is. There may be a million. */
import { BoundedMap } from "../../lib/bounded-map.ts";
import { type Attributes, encodeAttributes } from "../../wire/attributes.ts";
import { type FileValue, wasSentWhole } from "../../wire/entry-value.ts";
import type { Place } from "./group-marks.ts";

/** Sets of attributes that are known by their text. More are only had where the settings change that often, or are made up. */
const maxSharedSets = 256;

export class FileEntries {
  /**
   * The batch's number, partition, version and ledger offset of what was sent whole (else three times -1), and JSON without the
   * attributes: one string each, a tenth of the objects that they would be.
   */
  readonly #texts = new Map<string, string>();
  /** Of the files that have some. All files of a watch have the same: they are one object. */
  readonly #attributes = new Map<string, Attributes>();
  readonly #sharedSets = new BoundedMap<string, Attributes>(maxSharedSets);
  /** By the brokers' clock, milliseconds since 1970. */
  readonly #goneSinceMs = new Map<string, number>();

  get(path: string): FileValue | undefined {
    const text = this.#texts.get(path);
    if (text === undefined) return undefined;
    const attributes = this.#attributes.get(path);
    return Object.assign(JSON.parse(text.slice(text.indexOf("{"))), attributes && { attributes });
  }

  /** The number of the batch that it is in; undefined: nothing is known of the path. */
  batchOf(path: string): number | undefined {
    const text = this.#texts.get(path);
    return text === undefined ? undefined : Number.parseInt(text, 10);
  }

  /** Where what was sent whole is. */
  placeOf(path: string): Place | undefined {
    const [, partition, version, at] = this.#texts.get(path)?.split(" ", 4).map(Number) ?? [];
    if (partition === undefined || version === undefined || at === undefined || partition < 0)
      return undefined;
    return { partition, version, at };
  }

  paths(): IterableIterator<string> {
    return this.#texts.keys();
  }

  /** Whether the path has an entry that does not say it is gone; asked for each file at each look. */
  isPresent(path: string): boolean {
    const text = this.#texts.get(path);
    return text !== undefined && !text.includes('"state":"gone"');
  }

  /** Whether the path has an entry that says it was sent, and is there; asked for each file at each look. */
  isSent(path: string): boolean {
    return this.#texts.get(path)?.includes('"state":"sent"') === true;
  }

  /** What is gone, and since when, by the brokers' clock, milliseconds since 1970. */
  goneSince(): Iterable<[path: string, sinceMs: number]> {
    return this.#goneSinceMs;
  }

  /** Sets what is known of the path, or removes it. @param batch the number of the batch that it is in */
  set(path: string, value: FileValue | undefined, batch: number): void {
    const { attributes, ...rest } = value ?? {};
    if (value) this.#texts.set(path, `${batch} ${placeText(value)} ${JSON.stringify(rest)}`);
    else this.#texts.delete(path);
    if (attributes) this.#attributes.set(path, this.#shared(attributes));
    else this.#attributes.delete(path);
    if (value?.state === "gone") this.#goneSinceMs.set(path, value.since ?? 0);
    else this.#goneSinceMs.delete(path);
  }

  #shared(attributes: Attributes): Attributes {
    const text = encodeAttributes(attributes);
    const known = this.#sharedSets.get(text);
    if (!known) this.#sharedSets.set(text, attributes);
    return known ?? attributes;
  }
}

function placeText(value: FileValue): string {
  const { version, at = -1 } = value;
  return wasSentWhole(value) ? `${value.partition} ${version} ${at}` : "-1 -1 -1";
}
