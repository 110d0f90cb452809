/**
 * What groups ask an uploader to send again: the `needs` in its partition of the ledger that it has not answered yet.
 * Bounded in bytes: whoever may write the ledger can't fill the memory, with many requests, many ranges or long names. Where
 * there is no more room, whoever has the most makes some: a flood drops its own requests, and no other group's. What is dropped
 * is heard again when its group repeats it, and found by the next start.
 */
import { type ByteRange, union } from "../../wire/byte-ranges.ts";
import { type KnownGroups, othersShare } from "./known-groups.ts";

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

/** As it is kept: for the share that had it first, whichever groups are known since. */
interface Kept extends Asked {
  path: string;
  group: string;
  share: string;
}

/** What a share has: its bytes, and its requests in the order in which they were first heard; some are answered since. */
interface Share {
  bytes: number;
  count: number;
  requests: Kept[];
}

/** What all of them may take: fifty thousand of one range and a short path; a group's member asks for ten thousand. */
const maxBytes = 32 << 20;
/** What one takes beside its texts, what a character and what a range takes: measured, rounded up. */
const [requestBytes, characterBytes, rangeBytes] = [560, 2, 80];
const maxRanges = 1000;
/** Groups that are not known, and are heard on one path. */
const maxOthers = 100;

export class Requests {
  readonly #known: KnownGroups;
  readonly #byPath = new Map<string, Map<string, Kept>>();
  readonly #shares = new Map<string, Share>();
  #bytes = 0;

  constructor(known: KnownGroups) {
    this.#known = known;
  }

  /**
   * Returns whether nothing was dropped for it, nor it itself. Where there is no room for its ranges, one range over all of them
   * is remembered: more is sent than was asked for, rather than nothing.
   */
  put(path: string, group: string, asked: Asked): boolean {
    const groups = this.#byPath.get(path);
    const before = groups?.get(group);
    const share = before?.share ?? this.#known.shareOf(group);
    if (!before && share === othersShare && groups && groups.size >= maxOthers) return false;
    this.#delete(path, group);
    const made = (most: number): Kept => ({
      ...asked,
      path,
      group,
      share,
      ranges: union(asked.ranges, most),
    });
    const joined = made(1);
    const kept = [made(maxRanges), joined].find((one) => this.#hasRoom(bytesOf(one)));
    const fits = kept !== undefined || this.#makeRoom(share, bytesOf(joined));
    if (fits) this.#keep(kept ?? joined);
    // What it asked for before is better than nothing.
    else if (before) this.#keep(before);
    return kept !== undefined;
  }

  /** A group has taken its request back. */
  takeBack(path: string, group: string, version: number): void {
    if (this.#byPath.get(path)?.get(group)?.version === version) this.#delete(path, group);
  }

  /** Forgets what is asked for of other versions of the path than this one, and what was asked up to a ledger offset. */
  settle(path: string, version: number, upTo: number): void {
    const groups = this.#byPath.get(path);
    if (!groups) return;
    for (const [group, asked] of groups) {
      if (asked.version !== version || asked.offset <= upTo) this.#delete(path, group);
    }
  }

  paths(): IterableIterator<string> {
    return this.#byPath.keys();
  }

  get count(): number {
    let count = 0;
    for (const share of this.#shares.values()) count += share.count;
    return count;
  }

  /** Whether the group asks for something of the path. */
  has(path: string, group: string): boolean {
    return this.#byPath.get(path)?.has(group) ?? false;
  }

  /** Groups that ask for something of the path. */
  askers(path: string): Iterable<string> {
    return this.#byPath.get(path)?.keys() ?? [];
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

  #hasRoom(bytes: number): boolean {
    return this.#bytes + bytes <= maxBytes;
  }

  /** Drops the newest requests of those that have more than the share would have. Returns whether that was enough. */
  #makeRoom(share: string, bytes: number): boolean {
    while (!this.#hasRoom(bytes)) {
      const [name, most] = [...this.#shares].reduce((a, b) => (b[1].bytes > a[1].bytes ? b : a));
      if (name === share || most.bytes <= (this.#shares.get(share)?.bytes ?? 0) + bytes) return false;
      const newest = most.requests.pop();
      if (!newest) return false;
      if (this.#isThere(newest)) this.#delete(newest.path, newest.group);
    }
    return true;
  }

  #isThere(kept: Kept): boolean {
    return this.#byPath.get(kept.path)?.get(kept.group) === kept;
  }

  #keep(kept: Kept): void {
    const bytes = bytesOf(kept);
    const share = this.#shares.getOrInsert(kept.share, { bytes: 0, count: 0, requests: [] });
    share.bytes += bytes;
    share.count++;
    this.#bytes += bytes;
    this.#byPath.getOrInsertComputed(kept.path, () => new Map()).set(kept.group, kept);
    share.requests.push(kept);
    // What was answered since is let go now and then.
    if (share.requests.length > share.count + share.count / 2 + 100)
      share.requests = share.requests.filter((one) => this.#isThere(one));
  }

  #delete(path: string, group: string): void {
    const groups = this.#byPath.get(path);
    const kept = groups?.get(group);
    const share = kept && this.#shares.get(kept.share);
    if (!groups || !share) return;
    const bytes = bytesOf(kept);
    groups.delete(group);
    if (groups.size === 0) this.#byPath.delete(path);
    this.#bytes -= bytes;
    share.bytes -= bytes;
    if (--share.count === 0) this.#shares.delete(kept.share);
  }
}

/** What a request takes in memory, bytes. */
function bytesOf({ path, group, ranges }: Kept): number {
  return requestBytes + characterBytes * (path.length + group.length) + rangeBytes * ranges.length;
}
