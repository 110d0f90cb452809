/**
 * Which groups have, or can't store, the present version of an uploader's files: a number a path, as there may be a
 * million of them. A receipt can be here before the entry that it is about: a small file may be delivered before its
 * uploader has noted it as sent.
 */
import { BoundedMap, textBytes } from "../../lib/bounded-map.ts";
import type { KnownGroups } from "./known-groups.ts";

export type Verdict = "delivered" | "failed";

/** What a group says of a version: that it has it, or can't store it. */
export interface GroupReceipt {
  verdict: Verdict;
  path: string;
  version: number;
  group: string;
  /** Of a delivered one. */
  size?: number | undefined;
  checksum?: string | undefined;
  /** Nanoseconds since 1970, as text. */
  mtime?: string | undefined;
  /** Of a failed one. */
  reason?: string | undefined;
}

/** Groups that fit: a bit each for what they have and for what they can't store. */
export const maxGroups = 16;
const everyGroup = (1 << maxGroups) - 1;

export class VersionReceipts {
  readonly #groups: readonly string[] | undefined;
  readonly #known: KnownGroups;
  readonly #bits = new Map<string, number>();
  /** Of all groups that have any file. */
  #seen = 0;

  /** @param groups whose receipts count, at most `maxGroups`; undefined: any group's do, and one is enough */
  constructor(groups: readonly string[] | undefined, known: KnownGroups) {
    this.#groups = groups?.slice(0, maxGroups);
    this.#known = known;
  }

  counts(group: string): boolean {
    return this.#groups === undefined || this.#groups.includes(group);
  }

  /** Notes a receipt for the path's present version. Returns whether that is new: where one group is enough, the first one's is. */
  put({ path, group, verdict }: GroupReceipt): boolean {
    const before = this.#bits.get(path) ?? 0;
    const after = before | this.#bit(group, verdict);
    this.#bits.set(path, after);
    if (verdict === "delivered") this.#seen |= this.#bit(group, verdict);
    if (this.#groups !== undefined) return after !== before;
    return ((verdict === "delivered" ? before : before >>> maxGroups) & everyGroup) === 0;
  }

  takeBack({ path, group, verdict }: GroupReceipt): void {
    const left = (this.#bits.get(path) ?? 0) & ~this.#bit(group, verdict);
    if (left === 0) this.#bits.delete(path);
    else this.#bits.set(path, left);
  }

  /** There is another version of the path now, or none. */
  clear(path: string): void {
    this.#bits.delete(path);
  }

  /** Whether every group that counts has it. */
  isDelivered(path: string): boolean {
    return this.#isEnough(this.#bits.get(path) ?? 0);
  }

  /** Whether every group that counts, and every one that was ever seen to have a file, has it. */
  isDeliveredToAll(path: string): boolean {
    const bits = this.#bits.get(path) ?? 0;
    return this.#isEnough(bits) && (bits & this.#seen) === this.#seen;
  }

  /** Whether every group that counts has it or can't store it. */
  isSettled(path: string): boolean {
    const bits = this.#bits.get(path) ?? 0;
    return this.#isEnough(bits | (bits >>> maxGroups));
  }

  /** Whether a group that counts can't store it and does not have it; where one is enough, none has it. */
  isFailed(path: string): boolean {
    const bits = this.#bits.get(path) ?? 0;
    const failed = (bits >>> maxGroups) & everyGroup;
    return this.#groups === undefined ? failed !== 0 && (bits & everyGroup) === 0 : (failed & ~bits) !== 0;
  }

  #isEnough(bits: number): boolean {
    if (this.#groups === undefined) return (bits & everyGroup) !== 0;
    const all = (1 << this.#groups.length) - 1;
    return (bits & all) === all;
  }

  #bit(group: string, verdict: Verdict): number {
    const at = this.#groups === undefined ? this.#known.indexOf(group) : this.#groups.indexOf(group);
    if (at < 0) return 0;
    return 1 << (verdict === "delivered" ? at : at + maxGroups);
  }
}

/** Thirty thousand of short paths. */
const maxEarlyBytes = 16 << 20;
/** Receipts that are kept of one path. */
const maxOfPath = 100;

/** Receipts that came before the entry that they are about. Bounded: the oldest is forgotten first, until the next start. */
export class EarlyReceipts {
  readonly #byPath = new BoundedMap<string, readonly GroupReceipt[]>(100_000, {
    most: maxEarlyBytes,
    of: (path, receipts) => receipts.reduce((sum, receipt) => sum + bytesOf(receipt), 200 + textBytes(path)),
  });

  put(receipt: GroupReceipt): void {
    const { path, version, group, verdict } = receipt;
    const others = (this.#byPath.get(path) ?? []).filter(
      (one) => one.version !== version || one.group !== group || one.verdict !== verdict,
    );
    this.#byPath.set(path, [...others.slice(-maxOfPath + 1), receipt]);
  }

  /** The ones for this version, which is the path's present one; older ones are forgotten. */
  drain(path: string, version: number): GroupReceipt[] {
    const known = this.#byPath.get(path) ?? [];
    this.#keep(
      path,
      known.filter((receipt) => receipt.version > version),
    );
    return known.filter((receipt) => receipt.version === version);
  }

  /** The newest version of the path that a group has. */
  newestDelivered(path: string): GroupReceipt | undefined {
    const delivered = this.#byPath.get(path)?.filter(({ verdict }) => verdict === "delivered") ?? [];
    return delivered.sort((a, b) => b.version - a.version)[0];
  }

  paths(): IterableIterator<string> {
    return this.#byPath.keys();
  }

  takeBack({ path, version, group, verdict }: GroupReceipt): void {
    const known = this.#byPath.get(path) ?? [];
    this.#keep(
      path,
      known.filter((one) => one.version !== version || one.group !== group || one.verdict !== verdict),
    );
  }

  #keep(path: string, receipts: readonly GroupReceipt[]): void {
    if (receipts.length === 0) this.#byPath.delete(path);
    else this.#byPath.set(path, receipts);
  }
}

/** About what a receipt takes in memory. */
function bytesOf({ group, checksum, mtime, reason }: GroupReceipt): number {
  return 200 + textBytes(group) + textBytes(checksum) + textBytes(mtime) + textBytes(reason);
}
