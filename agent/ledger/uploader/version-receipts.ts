/**
 * Which groups have, or can't store, the present version of an uploader's files: a number in the row of each (`file-rows.ts`), as there
 * may be a million of them. Its low half has a bit for each group that has the version, its high half one for each that can't store it.
 */
import type { Attributes } from "../../wire/attributes.ts";
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
  /** Of a delivered one, until it is known whether its entry is here. */
  attributes?: Attributes | undefined;
  /** Of a failed one. */
  reason?: string | undefined;
}

/** Groups that fit: a bit each for what they have and for what they can't store. */
export const maxGroups = 16;
const everyGroup = (1 << maxGroups) - 1;

/** Where the numbers are: 0 for a path that has none. */
export interface ReceiptNumbers {
  receiptsOf(path: string): number;
  setReceipts(path: string, bits: number): void;
}

export class VersionReceipts {
  readonly #groups: readonly string[] | undefined;
  readonly #known: KnownGroups;
  readonly #files: ReceiptNumbers;
  /** Of all groups that have any file, and have not taken back all that they had. */
  #seen = 0;
  /** How many paths each group has. */
  readonly #pathsOf = new Array<number>(maxGroups).fill(0);

  /** @param groups whose receipts count, at most `maxGroups`; undefined: any group's do, and one is enough */
  constructor(groups: readonly string[] | undefined, known: KnownGroups, files: ReceiptNumbers) {
    this.#files = files;
    this.#groups = groups?.slice(0, maxGroups);
    this.#known = known;
  }

  counts(group: string): boolean {
    return this.#groups === undefined || this.#groups.includes(group);
  }

  /** Notes a receipt for the path's present version. Returns whether that is new: where one group is enough, the first one's is. */
  put({ path, group, verdict }: GroupReceipt): boolean {
    const before = this.#files.receiptsOf(path);
    const after = before | this.#bit(group, verdict);
    this.#files.setReceipts(path, after);
    this.#count(after & ~before, 1);
    if (verdict === "delivered") this.#seen |= this.#bit(group, verdict);
    if (this.#groups !== undefined) return after !== before;
    return ((verdict === "delivered" ? before : before >>> maxGroups) & everyGroup) === 0;
  }

  /** Whether the group has said so of the path's present version. */
  has({ path, group, verdict }: Pick<GroupReceipt, "path" | "group" | "verdict">): boolean {
    return (this.#files.receiptsOf(path) & this.#bit(group, verdict)) !== 0;
  }

  /** A group that takes back the last that it has is no group that has files any more: it was forgotten, say. */
  takeBack({ path, group, verdict }: GroupReceipt): void {
    const before = this.#files.receiptsOf(path);
    const taken = before & this.#bit(group, verdict);
    if (taken === 0) return;
    this.#files.setReceipts(path, before & ~taken);
    this.#count(taken, -1);
    const at = 31 - Math.clz32(taken);
    if (verdict === "delivered" && this.#pathsOf[at] === 0) this.#seen &= ~taken;
  }

  /** There is another version of the path now, or none. */
  clear(path: string): void {
    this.#count(this.#files.receiptsOf(path), -1);
    this.#files.setReceipts(path, 0);
  }

  /** Whether every group that counts has it. */
  isDelivered(path: string): boolean {
    return this.#isEnough(this.#files.receiptsOf(path));
  }

  /** Whether every group that counts, and every one that was ever seen to have a file, has it. */
  isDeliveredToAll(path: string): boolean {
    const bits = this.#files.receiptsOf(path);
    return this.#isEnough(bits) && (bits & this.#seen) === this.#seen;
  }

  /** Whether every group that counts has it or can't store it. */
  isSettled(path: string): boolean {
    const bits = this.#files.receiptsOf(path);
    return this.#isEnough(bits | (bits >>> maxGroups));
  }

  /** Whether a group that counts can't store it and does not have it; where one is enough, none has it. */
  isFailed(path: string): boolean {
    const bits = this.#files.receiptsOf(path);
    const failed = (bits >>> maxGroups) & everyGroup;
    return this.#groups === undefined ? failed !== 0 && (bits & everyGroup) === 0 : (failed & ~bits) !== 0;
  }

  #count(bits: number, by: 1 | -1): void {
    for (let at = 0; at < maxGroups; at++)
      if (bits & (1 << at)) this.#pathsOf[at] = (this.#pathsOf[at] ?? 0) + by;
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
