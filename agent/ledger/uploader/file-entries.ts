/** The entries of an uploader's files as the ledger has them, by path. There may be a million. */
import type { FileValue } from "../../wire/entry-value.ts";

export class FileEntries {
  /** As their JSON text: one string each, a tenth of the objects that they would be. */
  readonly #texts = new Map<string, string>();
  /** By the brokers' clock, milliseconds since 1970. */
  readonly #goneSinceMs = new Map<string, number>();

  get(path: string): FileValue | undefined {
    const text = this.#texts.get(path);
    return text === undefined ? undefined : JSON.parse(text);
  }

  paths(): IterableIterator<string> {
    return this.#texts.keys();
  }

  /** Whether the path has an entry that does not say it is gone; asked for each file at each look. */
  isPresent(path: string): boolean {
    const text = this.#texts.get(path);
    return text !== undefined && !text.includes('"state":"gone"');
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
    if (value) this.#texts.set(path, JSON.stringify(value));
    else this.#texts.delete(path);
    if (value?.state !== "gone") this.#goneSinceMs.delete(path);
    else if (before?.state !== "gone") this.#goneSinceMs.set(path, nowMs);
    return before;
  }
}
