/**
 * What the ledger has of an uploader's files, by path, and in which of its batches that is. There may be a million: paths and entries
 * are bytes and numbers, and whoever looks at many of them goes by the number that a path has here.
 *
 * A path keeps its number as long as it has an entry, or is held: by each batch in the ledger that names it (`batch-slots.ts`).
 */
import { BoundedMap } from "../../lib/bounded-map.ts";
import { type Attributes, encodeAttributes } from "../../wire/attributes.ts";
import type { FileValue } from "../../wire/entry-value.ts";
import { FileRows, type SeenNumbers } from "./file-rows.ts";
import type { Place } from "./group-marks.ts";
import type { PathKey } from "./path-key.ts";
import { PathTable } from "./path-table.ts";

/** Sets of attributes that are known by their text. More are only had where the settings change that often, or are made up. */
const maxSharedSets = 256;

export class FileEntries {
  readonly #paths = new PathTable();
  readonly #rows = new FileRows();
  /** How often each number is held. */
  readonly #holds: number[] = [];
  /** Of the files that have some. All files of a watch have the same: they are one object. */
  readonly #attributes = new Map<number, Attributes>();
  readonly #sharedSets = new BoundedMap<string, Attributes>(maxSharedSets);
  /** By the brokers' clock, milliseconds since 1970. */
  readonly #goneSinceMs = new Map<number, number>();

  get(path: string): FileValue | undefined {
    const number = this.#numberOf(path);
    return number === undefined ? undefined : this.#valueAt(number);
  }

  /** The version that is known; undefined: nothing is known of the path. */
  versionOf(path: string): number | undefined {
    const number = this.#numberOf(path);
    return number === undefined ? undefined : this.#rows.versionOf(number);
  }

  /** The number of the batch that it is in; undefined: nothing is known of the path. */
  batchOf(path: string): number | undefined {
    const number = this.#numberOf(path);
    return number === undefined ? undefined : this.#rows.batchOf(number);
  }

  /** What the batch has of the path that has the number, if that counts: it is noted nowhere later. */
  inBatch(number: number, batch: number): { path: string; value: FileValue } | undefined {
    if (!this.#rows.has(number) || this.#rows.batchOf(number) !== batch) return undefined;
    return { path: this.#paths.get(number), value: this.#valueAt(number) };
  }

  /** Where what was sent whole is. */
  placeOf(path: string): Place | undefined {
    const number = this.#numberOf(path);
    return number === undefined ? undefined : this.#rows.placeOf(number);
  }

  /** The highest version of all that was sent whole, and the highest ledger offset at which it was noted; 0: nothing was. */
  highest(): { version: number; at: number } {
    let [version, at] = [0, 0];
    for (let number = 0; number < this.#rows.end; number++) {
      if (!this.#rows.has(number) || !this.#rows.isWhole(number)) continue;
      version = Math.max(version, this.#rows.versionOf(number));
      at = Math.max(at, this.#rows.notedAt(number));
    }
    return { version, at };
  }

  /** What groups say of the path's version: 32 bits, see `VersionReceipts`. 0 also where the path has no entry. */
  receiptsOf(path: string): number {
    const number = this.#numberOf(path);
    return number === undefined ? 0 : this.#rows.receiptsOf(number);
  }

  /** They stay until they are set anew, or the entry is removed. */
  setReceipts(path: string, bits: number): void {
    const number = this.#numberOf(path);
    if (number !== undefined) this.#rows.setReceipts(number, bits);
  }

  *paths(): Generator<string> {
    for (const number of this.#numbers()) yield this.#paths.get(number);
  }

  /** Whether the path has an entry that does not say it is gone; asked for each file at each look. */
  isPresent(path: string): boolean {
    const number = this.#numberOf(path);
    return number !== undefined && this.#rows.stateOf(number) !== "gone";
  }

  /** Whether the path has an entry that says it was sent, and is there. */
  isSent(path: string): boolean {
    const number = this.#numberOf(path);
    return number !== undefined && this.#rows.stateOf(number) === "sent";
  }

  /**
   * Whether the path has an entry that says it was sent just as it was seen now; see `FileRows`. Asked for each file at each look.
   *
   * @param look if so, the number of the look that has seen it; see `see`
   */
  isSentAs(path: PathKey, seen: SeenNumbers, look: number): boolean {
    const number = this.#paths.find(path);
    if (number === undefined || !this.#rows.has(number) || !this.#rows.isSentAs(number, seen)) return false;
    this.#rows.see(number, look);
    return true;
  }

  /** A look has seen the file. @param look its number, of 16 bits, not 0 */
  see(path: string, look: number): void {
    const number = this.#numberOf(path);
    if (number !== undefined) this.#rows.see(number, look);
  }

  /** What is below a folder by its entry, and that look was not the last one to see. @param folder with its slash; "": all */
  *unseen(folder: string, look: number): Generator<string> {
    const start = Buffer.from(folder);
    for (let number = 0; number < this.#rows.end; number++) {
      if (!this.#rows.has(number) || this.#rows.lookOf(number) === look) continue;
      const isPresent = this.#rows.stateOf(number) !== "gone";
      if (isPresent && this.#paths.startsWith(number, start)) yield this.#paths.get(number);
    }
  }

  /**
   * What is gone, and since when, by the brokers' clock, milliseconds since 1970. But for what several batches name: without the newest
   * of them, a start would take an older one for it.
   */
  *goneSince(): Generator<[path: string, sinceMs: number]> {
    for (const [number, sinceMs] of this.#goneSinceMs)
      if ((this.#holds[number] ?? 0) <= 1) yield [this.#paths.get(number), sinceMs];
  }

  /** Sets what is known of the path, or removes it. @param batch the number of the batch that it is in */
  set(path: string, value: FileValue | undefined, batch: number): void {
    const number = value ? this.#paths.add(path) : this.#numberOf(path);
    if (number === undefined) return;
    const attributes = value?.attributes;
    if (attributes) this.#attributes.set(number, this.#shared(attributes));
    else this.#attributes.delete(number);
    if (value?.state === "gone") this.#goneSinceMs.set(number, value.since ?? 0);
    else this.#goneSinceMs.delete(number);
    if (value) this.#rows.set(number, value, batch);
    else {
      this.#rows.clear(number);
      this.#freeIfUnused(number);
    }
  }

  /** The path has a number from now on, and keeps it until it is let go of as often as it is held. Returns it. */
  hold(path: string): number {
    const number = this.#paths.add(path);
    this.#holds[number] = (this.#holds[number] ?? 0) + 1;
    return number;
  }

  letGo(number: number): void {
    this.#holds[number] = (this.#holds[number] ?? 1) - 1;
    this.#freeIfUnused(number);
  }

  #freeIfUnused(number: number): void {
    if (!this.#rows.has(number) && (this.#holds[number] ?? 0) === 0) this.#paths.remove(number);
  }

  /** Of a path that has an entry. */
  #numberOf(path: string): number | undefined {
    const number = this.#paths.find(path);
    return number !== undefined && this.#rows.has(number) ? number : undefined;
  }

  /** Of all that have an entry. */
  *#numbers(): Generator<number> {
    for (let number = 0; number < this.#rows.end; number++) if (this.#rows.has(number)) yield number;
  }

  #valueAt(number: number): FileValue {
    const attributes = this.#attributes.get(number);
    return Object.assign(this.#rows.get(number), attributes && { attributes });
  }

  #shared(attributes: Attributes): Attributes {
    const text = encodeAttributes(attributes);
    const known = this.#sharedSets.get(text);
    if (!known) this.#sharedSets.set(text, attributes);
    return known ?? attributes;
  }
}
