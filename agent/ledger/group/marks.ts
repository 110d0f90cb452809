/** The marks of one uploader, one a partition of the chunks. */
import { garbageOf, leaveGarbage } from "../../lib/garbage.ts";
import type { Packer, Unpacker } from "../../lib/packed.ts";
import type { EarlyFile } from "../../wire/entry-value.ts";
import type { FormerPlace } from "./former-places.ts";
import { Mark } from "./mark.ts";
import { RestingMarks } from "./resting-marks.ts";

/** Mostly so few are at work that a list of them is smaller than a map, and as fast. */
const fewMarks = 16;
/** Of more partitions, which no uploader has but whoever makes them up, none rests: each change would go through all of them. */
const mostResting = 2000;

/** A mark that is not to be changed. */
export type MarkView = Omit<
  Mark,
  | "add"
  | "noted"
  | "unname"
  | "except"
  | "drop"
  | "keepBut"
  | "leaveToReceipt"
  | "owe"
  | "read"
  | "written"
  | "unpack"
  | "ledgerRecreated"
>;

export class Marks {
  /** Those that name versions, or were changed since `rest`. */
  #few: readonly Mark[] = [];
  /** Once there are more: all of them. */
  #many: Map<number, Mark> | undefined;
  readonly #resting = new RestingMarks();
  /** Of those that are active, as they were counted last, bytes; and which may have changed since. */
  #activeBytes = 0;
  #changed: Mark[] = [];
  #hasForgotten = false;
  /** Up to where marks that were forgotten have left failures to their receipts. */
  #leftTo = 0;
  /** What is asked for again though the newest record of the mark in this partition has it as settled: so it is once nobody asks any more. */
  #settledThough: Map<number, number> | undefined;

  /** About what they take in memory, bytes. */
  get weight(): number {
    for (const mark of this.#changed) {
      this.#activeBytes += mark.weight - mark.countedBytes;
      mark.countedBytes = mark.weight;
    }
    if (this.#changed.length > 0) this.#changed = [];
    return this.#activeBytes + this.#resting.weight;
  }

  /** Whether they named more than is kept. */
  get hasForgotten(): boolean {
    return this.#hasForgotten;
  }

  /** Those that may name versions. */
  get active(): Iterable<Mark> {
    return this.#many?.values() ?? this.#few;
  }

  *[Symbol.iterator](): Generator<MarkView> {
    yield* this.#resting;
    yield* this.active;
  }

  get(partition: number): MarkView | undefined {
    return this.#activeOf(partition) ?? this.#resting.get(partition);
  }

  /** The mark of the partition, if there is one, to be changed. */
  known(partition: number): Mark | undefined {
    const active = this.#activeOf(partition);
    if (active) {
      this.#changed.push(active);
      return active;
    }
    const resting = this.#resting.take(partition);
    if (resting) this.#add(resting);
    return resting;
  }

  /** The mark of the partition, which may say nothing yet, to be changed. */
  of(partition: number): Mark {
    const known = this.known(partition);
    if (known) return known;
    const mark = new Mark(partition);
    mark.leaveToReceipt(this.#leftTo);
    this.#add(mark);
    return mark;
  }

  /** All of them, to be changed. */
  wakeAll(): Mark[] {
    for (const mark of this.#resting) this.#add(mark);
    this.#resting.clear();
    const all = [...this.active];
    this.#changed = [...all];
    return all;
  }

  /** What is at work no longer takes less memory. */
  rest(): void {
    if ((this.#many?.size ?? 0) > mostResting) return;
    const plain = [...this.active].filter(({ isPlain }) => isPlain);
    if (plain.length === 0 || this.#resting.count + plain.length > mostResting) return;
    for (const mark of plain) this.#drop(mark);
    this.#resting.put(plain);
  }

  remove({ partition }: Pick<Mark, "partition">): void {
    const active = this.#activeOf(partition);
    if (active) this.#drop(active);
    else this.#resting.take(partition);
  }

  clear(): void {
    for (const mark of [...this.active]) this.#drop(mark);
    this.#resting.clear();
  }

  /** Forgets what they name, then marks, until they take no more than so many bytes. Returns those marks. */
  lighten(mostBytes: number): MarkView[] {
    const isTooMuch = () => this.weight > mostBytes;
    this.#hasForgotten ||= isTooMuch();
    for (const mark of this.active) while (isTooMuch() && mark.early.forgetOldest()) this.#changed.push(mark);
    const removed: MarkView[] = [];
    for (const mark of [...this]) {
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
    for (const mark of this.active) {
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
    for (const mark of this.wakeAll()) mark.ledgerRecreated(open);
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
    for (const mark of from.list(() => this.of(from.count()))) {
      mark.unpack(from);
      leaveGarbage(garbageOf.mark);
    }
  }

  #activeOf(partition: number): Mark | undefined {
    return this.#many ? this.#many.get(partition) : this.#few.find((mark) => mark.partition === partition);
  }

  #add(mark: Mark): void {
    this.#changed.push(mark);
    if (!this.#many && this.#few.length >= fewMarks) {
      this.#many = new Map(this.#few.map((one) => [one.partition, one]));
      this.#few = [];
    }
    if (this.#many) this.#many.set(mark.partition, mark);
    else this.#few = [...this.#few, mark];
  }

  #drop(mark: Mark): void {
    this.#activeBytes -= mark.countedBytes;
    mark.countedBytes = 0;
    this.#changed = this.#changed.filter((other) => other !== mark);
    this.#many?.delete(mark.partition);
    if (this.#many?.size === 0) this.#many = undefined;
    this.#few = this.#few.filter((other) => other !== mark);
  }
}
