/** The entries of an uploader's files as the ledger has them, by path. There may be a million. */
import { BoundedMap } from "../../lib/bounded-map.ts";
import { type Attributes, encodeAttributes } from "../../wire/attributes.ts";
import type { FileValue } from "../../wire/entry-value.ts";

/** Sets of attributes that are known by their text. More are only had where the settings change that often, or are made up. */
const maxSharedSets = 256;

export class FileEntries {
  /** As their JSON text, without the attributes: one string each, a tenth of the objects that they would be. */
  readonly #texts = new Map<string, string>();
  /** Of the files that have some. All files of a watch have the same: they are one object. */
  readonly #attributes = new Map<string, Attributes>();
  readonly #sharedSets = new BoundedMap<string, Attributes>(maxSharedSets);
  /** By the brokers' clock, milliseconds since 1970. */
  readonly #goneSinceMs = new Map<string, number>();

  get(path: string): FileValue | undefined {
    const text = this.#texts.get(path);
    const attributes = this.#attributes.get(path);
    return text === undefined ? undefined : Object.assign(JSON.parse(text), attributes && { attributes });
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

  /**
   * Sets the path's entry, or removes it. Returns the one before.
   *
   * @param nowMs by the brokers' clock, milliseconds since 1970
   */
  set(path: string, value: FileValue | undefined, nowMs: number): FileValue | undefined {
    const before = this.get(path);
    const { attributes, ...rest } = value ?? {};
    if (value) this.#texts.set(path, JSON.stringify(rest));
    else this.#texts.delete(path);
    if (attributes) this.#attributes.set(path, this.#shared(attributes));
    else this.#attributes.delete(path);
    if (value?.state !== "gone") this.#goneSinceMs.delete(path);
    else if (before?.state !== "gone") this.#goneSinceMs.set(path, nowMs);
    return before;
  }

  #shared(attributes: Attributes): Attributes {
    const text = encodeAttributes(attributes);
    const known = this.#sharedSets.get(text);
    if (!known) this.#sharedSets.set(text, attributes);
    return known ?? attributes;
  }
}
