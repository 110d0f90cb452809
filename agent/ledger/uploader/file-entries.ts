/** What the ledger has of an uploader's files, by path, and in which of its batches that is. There may be a million. */
import { BoundedMap } from "../../lib/bounded-map.ts";
import { type Attributes, encodeAttributes } from "../../wire/attributes.ts";
import type { FileValue } from "../../wire/entry-value.ts";
import { FileRows, type SeenNumbers } from "./file-rows.ts";
import type { Place } from "./group-marks.ts";

/** Sets of attributes that are known by their text. More are only had where the settings change that often, or are made up. */
const maxSharedSets = 256;

export class FileEntries {
  readonly #rowOf = new Map<string, number>();
  readonly #rows = new FileRows();
  /** Of the files that have some. All files of a watch have the same: they are one object. */
  readonly #attributes = new Map<string, Attributes>();
  readonly #sharedSets = new BoundedMap<string, Attributes>(maxSharedSets);
  /** By the brokers' clock, milliseconds since 1970. */
  readonly #goneSinceMs = new Map<string, number>();

  get(path: string): FileValue | undefined {
    const row = this.#rowOf.get(path);
    if (row === undefined) return undefined;
    const attributes = this.#attributes.get(path);
    return Object.assign(this.#rows.get(row), attributes && { attributes });
  }

  /** The version that is known; undefined: nothing is known of the path. */
  versionOf(path: string): number | undefined {
    const row = this.#rowOf.get(path);
    return row === undefined ? undefined : this.#rows.versionOf(row);
  }

  /** The number of the batch that it is in; undefined: nothing is known of the path. */
  batchOf(path: string): number | undefined {
    const row = this.#rowOf.get(path);
    return row === undefined ? undefined : this.#rows.batchOf(row);
  }

  /** Where what was sent whole is. */
  placeOf(path: string): Place | undefined {
    const row = this.#rowOf.get(path);
    return row === undefined ? undefined : this.#rows.placeOf(row);
  }

  paths(): IterableIterator<string> {
    return this.#rowOf.keys();
  }

  /** Whether the path has an entry that does not say it is gone; asked for each file at each look. */
  isPresent(path: string): boolean {
    const row = this.#rowOf.get(path);
    return row !== undefined && this.#rows.stateOf(row) !== "gone";
  }

  /** Whether the path has an entry that says it was sent, and is there; asked for each file at each look. */
  isSent(path: string): boolean {
    const row = this.#rowOf.get(path);
    return row !== undefined && this.#rows.stateOf(row) === "sent";
  }

  /** Whether the path has an entry that says it was sent just as it was seen now; see `FileRows`. */
  isSentAs(path: string, seen: SeenNumbers): boolean {
    const row = this.#rowOf.get(path);
    return row !== undefined && this.#rows.isSentAs(row, seen);
  }

  /** A look has seen the file. @param look its number, of 16 bits, not 0 */
  see(path: string, look: number): void {
    const row = this.#rowOf.get(path);
    if (row !== undefined) this.#rows.see(row, look);
  }

  /** Whether that look was the last one that has seen the file. */
  wasSeen(path: string, look: number): boolean {
    const row = this.#rowOf.get(path);
    return row !== undefined && this.#rows.lookOf(row) === look;
  }

  /** What is gone, and since when, by the brokers' clock, milliseconds since 1970. */
  goneSince(): Iterable<[path: string, sinceMs: number]> {
    return this.#goneSinceMs;
  }

  /** Sets what is known of the path, or removes it. @param batch the number of the batch that it is in */
  set(path: string, value: FileValue | undefined, batch: number): void {
    const row = this.#rowOf.get(path);
    const attributes = value?.attributes;
    if (!value) {
      if (row !== undefined) this.#rows.remove(row);
      this.#rowOf.delete(path);
    } else if (row === undefined) this.#rowOf.set(path, this.#rows.add(value, batch));
    else this.#rows.set(row, value, batch);
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
