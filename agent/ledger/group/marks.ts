/** The marks of one uploader, one a partition of the chunks. */
import type { Packer, Unpacker } from "../../lib/packed.ts";
import type { EarlyFile } from "../../wire/entry-value.ts";
import type { FormerPlace } from "./former-places.ts";
import { Mark } from "./mark.ts";

/** Mostly so few that a list of them is smaller than a map, and as fast. */
const fewMarks = 16;

export class Marks {
  #few: readonly Mark[] = [];
  /** Once there are more: all of them. */
  #many: Map<number, Mark> | undefined;
  #weight = 0;
  #hasForgotten = false;
  /** Up to where marks that were forgotten have left failures to their receipts. */
  #leftTo = 0;
  /** What is asked for again though the newest record of the mark in this partition has it as settled: so it is once nobody asks any more. */
  #settledThough: Map<number, number> | undefined;

  /** About what they take in memory, bytes. */
  get weight(): number {
    return this.#weight;
  }

  /** Whether they named more than is kept. */
  get hasForgotten(): boolean {
    return this.#hasForgotten;
  }

  [Symbol.iterator](): IterableIterator<Mark> {
    return this.#many?.values() ?? this.#few[Symbol.iterator]();
  }

  get(partition: number): Mark | undefined {
    return this.#many ? this.#many.get(partition) : this.#few.find((mark) => mark.partition === partition);
  }

  /** The mark of the partition, which may say nothing yet. */
  of(partition: number): Mark {
    const known = this.get(partition);
    if (known) return known;
    const mark = new Mark(partition);
    mark.leaveToReceipt(this.#leftTo);
    if (!this.#many && this.#few.length >= fewMarks)
      this.#many = new Map(this.#few.map((one) => [one.partition, one]));
    if (this.#many) this.#few = [];
    if (this.#many) this.#many.set(partition, mark);
    else this.#few = [...this.#few, mark];
    this.#weight += mark.weight;
    return mark;
  }

  /** Changes what one of them says. */
  change<T>(mark: Mark, change: (mark: Mark) => T): T {
    const before = mark.weight;
    const changed = change(mark);
    this.#weight += mark.weight - before;
    return changed;
  }

  remove(mark: Mark): void {
    if (this.get(mark.partition) !== mark) return;
    this.#weight -= mark.weight;
    this.#many?.delete(mark.partition);
    this.#few = this.#few.filter((other) => other !== mark);
  }

  /** Forgets what they name, then marks, until they take no more than so many bytes. Returns those marks. */
  lighten(mostBytes: number): Mark[] {
    const isTooMuch = () => this.#weight > mostBytes;
    this.#hasForgotten ||= isTooMuch();
    for (const mark of this) while (isTooMuch() && this.change(mark, () => mark.early.forgetOldest()));
    const removed: Mark[] = [];
    for (const mark of this) {
      if (!isTooMuch()) break;
      this.remove(mark);
      removed.push(mark);
      this.#leftTo = Math.max(this.#leftTo, mark.failedTo);
    }
    return removed;
  }

  /**
   * Whether the mark of its partition says that a version is settled that was noted there at this ledger offset.
   *
   * @param hasReceipt whether a receipt stands that it has failed
   */
  settles({ partition, at }: FormerPlace, version: number, hasReceipt: boolean): boolean {
    const mark = this.get(partition);
    return mark?.settles(version, at) === true && !(hasReceipt && mark.leavesToReceipt(version));
  }

  /** The newest version of the path that is delivered and may not be noted. */
  earlyOf(path: string): EarlyFile | undefined {
    let newest: EarlyFile | undefined;
    for (const mark of this) {
      const file = mark.early.get(path)?.file;
      if (file && file.version >= (newest?.version ?? 0)) newest = file;
    }
    return newest;
  }

  /** The version is asked for again, and settled by the newest record of its mark. */
  noteSettled({ version, partition }: { version: number; partition: number }): void {
    this.#settledThough ??= new Map();
    this.#settledThough.set(version, partition);
  }

  /** Returns, once, whether that still is the newest record. */
  takeSettled(version: number): boolean {
    return this.#settledThough?.delete(version) ?? false;
  }

  /** The mark of the partition has a newer record: what it says counts. */
  noteRecord(partition: number): void {
    for (const [version, of] of this.#settledThough ?? [])
      if (of === partition) this.#settledThough?.delete(version);
  }

  /** See `Mark.ledgerRecreated`. */
  ledgerRecreated(open: Iterable<number>): void {
    this.#settledThough = undefined;
    for (const mark of this) mark.ledgerRecreated(open);
  }

  pack(to: Packer): void {
    to.number(this.#leftTo).flag(this.#hasForgotten);
    to.list(this.#settledThough ?? [], ([version, partition]) => to.number(version).count(partition));
    to.list(this, (mark) => mark.pack(to.count(mark.partition)));
  }

  unpack(from: Unpacker): void {
    this.#leftTo = from.number();
    this.#hasForgotten = from.flag();
    for (const [version, partition] of from.list(() => [from.number(), from.count()] as const))
      this.noteSettled({ version, partition });
    for (const mark of from.list(() => this.of(from.count()))) this.change(mark, () => mark.unpack(from));
  }
}
