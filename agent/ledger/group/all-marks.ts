/** The marks of all uploaders, as one group's member knows them, and which of them are to be written. */
import type { Packer, Unpacker } from "../../lib/packed.ts";
import { mapKey, type VersionId } from "../../wire/chunk.ts";
import { Doubts } from "./doubts.ts";
import { DueCount } from "./due-versions.ts";
import type { Mark } from "./mark.ts";
import type { MarkView } from "./marks.ts";
import { NamesBeside } from "./names-beside.ts";
import { UploaderMarks } from "./uploader-marks.ts";

/** Which mark. */
export interface MarkId {
  uploader: string;
  /** Of the chunks. */
  partition: number;
}

/** What marks may take in memory, bytes, without what is due, and what the garbage collector needs, which is as much again. */
export interface MarksLimits {
  /** All of them. */
  all: number;
  /** Those of one uploader, where there is no room for all: what is beyond is its own loss, and nobody else's. */
  ofOne: number;
}

/**
 * Twenty thousand uploaders with a mark each, and of one as much as a mark can say, and a little. Bounded, as whoever may write to a
 * topic can make up any number of uploaders. What is forgotten is delivered again if it comes again.
 */
const usual: MarksLimits = { all: 20 << 20, ofOne: 3 << 20 };

export class AllMarks {
  /** In the order in which they were last of interest. */
  readonly #byUploader = new Map<string, UploaderMarks>();
  readonly #beside = new NamesBeside();
  readonly #due = new DueCount();
  #bytes = 0;
  /** Whose marks were changed last. */
  #changed: UploaderMarks | undefined;
  readonly #most: MarksLimits;
  #hasForgotten = false;
  readonly #dirty = new Map<string, MarkId>();
  readonly doubts = new Doubts();

  /** @param most for the tests */
  constructor(most = usual) {
    this.#most = most;
  }

  /** Whether there was more than is kept. */
  get hasForgotten(): boolean {
    return this.#hasForgotten;
  }

  /** Whether there is one, as far as is known. */
  get hasAny(): boolean {
    return this.#hasForgotten || this.all().next().done !== true;
  }

  /** Marks that are to be written, whoever does. */
  get dirtyCount(): number {
    return this.#dirty.size;
  }

  /** Whether all is known that the ledger says of the uploader: else a mark would take the place of what is not. */
  isWhole(uploader: string): boolean {
    return this.get(uploader)?.isWhole ?? !this.#hasForgotten;
  }

  /** The partition of the mark that says whether the version is settled; undefined: it is not known as due. */
  partitionOf(id: VersionId): number | undefined {
    const due = this.get(id.uploader)?.due.get(mapKey(id));
    return due?.version === id.version ? due.partition : undefined;
  }

  get(uploader: string): UploaderMarks | undefined {
    return this.#byUploader.get(uploader);
  }

  /** The others that are known to send under the name that the uploader files under. */
  beside(uploader: string): readonly string[] {
    return this.#beside.of(uploader);
  }

  *all(): Generator<[uploader: string, mark: MarkView]> {
    for (const [uploader, { marks }] of this.#byUploader) for (const mark of marks) yield [uploader, mark];
  }

  /** Changes what is known of an uploader. */
  change<T>(uploader: string, change: (marks: UploaderMarks) => T): T {
    const marks =
      this.#byUploader.get(uploader) ?? new UploaderMarks(uploader, this.#due, !this.#hasForgotten);
    this.#restBefore(marks);
    this.#bytes -= this.#byUploader.delete(uploader) ? marks.countedBytes : 0;
    const changed = change(marks);
    if (this.#bytes + marks.weight > this.#most.all) this.#lighten(uploader, marks);
    this.#byUploader.set(uploader, marks);
    this.#beside.add(uploader);
    this.#count(marks);
    for (const [oldest, other] of this.#byUploader) {
      if (this.#bytes <= this.#most.all || other === marks) break;
      this.#byUploader.delete(oldest);
      this.#beside.remove(oldest);
      this.#bytes -= other.countedBytes;
      other.countedBytes = 0;
      for (const { partition } of other.marks) this.noteClean({ uploader: oldest, partition });
      other.forget();
      this.#hasForgotten = true;
    }
    return changed;
  }

  /** What was changed before rests, if it is another uploader's. */
  #restBefore(next: UploaderMarks): void {
    const before = this.#changed;
    this.#changed = next;
    if (!before || before === next || before.countedBytes === 0) return;
    this.#bytes -= before.countedBytes;
    before.marks.rest();
    this.#count(before);
  }

  #count(marks: UploaderMarks): void {
    marks.countedBytes = marks.weight;
    this.#bytes += marks.countedBytes;
  }

  #lighten(uploader: string, { weight, marks }: UploaderMarks): void {
    if (weight <= this.#most.ofOne) return;
    for (const { partition } of marks.lighten(this.#most.ofOne / 2)) this.noteClean({ uploader, partition });
  }

  /** Of these marks the ledger lacks something, or does not any more. */
  noteDirty(uploader: string, marks: readonly Pick<Mark, "partition">[]): void {
    for (const { partition } of marks)
      this.#dirty.set(nameOf({ uploader, partition }), { uploader, partition });
  }

  /** The ledger has all that is known of it, or is about to have. Returns whether it lacked something. */
  noteClean(id: MarkId): boolean {
    return this.#dirty.delete(nameOf(id));
  }

  /** Whether the ledger has all that is known of the uploader's marks, or is about to have it. */
  isWritten(uploader: string): boolean {
    const isDirty = ({ partition }: MarkView) => this.#dirty.has(nameOf({ uploader, partition }));
    return this.isWhole(uploader) && ![...(this.get(uploader)?.marks ?? [])].some(isDirty);
  }

  /** At most `count` of those that are to be written, of those that `isOurs`. */
  dirty(isOurs: (partition: number) => boolean, count: number): MarkId[] {
    const ours: MarkId[] = [];
    for (const id of this.#dirty.values()) {
      if (ours.length >= count) break;
      if (isOurs(id.partition)) ours.push(id);
    }
    return ours;
  }

  beginReadingMarks(): void {
    for (const marks of this.#byUploader.values()) marks.beginReadingMarks();
  }

  beginReading(): void {
    for (const marks of this.#byUploader.values()) marks.beginReading();
  }

  endReading(): void {
    for (const [uploader, marks] of this.#byUploader) this.noteDirty(uploader, marks.endReading());
  }

  /** The ledger was deleted and made again: all of it is to be written there. */
  ledgerRecreated(): void {
    this.#dirty.clear();
    for (const [uploader, marks] of this.#byUploader) {
      marks.ledgerRecreated();
      this.noteDirty(uploader, [...marks.marks]);
    }
  }

  /** Of each uploader the highest version that a mark says is settled: all that is delivered is not above it. */
  *highestSettled(): Generator<[uploader: string, version: number]> {
    for (const [uploader, { marks }] of this.#byUploader) {
      const highest = Math.max(0, ...[...marks].map(highestOf));
      if (highest > 0) yield [uploader, highest];
    }
  }

  pack(to: Packer): void {
    to.flag(this.#hasForgotten);
    to.list(this.#byUploader, ([uploader, marks]) => marks.pack(to.text(uploader)));
    to.list(this.#dirty.values(), ({ uploader, partition }) => to.text(uploader).count(partition));
  }

  unpack(from: Unpacker): void {
    this.#hasForgotten = from.flag();
    for (const uploader of from.list(() => from.text())) this.change(uploader, (marks) => marks.unpack(from));
    for (const id of from.list(() => ({ uploader: from.text(), partition: from.count() })))
      this.#dirty.set(nameOf(id), id);
  }

  /** How often the store has published, by the marks. */
  publishedBy(store: string): number {
    let highest = 0;
    for (const [, { by }] of this.all()) highest = Math.max(highest, by.get(store) ?? 0);
    return highest;
  }
}

function highestOf({ to, also, early }: MarkView): number {
  return Math.max(to, ...also, ...[...early].map(({ file }) => file.version));
}

/** No name of an uploader has a blank. */
function nameOf({ uploader, partition }: MarkId): string {
  return `${uploader} ${partition}`;
}
