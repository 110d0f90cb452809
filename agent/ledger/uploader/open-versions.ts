/**
 * Versions that were given and may still be noted as sent: whoever reads the ledger takes every other one, below the next, as
 * noted or dead (docs/protocol.md, "Batches").
 */
import type { NotedFile } from "../../wire/entry-value.ts";
import { limits } from "../../wire/limits.ts";

export class OpenVersions {
  readonly #byPath = new Map<string, number>();
  /** While what is known is written to a ledger that was made anew: any of it, from this number on, may not be there yet. */
  #writtenBelow = Number.POSITIVE_INFINITY;

  /** The path's version is this one now, and the one before it will never be sent. An older one may just be being noted. */
  open(path: string, version: number): void {
    this.#byPath.set(path, Math.max(version, this.#byPath.get(path) ?? 0));
  }

  /** This version of the path, or a newer one, is noted as sent, given up or gone; without a version: none will be. */
  close(path: string, version = Number.POSITIVE_INFINITY): void {
    if ((this.#byPath.get(path) ?? 0) <= version) this.#byPath.delete(path);
  }

  /** All versions from this one on are being written again. */
  beginWritingAgain(from: number): void {
    this.#writtenBelow = from;
  }

  endWritingAgain(): void {
    this.#writtenBelow = Number.POSITIVE_INFINITY;
  }

  clear(): void {
    this.#byPath.clear();
    this.endWritingAgain();
  }

  /**
   * The lowest of those that a batch does not note as sent or given up, as far as it may name them, and from which number on any
   * other may come.
   *
   * @param highest every number that was given is at most this
   */
  toSay(files: readonly NotedFile[], highest: number): { open: number[]; next: number } {
    const noted = new Set(files.filter(({ state }) => state !== "sending").map(({ version }) => version));
    const all = [...this.#byPath.values()].filter((version) => !noted.has(version)).sort((a, b) => a - b);
    const next = Math.min(all[limits.open] ?? highest + 1, this.#writtenBelow);
    return { open: all.slice(0, limits.open), next };
  }
}
