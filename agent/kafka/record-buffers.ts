/**
 * Memory that records are read into, used again and again: what each record brought in a buffer of its own had to be collected, at
 * full speed a hundred dead megabytes between two collections.
 *
 * What was read is there until the next reading, and for as long as somebody holds it. Who forgets to let go costs a collection.
 */
import { leaveGarbage } from "../lib/garbage.ts";

/** Enough for some hundred entries of the ledger, or some dozen small files. */
const leastBytes = 256 << 10;
/** Chunks of the usual megabyte fit; what is larger than this comes in a buffer of its own. */
const mostBytes = 4 << 20;
/** What lies ready for the next readings, all together. */
const mostFreeBytes = 4 << 20;
const roundedTo = 64 << 10;

/** One piece of memory, and who needs what is in it. */
export class RecordBuffer {
  readonly bytes: Buffer;
  readonly #whenFree: (bytes: Buffer) => void;
  #holders = 1;

  constructor(bytes: Buffer, whenFree: (bytes: Buffer) => void) {
    this.bytes = bytes;
    this.#whenFree = whenFree;
  }

  /** What is in it is needed until `release`, also beyond the next reading. */
  hold(): void {
    this.#holders++;
  }

  release(): void {
    if (--this.#holders === 0) this.#whenFree(this.bytes);
  }
}

export class RecordBuffers {
  #free: Buffer[] = [];
  #size = leastBytes;

  /** One that nobody needs, held by the caller. */
  take(): RecordBuffer {
    const bytes = this.#free.pop() ?? Buffer.allocUnsafeSlow(this.#size);
    return new RecordBuffer(bytes, (freed) => this.#give(freed));
  }

  /** One record was too large: those that are taken from now on have room for it, within bounds. */
  enlarge(recordBytes: number): void {
    const wanted = Math.ceil(recordBytes / roundedTo) * roundedTo;
    if (wanted <= this.#size || wanted > mostBytes) return;
    this.#size = wanted;
    this.#dropFree();
  }

  /** Nothing comes for a while: memory that lies ready goes, and what comes next may be small again. */
  rest(): void {
    if (this.#size === leastBytes) return;
    this.#size = leastBytes;
    this.#dropFree();
  }

  #give(bytes: Buffer): void {
    if (bytes.length === this.#size && (this.#free.length + 1) * this.#size <= mostFreeBytes)
      this.#free.push(bytes);
    else leaveGarbage(bytes.length);
  }

  #dropFree(): void {
    for (const bytes of this.#free.splice(0)) leaveGarbage(bytes.length);
  }
}
