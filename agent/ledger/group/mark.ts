/**
 * What a group has of an uploader's versions in one partition of the chunks: all of them up to a number but some, some above it, and
 * some that the uploader may not have noted. docs/protocol.md, "Marks", has the rules; `mark-draft.ts` makes the next one that is
 * written, and `uploader-marks.ts` puts it together with what the uploader has noted.
 *
 * The records of one mark come from the member that has the partition, so each one says more than the one before. One that comes
 * late, from a member that was frozen, says less: what it adds is taken from it, and nothing else.
 */

import type { Packer, Unpacker } from "../../lib/packed.ts";
import type { DoneValue } from "../../wire/entry-value.ts";
import { limits } from "../../wire/limits.ts";
import { settlesByNumber } from "../../wire/mark.ts";
import { EarlyFiles } from "./early-files.ts";
import { OldNumbers } from "./old-numbers.ts";
import { withStores } from "./store-numbers.ts";

/** About what a mark takes without its lists, and a version in one of them, bytes. */
const baseBytes = 200;
const listedBytes = 100;

/** Of a version above `to`, or in its place: it was noted before what the mark speaks of. */
const before = -1;

const none: ReadonlySet<number> = new Set();

export class Mark {
  readonly partition: number;
  /** All up to this number are settled, but for `but`, of those that were noted before the ledger offset `at`. */
  #to = 0;
  #at = 0;
  #but: Set<number> | undefined;
  /** Others that are settled, and the ledger offset at which they were noted. */
  #also: Map<number, number> | undefined;
  /** What is delivered and may not be noted. */
  readonly early = new EarlyFiles();
  /** Up to this number a version that has failed is not named here: its receipt says so. */
  #failedTo = 0;
  #by: ReadonlyMap<string, number> | undefined;
  /** What it said of a ledger that was deleted. */
  #ofAnother: OldNumbers | undefined;
  /** What was noted up to this ledger offset is known as settled by more than its records say: the next one has to speak of it. */
  #owedAt = -1;
  /** What `Marks` has counted for it, bytes. */
  countedBytes = 0;
  /** The ledger offset of its newest record that was read or written here, and of the newest that was read. */
  #newestAt = -1;
  #readAt = -1;

  constructor(partition: number) {
    this.partition = partition;
  }

  get to(): number {
    return this.#to;
  }

  /** Up to where it counts by what it said of another ledger. */
  get oldTo(): number {
    return this.#ofAnother?.to ?? 0;
  }

  get at(): number {
    return this.#at;
  }

  get but(): ReadonlySet<number> {
    return this.#but ?? none;
  }

  get also(): Iterable<number> {
    return this.#also?.keys() ?? [];
  }

  get failedTo(): number {
    return this.#failedTo;
  }

  get by(): ReadonlyMap<string, number> {
    return this.#by ?? new Map();
  }

  /** Whether it names no version, and is told by its own records alone. */
  get isPlain(): boolean {
    const lists = (this.#but?.size ?? 0) + (this.#also?.size ?? 0) + this.early.size;
    return lists === 0 && this.#ofAnother === undefined;
  }

  /** About what it takes in memory, bytes. */
  get weight(): number {
    return baseBytes + listedBytes * ((this.#but?.size ?? 0) + (this.#also?.size ?? 0)) + this.early.bytes;
  }

  /** Whether it counts by numbers alone, up to what it was as another ledger was deleted. */
  get isOfAnother(): boolean {
    return this.#ofAnother !== undefined;
  }

  /** Whether a version that was noted at this ledger offset is settled. */
  settles(version: number, at: number): boolean {
    return this.says(version, at) || this.#isOld(version);
  }

  /** The same, by what it says of the ledger of now. */
  says(version: number, at: number): boolean {
    return this.names(version) || settlesByNumber(this, version, at);
  }

  /** Whether the version is named as not settled. */
  excepts(version: number): boolean {
    return this.#but?.has(version) === true;
  }

  /** Whether the version is named as settled. */
  names(version: number): boolean {
    return this.#also?.has(version) === true;
  }

  /** Whether the version is not settled by its number if a receipt stands that it has failed. */
  leavesToReceipt(version: number): boolean {
    return version <= this.#failedTo && !this.names(version);
  }

  /** The version has failed: its receipt, and that of each such version before it, says so from now on. */
  leaveToReceipt(version: number): void {
    this.#failedTo = Math.max(this.#failedTo, version);
    this.drop(version);
  }

  /** Whether chunks of a version that are read, noted or not, are of a settled one. @param open versions that may still be noted */
  settlesChunk(version: number, open: ReadonlySet<number>): boolean {
    return this.#isSettledHere(version) && (this.names(version) || !open.has(version));
  }

  /** The version is settled, and was noted at this ledger offset. */
  add(version: number, at: number): void {
    this.#also ??= new Map();
    this.#also.set(version, at);
    this.#but?.delete(version);
  }

  /** The uploader has noted a version of the path, at this ledger offset, that is delivered. */
  noted({ path, version }: { path: string; version: number }, at: number): void {
    const early = this.early.get(path);
    // The next record says so of its number.
    if (early?.file.version === version) early.notedAt = at;
    else this.add(version, at);
  }

  /** The ledger lacks it as long as no record speaks of what was noted up to this ledger offset. */
  owe(at: number): void {
    this.#owedAt = Math.max(this.#owedAt, at);
  }

  /** The version of the path is to be delivered again. Returns whether it was named as delivered. */
  unname(path: string, version: number): boolean {
    const isEarly = this.early.get(path)?.file.version === version;
    if (isEarly) this.early.delete(path);
    return this.#also?.delete(version) === true || isEarly;
  }

  /** The version is not settled, whatever its number is. */
  except(version: number): void {
    this.#also?.delete(version);
    this.#ofAnother?.except(version);
    if (version > this.#to) return;
    this.#but ??= new Set();
    if (this.#but.size < limits.marked || this.#but.has(version)) this.#but.add(version);
    // Rather is something delivered twice.
    else this.#lower(version - 1);
  }

  /** The version is due no longer. Returns whether it was named as not settled. */
  drop(version: number): boolean {
    return this.#but?.delete(version) ?? false;
  }

  /** Only these are left of those that are not settled; what is known of a ledger before may not be noted in this one yet. Returns whether that is fewer. */
  keepBut(isLeft: (version: number) => boolean): boolean {
    const before = this.#but?.size ?? 0;
    for (const version of this.#but ?? [])
      if (version > (this.#ofAnother?.to ?? 0) && !isLeft(version)) this.#but?.delete(version);
    return (this.#but?.size ?? 0) < before;
  }

  /** The ledger was deleted and made again. @param open versions that could still be noted there */
  ledgerRecreated(open: Iterable<number>): void {
    for (const version of open) if (!this.#also?.has(version)) this.except(version);
    for (const version of this.#also?.keys() ?? []) this.#also?.set(version, before);
    for (const early of this.early) early.notedAt = undefined;
    const isSettled = (version: number) => this.names(version) || this.#isBelow(version);
    const isLess = this.#to < (this.#ofAnother?.to ?? 0);
    this.#ofAnother =
      (isLess && this.#ofAnother?.with(this.but, isSettled)) || new OldNumbers(this.#to, this.but);
    // What has failed is not all named: who knows no more than the new ledger has is told nothing by numbers.
    if (this.#failedTo > 0) this.#lower(0);
    this.#failedTo = 0;
    this.#at = 0;
    this.#owedAt = -1;
    this.#newestAt = -1;
    this.#readAt = -1;
  }

  pack(to: Packer): void {
    to.number(this.#to)
      .count(this.#at)
      .number(this.#owedAt)
      .number(this.#newestAt)
      .number(this.#readAt)
      .number(this.#failedTo);
    to.list(this.#but ?? [], (version) => to.number(version));
    to.list(this.#also ?? [], ([version, at]) => to.number(version).number(at));
    this.early.pack(to);
    to.list(this.#by ?? [], ([store, number]) => to.text(store).count(number));
    to.maybe(this.#ofAnother, (old) => old.pack(to));
  }

  unpack(from: Unpacker): void {
    this.#to = from.number();
    this.#at = from.count();
    this.#owedAt = from.number();
    this.#newestAt = from.number();
    this.#readAt = from.number();
    this.#failedTo = from.number();
    this.#but = some(new Set(from.list(() => from.number())));
    this.#also = some(new Map(from.list(() => [from.number(), from.number()] as const)));
    this.early.unpack(from);
    this.#by = some(new Map(from.list(() => [from.text(), from.count()] as const)));
    this.#ofAnother = from.maybe(() => OldNumbers.unpack(from));
  }

  /** A record at this ledger offset is read. Returns whether that is for the first time: what it says may not be so any more. */
  isNews(offset: number): boolean {
    const isNews = offset > this.#readAt;
    this.#readAt = Math.max(this.#readAt, offset);
    return isNews;
  }

  /**
   * Takes what a record says. Returns whether the ledger lacks something now that is known here; undefined: no more than before.
   *
   * @param offset of the record, in the ledger
   * @param isUnsettled whether a version in its `but` is one, though it was known as settled here
   */
  read(
    value: DoneValue,
    offset: number,
    isUnsettled: (version: number) => boolean,
  ): "dirty" | "clean" | undefined {
    const knew = this.#countOfSettled();
    const isNewer = value.to >= this.#to && value.at >= this.#at;
    this.#by = withStores(this.by, Object.entries(value.by));
    this.#failedTo = Math.max(this.#failedTo, value.failed ?? 0);
    if (isNewer) this.#advance(value, isUnsettled);
    for (const version of value.also)
      if (version > this.#to || this.#but?.has(version)) this.#addKnown(version);
    this.#readEarly(value, isNewer);
    // What stands in the ledger now is a later one, that did not have it.
    if (offset <= this.#newestAt) return this.#countOfSettled() === knew ? undefined : "dirty";
    this.#newestAt = offset;
    return this.#knowsMoreThan(value) ? "dirty" : "clean";
  }

  /** The ledger has a record that was written here. */
  written(value: DoneValue, offset: number, isUnsettled: (version: number) => boolean): void {
    this.#newestAt = Math.max(this.#newestAt, offset);
    this.read(value, offset, isUnsettled);
  }

  #isBelow(version: number): boolean {
    return version <= this.#to && this.#but?.has(version) !== true;
  }

  #isOld(version: number): boolean {
    return this.#ofAnother?.has(version) === true && this.#but?.has(version) !== true;
  }

  #addKnown(version: number): void {
    this.#also ??= new Map();
    if (!this.#also.has(version)) this.#also.set(version, before);
    this.#but?.delete(version);
  }

  #lower(to: number): void {
    this.#to = to;
    for (const version of this.#but ?? []) if (version > to) this.#but?.delete(version);
  }

  #advance(value: DoneValue, isUnsettled: (version: number) => boolean): void {
    const early = new Set([...this.early].map(({ file, notedAt }) => notedAt !== undefined && file.version));
    const but = value.but.filter(
      (version) => isUnsettled(version) || !(this.#isSettledHere(version) || early.has(version)),
    );
    this.#to = value.to;
    this.#at = value.at;
    this.#but = but.length > 0 ? new Set(but) : undefined;
    for (const [version, at] of this.#also ?? []) {
      const isCovered = this.#isBelow(version) && at < value.at;
      if (isCovered || this.#but?.has(version)) this.#also?.delete(version);
    }
    if (this.#also?.size === 0) this.#also = undefined;
  }

  #isSettledHere(version: number): boolean {
    return this.names(version) || this.#isBelow(version) || this.#isOld(version);
  }

  #readEarly(value: DoneValue, isNewer: boolean): void {
    const said = new Map(value.early.map((file) => [file.path, file]));
    // Not what it just does not name: it may have come late, or be of a member that does not know it.
    for (const { file, notedAt } of this.early)
      if (isNewer && notedAt !== undefined && !said.has(file.path) && this.settles(file.version, notedAt))
        this.early.delete(file.path);
    for (const [path, file] of said) {
      const known = this.early.get(path)?.file.version ?? 0;
      // An older record's may have been noted since.
      if (known >= file.version || (!isNewer && this.#isSettledHere(file.version))) continue;
      this.early.put({ file, notedAt: undefined });
    }
  }

  #knowsMoreThan({ to, at, but, also, early }: DoneValue): boolean {
    if (this.#to > to || this.#at > at || this.#owedAt >= at) return true;
    if (but.some((version) => this.#isSettledHere(version))) return true;
    const said = new Set([...also, ...early.map(({ version }) => version)]);
    for (const [version, notedAt] of this.#also ?? [])
      if ((version > to || notedAt >= at) && !said.has(version)) return true;
    const paths = new Map(early.map(({ path, version }) => [path, version]));
    const excepted = new Set(but);
    const isBelow = (version: number) => version <= to && !excepted.has(version);
    for (const { file, notedAt } of this.early) {
      const isSaid = (paths.get(file.path) ?? 0) >= file.version || said.has(file.version);
      if ((notedAt === undefined || notedAt >= at || !isBelow(file.version)) && !isSaid) return true;
    }
    return false;
  }

  /** Changes with each record that adds something. */
  #countOfSettled(): number {
    return (this.#also?.size ?? 0) + this.early.size - (this.#but?.size ?? 0) + this.#to + this.#at;
  }
}

/** Nothing is kept of what is empty: there may be hundreds of thousands of marks. */
function some<Kept extends { size: number }>(kept: Kept): Kept | undefined {
  return kept.size > 0 ? kept : undefined;
}
