/**
 * An uploader's versions that are due: noted as sent, and neither delivered nor superseded. Of more than are kept the lowest number is:
 * nothing is known for sure from there on, until the ledger is read again.
 */

import { textBytes } from "../../lib/bounded-map.ts";
import type { Packer, Unpacker } from "../../lib/packed.ts";

/** A version that is due. */
export interface Due {
  /** Of the file, see `mapKey`. */
  key: string;
  version: number;
  checksum: string;
  /** Of the chunks. */
  partition: number;
  /** Others where it was before: their marks are not to settle it by its number. */
  former?: readonly number[] | undefined;
  /** The ledger offset at which it was noted first. */
  at: number;
  /** The slot of the batch that it stands in, see `slotName`. */
  slot: string;
  /** The ledger offset of that batch. */
  slotAt: number;
  /** It has failed, and its receipt is in the ledger: that goes with it, when the ledger is read again. */
  hasFailed: boolean;
}

/** How many versions of all uploaders are due, of those that are kept, how many of these have failed, and about what all take, bytes. */
export class DueCount {
  count = 0;
  failed = 0;
  bytes = 0;
}

/** Versions that are kept, of one uploader, and of all. */
const maxDue = 10_000;
const maxAllDue = 40_000;
/** The same, of those that have failed: they stay for as long as their uploader has them, and are to leave room for what is to come. */
const maxFailed = 2000;
const maxAllFailed = 10_000;
/** What those that are kept may take in memory, of one uploader, and of all: a path can be long. */
const maxBytes = 6 << 20;
const maxAllBytes = 16 << 20;
/** About what one takes without its path, bytes. */
const dueBytes = 300;

export class DueVersions {
  readonly #all: DueCount;
  /** Of each file the newest, by its key. */
  #byFile = new Map<string, Due>();
  /** How many of these have a number: more than one only where an uploader has given it twice. */
  #numbers = new Map<number, number>();
  /** How many of these stand in a slot. */
  #slots = new Map<string, number>();
  #failedCount = 0;
  #bytes = 0;
  #keptBelow = Number.POSITIVE_INFINITY;
  /** While the ledger is read again: what is due by what was read. */
  #loading: Map<string, Due> | undefined;
  #loadingBelow = Number.POSITIVE_INFINITY;

  constructor(all: DueCount) {
    this.#all = all;
  }

  /** All that are due are kept below this number. */
  get keptBelow(): number {
    return this.#keptBelow;
  }

  /** @param key of the file */
  get(key: string): Due | undefined {
    return this.#byFile.get(key);
  }

  has(version: number): boolean {
    return this.#numbers.has(version);
  }

  /** Whether nothing is due, also by what was read of the ledger up to now. */
  get isEmpty(): boolean {
    return this.#byFile.size === 0 && (this.#loading?.size ?? 0) === 0;
  }

  /** Whether a version of the file is, by either. @param key of the file */
  knows(key: string): boolean {
    return this.#byFile.has(key) || this.#loading?.has(key) === true;
  }

  /** Whether several files have the number. */
  isShared(version: number): boolean {
    return (this.#numbers.get(version) ?? 0) > 1;
  }

  /** Also what is due by what was read of the ledger up to now. */
  *values(): Generator<Due> {
    yield* [...this.#byFile.values()];
    for (const due of [...(this.#loading?.values() ?? [])])
      if (this.#byFile.get(due.key)?.version !== due.version) yield due;
  }

  /** Those that stand in the slot since before this ledger offset, and have not failed. */
  inSlot(slot: string, offset: number): Due[] {
    const isKnown = this.#loading !== undefined || this.#slots.has(slot);
    const isIn = (due: Due) => due.slot === slot && due.slotAt < offset && !due.hasFailed;
    return isKnown ? [...this.values()].filter(isIn) : [];
  }

  /** In place of what was noted before of the file. */
  put(due: Due): void {
    const { key, version, slotAt } = due;
    const known = this.#byFile.get(key);
    if (known || this.#hasRoom) {
      // Of what is read again the end is known already.
      if (!known || known.slotAt <= slotAt) this.#set(key, due);
      this.#loading?.set(key, due);
      return;
    }
    this.#keptBelow = Math.min(this.#keptBelow, version);
    this.#loadingBelow = Math.min(this.#loadingBelow, version);
  }

  /** @param key of the file @param slotAt by what was noted up to this ledger offset; without it: by anything */
  delete(key: string, version: number, slotAt = Number.POSITIVE_INFINITY): void {
    const isKnown = (due: Due | undefined) => due?.version === version && due.slotAt <= slotAt;
    if (isKnown(this.#byFile.get(key))) this.#set(key, undefined);
    if (isKnown(this.#loading?.get(key))) this.#loading?.delete(key);
  }

  /** @param key of the file */
  failed(key: string, version: number): void {
    const known = this.#byFile.get(key);
    if (known?.version === version) this.#set(key, { ...known, hasFailed: true });
    const loading = this.#loading?.get(key);
    if (loading?.version === version) this.#loading?.set(key, { ...loading, hasFailed: true });
  }

  /** Drops those that have failed, up to some number, if there are more than are kept. Returns them. */
  dropFailed(): Due[] {
    const isTooMuch = this.#failedCount > maxFailed || this.#all.failed > maxAllFailed;
    if (this.#failedCount === 0 || !isTooMuch) return [];
    const failed = [...this.values()]
      .filter(({ hasFailed }) => hasFailed)
      .sort((a, b) => a.version - b.version);
    const highest = failed[failed.length >> 1]?.version ?? 0;
    const dropped = failed.filter(({ version }) => version <= highest);
    for (const { key, version } of dropped) this.delete(key, version);
    return dropped;
  }

  /** All that the uploader has noted is read from now on. */
  beginReading(): void {
    this.#loading = new Map();
    this.#loadingBelow = Number.POSITIVE_INFINITY;
  }

  /** It was read: nothing else is due. */
  endReading(): void {
    this.#replace(this.#loading ?? this.#byFile);
    this.#keptBelow = this.#loadingBelow;
    this.#loading = undefined;
  }

  /** Not while the ledger is read again. */
  pack(to: Packer): void {
    to.number(this.#keptBelow);
    to.list(
      this.#byFile.values(),
      ({ key, version, checksum, partition, former, at, slot, slotAt, hasFailed }) =>
        to
          .text(key)
          .number(version)
          .text(checksum)
          .count(partition)
          .maybe(former, (partitions) => to.list(partitions, (one) => to.count(one)))
          .count(at)
          .text(slot)
          .count(slotAt)
          .flag(hasFailed),
    );
  }

  unpack(from: Unpacker): void {
    this.#keptBelow = from.number();
    const due = (): Due => ({
      ...{ key: from.text(), version: from.number(), checksum: from.text() },
      ...{ partition: from.count(), former: from.maybe(() => [...from.list(() => from.count())]) },
      ...{ at: from.count(), slot: from.text(), slotAt: from.count(), hasFailed: from.flag() },
    });
    for (const one of from.list(due)) this.#set(one.key, one);
  }

  clear(): void {
    this.#replace(new Map());
    this.#loading = undefined;
    this.#keptBelow = Number.POSITIVE_INFINITY;
    this.#loadingBelow = Number.POSITIVE_INFINITY;
  }

  get #hasRoom(): boolean {
    const isFew = this.#byFile.size < maxDue && this.#all.count < maxAllDue;
    return isFew && this.#bytes < maxBytes && this.#all.bytes < maxAllBytes;
  }

  #set(key: string, due: Due | undefined): void {
    const before = this.#byFile.get(key);
    if (before) this.#count(before, -1);
    if (due) this.#byFile.set(key, due);
    else this.#byFile.delete(key);
    if (due) this.#count(due, 1);
    // A map that was filled once keeps its place, and most uploaders have nothing due for most of the time.
    else if (this.#byFile.size === 0) this.#byFile = new Map();
  }

  #count({ key, version, slot, hasFailed }: Due, change: number): void {
    const bytes = change * (dueBytes + textBytes(key));
    this.#all.count += change;
    this.#all.bytes += bytes;
    this.#bytes += bytes;
    if (hasFailed) this.#all.failed += change;
    if (hasFailed) this.#failedCount += change;
    add(this.#numbers, version, change);
    add(this.#slots, slot, change);
  }

  #replace(byFile: Map<string, Due>): void {
    for (const due of this.#byFile.values()) this.#count(due, -1);
    this.#byFile = byFile;
    for (const due of byFile.values()) this.#count(due, 1);
  }
}

/** A slot that only one hold on the uploader's name writes to. */
export function slotName({ epoch, slot }: { epoch: number; slot: number }): string {
  return `${epoch}/${slot}`;
}

function add<Key>(counts: Map<Key, number>, key: Key, change: number): void {
  const count = (counts.get(key) ?? 0) + change;
  if (count > 0) counts.set(key, count);
  else counts.delete(key);
}
