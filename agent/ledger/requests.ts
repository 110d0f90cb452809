/**
 * What groups ask an uploader to send again: the `needs` in its partition of the ledger that it has not answered yet.
 * Bounded in bytes: whoever may write the ledger can't fill the memory, with many requests, many ranges or long names.
 */
import { type ByteRange, union } from "../wire/byte-ranges.ts";

/** What all groups together ask for of one version. */
export interface Request {
  path: string;
  version: number;
  groups: readonly string[];
  /** In order and apart. As they were asked for; what `Feedback` gives is within the file. */
  ranges: readonly ByteRange[];
  /** Of the newest of them, in the ledger. */
  offset: number;
  /** When the newest of them was read there, by the monotonic clock. */
  heardMs: number;
}

interface Asked {
  version: number;
  ranges: readonly ByteRange[];
  offset: number;
  heardMs: number;
}

/** What all of them may take: fifty thousand of one range and a short path; a group's member asks for ten thousand. */
const maxBytes = 32 << 20;
/** What one takes beside its texts, what a character and what a range takes: measured, rounded up. */
const [requestBytes, characterBytes, rangeBytes] = [560, 2, 80];
const maxRanges = 1000;
/** Groups that are heard on one path. */
const maxGroups = 100;

export class Requests {
  readonly #byPath = new Map<string, Map<string, Asked>>();
  #bytes = 0;

  /**
   * Returns whether there was room for it. Where there is none for its ranges, one range over all of them is remembered:
   * more is sent than was asked for, rather than nothing.
   */
  put(path: string, group: string, asked: Asked): boolean {
    const groups = this.#byPath.get(path) ?? new Map<string, Asked>();
    const before = groups.get(group);
    if (!before && groups.size >= maxGroups) return false;
    const room = maxBytes - this.#bytes + (before ? bytesOf(path, group, before) : 0);
    const put = [maxRanges, 1]
      .map((most) => ({ ...asked, ranges: union(asked.ranges, most) }))
      .find((one) => bytesOf(path, group, one) <= room);
    if (!put) return false;
    this.#bytes = maxBytes - room + bytesOf(path, group, put);
    groups.set(group, put);
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
      heardMs: Math.max(...asked.map(([, { heardMs }]) => heardMs)),
    };
  }

  #delete(path: string, groups: Map<string, Asked>, group: string): void {
    const asked = groups.get(group);
    if (!asked) return;
    groups.delete(group);
    this.#bytes -= bytesOf(path, group, asked);
    if (groups.size === 0) this.#byPath.delete(path);
  }
}

/** What a request takes in memory, bytes. */
function bytesOf(path: string, group: string, { ranges }: Asked): number {
  return requestBytes + characterBytes * (path.length + group.length) + rangeBytes * ranges.length;
}
