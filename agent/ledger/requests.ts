/**
 * What groups ask an uploader to send again: the `needs` in its partition of the ledger that it has not answered yet.
 * Bounded: whoever may write the ledger can't fill the memory.
 */
import { type ByteRange, union } from "../wire/byte-ranges.ts";

/** What all groups together ask for of one version. */
export interface Request {
  path: string;
  version: number;
  groups: readonly string[];
  /** As they were asked for; they may reach past the file's end. */
  ranges: readonly ByteRange[];
  /** Of the newest of them, in the ledger. */
  offset: number;
}

interface Asked {
  version: number;
  ranges: readonly ByteRange[];
  offset: number;
}

const maxRequests = 100_000;
const maxRanges = 1000;

export class Requests {
  readonly #byPath = new Map<string, Map<string, Asked>>();
  #count = 0;

  /** Returns whether there was room for it. */
  put(path: string, group: string, asked: Asked): boolean {
    const groups = this.#byPath.get(path) ?? new Map<string, Asked>();
    if (this.#count >= maxRequests && !groups.has(group)) return false;
    if (!groups.has(group)) this.#count++;
    groups.set(group, { ...asked, ranges: union(asked.ranges, maxRanges) });
    this.#byPath.set(path, groups);
    return true;
  }

  /** A group has taken its request back. */
  takeBack(path: string, group: string, version: number): void {
    const groups = this.#byPath.get(path);
    if (groups?.get(group)?.version === version) this.#delete(path, groups, group);
  }

  /** Forgets what is asked for of other versions of the path than this one, and what was asked up to a ledger offset. */
  settle(path: string, version: number, upTo: number): void {
    const groups = this.#byPath.get(path);
    if (!groups) return;
    for (const [group, asked] of groups) {
      if (asked.version !== version || asked.offset <= upTo) this.#delete(path, groups, group);
    }
  }

  paths(): IterableIterator<string> {
    return this.#byPath.keys();
  }

  /** What is asked for of a version, of whichever groups. */
  of(path: string, version: number): Request | undefined {
    const asked = [...(this.#byPath.get(path) ?? [])].filter(([, one]) => one.version === version);
    if (asked.length === 0) return undefined;
    return {
      path,
      version,
      groups: asked.map(([group]) => group),
      ranges: union(
        asked.flatMap(([, { ranges }]) => ranges),
        maxRanges,
      ),
      offset: Math.max(...asked.map(([, { offset }]) => offset)),
    };
  }

  #delete(path: string, groups: Map<string, Asked>, group: string): void {
    groups.delete(group);
    this.#count--;
    if (groups.size === 0) this.#byPath.delete(path);
  }
}
