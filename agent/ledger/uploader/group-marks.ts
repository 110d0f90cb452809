/** What groups say to have of an uploader's versions, many at a time (docs/protocol.md, "Marks"): the newest mark of each partition. */
import { BoundedMap, textBytes } from "../../lib/bounded-map.ts";
import type { DoneEntry } from "../../wire/entry.ts";
import { settlesByNumber } from "../../wire/mark.ts";

/** Where a version that was sent whole is: in the chunks' topic, and since when in the ledger. */
export interface Place {
  readonly partition: number;
  readonly version: number;
  /** The ledger offset at which it was first noted as sent whole. */
  readonly at: number;
  /** Of that topic of the chunks, and its offset there. */
  readonly topic: string;
  readonly offset: number;
}

export class GroupMark {
  readonly group: string;
  readonly partition: number;
  readonly #entry: DoneEntry;
  readonly #but: ReadonlySet<number>;
  readonly #also: ReadonlySet<number>;

  constructor(entry: DoneEntry) {
    this.group = entry.group;
    this.partition = entry.partition;
    this.#entry = entry;
    this.#but = new Set(entry.but);
    this.#also = new Set(entry.also);
  }

  /** Whether the group has the version, or a newer one of its path, if it was to have it at all: see `concerns`. */
  has({ partition, version, at }: Pick<Place, "partition" | "version" | "at">): boolean {
    if (partition !== this.partition) return false;
    if (this.#also.has(version)) return true;
    return settlesByNumber({ to: this.#entry.to, at: this.#entry.at, but: this.#but }, version, at);
  }

  /** Whether it has not the version by its number if a receipt stands that that has failed. */
  leavesToReceipt(version: number): boolean {
    return version <= (this.#entry.failed ?? 0) && !this.#also.has(version);
  }

  /** Whether the version was sent after the group began: what was sent before, nobody says to have. */
  concerns({ topic, offset, version }: Place): boolean {
    const { start } = this.#entry;
    if (!start) return true;
    return topic === start.topic ? offset >= start.offset : version >= start.ms * 1000;
  }

  /** What it names with its path. */
  get early(): DoneEntry["early"] {
    return this.#entry.early;
  }

  /** Whether it may have something up to that version and ledger offset that the mark before has not. */
  mayHaveMore({ version, at }: Pick<Place, "version" | "at">, before: GroupMark | undefined): boolean {
    if (!before || before.#entry.to < Math.min(version, this.#entry.to)) return true;
    if (before.#entry.at <= Math.min(at, this.#entry.at - 1)) return true;
    for (const one of before.#but) if (one <= version && !this.#but.has(one)) return true;
    for (const one of this.#also) if (one <= version && !before.#also.has(one)) return true;
    return false;
  }

  /** About what it takes in memory. */
  get bytes(): number {
    return 500 + textBytes(this.group) + 40 * (this.#but.size + this.#also.size);
  }
}

/** Whoever may write the ledger can make up any number of groups and partitions. */
const maxMarks = 4000;
const maxBytes = 8 << 20;

export class GroupMarks {
  readonly #newest = new BoundedMap<string, GroupMark>(maxMarks, {
    most: maxBytes,
    of: (_, mark) => mark.bytes,
  });

  get size(): number {
    return this.#newest.size;
  }

  /** Keeps the mark. Returns the one before of that partition, if it is known. */
  put(mark: GroupMark): GroupMark | undefined {
    const name = `${mark.partition} ${mark.group}`;
    const before = this.#newest.get(name);
    this.#newest.set(name, mark);
    return before;
  }

  /** Forgets the mark. Returns it, if it is known. */
  remove(group: string, partition: number): GroupMark | undefined {
    const mark = this.of(group, partition);
    this.#newest.delete(`${partition} ${group}`);
    return mark;
  }

  of(group: string, partition: number): GroupMark | undefined {
    return this.#newest.get(`${partition} ${group}`);
  }

  /** Those of groups that have what is there. */
  *having(place: Place): Generator<GroupMark> {
    for (const mark of this.#newest.values()) if (mark.has(place)) yield mark;
  }

  clear(): void {
    this.#newest.clear();
  }
}
