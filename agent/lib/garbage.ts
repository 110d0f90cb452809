/**
 * Bounding garbage in bytes. A buffer is outside of the runtime's heap, and the runtime collects by the heap's growth: where
 * buffers come and go, a hundred dead megabytes pile up between two collections. Measured when each chunk of 1 MB that was
 * consumed still had a buffer of its own: 92 MB resident without this, 68 MB with a collection every 8 MB. The downloader, which
 * has a larger heap to look through: 82 MB resident and 3.4 CPU seconds a GB with one every 8 MB, 90 MB and 2.9 with one every
 * 16; this is between the two.
 *
 * Most of it is young, and a collection of what came since the last one finds it for a tenth of the time: 7 ms instead of 50. What has
 * outlived one, and died since, only a whole one finds.
 */
import { edenGC, heapSize } from "bun:jsc";
import { residentMemory } from "./resident-memory.ts";

const leastBytes = 12 << 20;
/**
 * One in so many is a whole one. Over 10,000 small files collections took 9.5 s of an agent on a busy machine that were all whole, and the
 * peak was 98 MB; 3 s and 101 MB this way; 1 s and 160 MB with none that is whole.
 */
const wholeEvery = 4;
/**
 * A whole one looks through all that lives: the more that is, the rarer. Measured with the entries of 300,000 files, 117
 * MB: a collection takes 36 ms. One for every 12 MB that a full look at them leaves behind would come to 14 s, beside the 2
 * s that the look takes.
 */
const shareOfLiving = 1 / 4;

/** What else is left behind, in bytes, and by the heap that is not given back for a while. */
export const garbageOf = {
  /**
   * Of a record: headers, promises, receipts. Measured with 10,000 files of 4 KiB, counted as 16 KiB each: peaks of 125
   * and 127 MB (uploader, downloader); as 128 KiB: 93 and 105, for no more CPU than differs from run to run. Without
   * what is counted below, both reached 120 now and then.
   */
  record: 128 << 10,
  /** Of a record that is nobody's chunk: itself, in a promise or two. */
  foreign: 4 << 10,
  /** Of each character of a file's name, whenever it becomes a key, or a hash. */
  nameCharacter: 2,
  /** Of a note on a partial that is written: its JSON, names, promises; or one that is removed with its partial. */
  note: 32 << 10,
  /** Of each character of a missing version's name, at each step to get it back: an entry that asks for it, and a line. */
  stepCharacter: 8,
  /** Of a file that gets its name: its ledger entry, log line, promises. */
  publication: 64 << 10,
  /**
   * Of a ledger entry that is read: tens of thousands come at once. A start with 20,000 of them and 10,000 files: a peak of 90
   * MB in reading them when counted as 4 KiB, of 82 as 16.
   */
  entry: 16 << 10,
  /**
   * Of each byte of one, where that comes to more: a long name is taken apart and put together again, and hostile JSON becomes
   * as much (64 KiB of brackets: 1 MB).
   */
  entryByte: 16,
  /** The same of what is a good batch of files: its text, what that is parsed to, and the texts in it. */
  batchByte: 6,
  /**
   * Of a file that is known: where it is, a name as bytes and as text. A look at 100,000 of them took 50 MB before the runtime
   * collected that by itself, as did what groups' marks say of them.
   */
  known: 512,
  /** Of a mark that is unpacked to be looked at: itself, and what it names. There may be a hundred thousand. */
  mark: 700,
  /** Of a look at a file: fourteen big integers, a path, promises. Measured over 10,000 files: 2.4 KB each, and the heap's growth. */
  look: 16 << 10,
} as const;

/**
 * What is counted is a guess: of what a stranger writes, far more may be left behind, tens of megabytes in a tenth of a
 * second. So the size of the process is looked at too, each time that so much was counted (8 µs).
 */
const lookEveryBytes = 1 << 20;
/** While the process is larger than it should be, it is collected whenever it has grown by this. */
const mostGrowthBytes = 5 << 20;

/** The heap that a bound is for. */
export interface Heap {
  /** Of what came since the last collection. */
  collectYoung(): void;
  /** Returns how many bytes live on. */
  collect(): number;
  /** What the process has of its own; undefined: unknown at present. */
  ownBytes(): number | undefined;
}

/** Counts what is left behind, in bytes, and has it collected when that is much. */
export class GarbageBound {
  readonly #heap: Heap;
  /** Since the last collection, and since the last whole one. */
  #youngBytes = 0;
  #leftBytes = 0;
  #mostBytes = wholeEvery * leastBytes;
  #unlookedBytes = 0;
  #softBytes = Number.POSITIVE_INFINITY;
  /** At the end of the last collection. */
  #ownBytes = 0;

  constructor(heap: Heap) {
    this.#heap = heap;
  }

  /** @param softBytes a process that has no more of its own, by some megabytes, is not collected for its size */
  bound(softBytes: number): void {
    this.#softBytes = softBytes;
  }

  leave(bytes: number): void {
    this.#youngBytes += bytes;
    this.#leftBytes += bytes;
    this.#unlookedBytes += bytes;
    if (this.#leftBytes >= this.#mostBytes || this.#hasGrown()) this.collect();
    else if (this.#youngBytes >= leastBytes) {
      this.#youngBytes = 0;
      this.#heap.collectYoung();
    }
  }

  collect(): void {
    this.#youngBytes = 0;
    this.#leftBytes = 0;
    this.#unlookedBytes = 0;
    this.#mostBytes = Math.max(wholeEvery * leastBytes, this.#heap.collect() * shareOfLiving);
    this.#ownBytes = this.#heap.ownBytes() ?? 0;
  }

  #hasGrown(): boolean {
    if (this.#unlookedBytes < lookEveryBytes) return false;
    this.#unlookedBytes = 0;
    const from = Math.max(this.#softBytes, this.#ownBytes);
    return (this.#heap.ownBytes() ?? 0) > from + mostGrowthBytes;
  }
}

/** The process has one heap. */
const bound = new GarbageBound({
  collectYoung: edenGC,
  collect: () => {
    Bun.gc(true);
    return heapSize();
  },
  ownBytes: () => residentMemory()?.own,
});

/** Counts what will be garbage soon, in bytes; collects when enough has come together. */
export function leaveGarbage(bytes: number): void {
  bound.leave(bytes);
}

/** To be called when much has become garbage at once. Takes ten milliseconds or so. */
export function collectGarbage(): void {
  bound.collect();
}

/** From now on garbage is also collected by what the process has of its own, above so many bytes. */
export function boundOwnMemory(softBytes: number): void {
  bound.bound(softBytes);
}
