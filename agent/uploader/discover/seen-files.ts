/**
 * What was found out about files as they stand, 16 bytes each and no object: a file whose mark is here is passed over by
 * a look. A mark is a hash of a path with its state, so that whatever changes is a file that was never seen.
 */
import type { Mark } from "./look.ts";

/**
 * passed: nothing is to be done with it. sent: the ledger has it as sent. left: it is left alone for as long as its size and time
 * are the same. waiting: it settles, with too many others to keep more of it.
 */
export type Verdict = "passed" | "sent" | "left" | "waiting";

const verdicts: readonly Verdict[] = ["passed", "sent", "left", "waiting"];
/** A slot: the mark's halves, the verdict (from 1; 0: free) with the look that saw it last, and a time. */
const words = 4;
const leastSlots = 1024;
const verdictBits = 0xf;

export class SeenFiles {
  #slots = new Uint32Array(leastSlots * words);
  #mask = leastSlots - 1;
  #count = 0;
  #look = 0;
  #seenCount = 0;
  /** Where the last mark stands that was looked up, or would. */
  #at = 0;

  get size(): number {
    return this.#count;
  }

  /** A look begins: what it does not look up is old when it has ended. */
  beginLook(): void {
    this.#look = (this.#look + 1) & 0xffffff;
    this.#seenCount = 0;
  }

  /**
   * @param complete whether all that is there was looked up; else what is left alone is kept, and of the rest only what
   * comes to no more than was seen
   */
  endLook(complete: boolean): void {
    const stale = this.#count - this.#seenCount;
    if (stale <= (complete ? 0 : this.#seenCount + leastSlots)) return;
    this.#rebuild((value) => this.#isSeen(value) || (!complete && nameOf(value) === "left"));
  }

  get(mark: Mark): Verdict | undefined {
    if (!this.#find(mark)) return undefined;
    const value = this.#slots[this.#at + 2] ?? 0;
    this.#touch(value);
    return nameOf(value);
  }

  /** Of the mark that was just found: the time that was noted with it. */
  get time(): number {
    return this.#slots[this.#at + 3] ?? 0;
  }

  /** @param time in whatever unit: 32 bits */
  set(mark: Mark, verdict: Verdict, time = 0): void {
    if (!this.#find(mark)) {
      if ((this.#count + 1) * 4 > (this.#mask + 1) * 3) {
        this.#rebuild(() => true);
        this.#find(mark);
      }
      this.#count++;
      this.#seenCount++;
    } else if (!this.#isSeen(this.#slots[this.#at + 2] ?? 0)) this.#seenCount++;
    this.#slots.set([mark.low, mark.high, this.#look * 16 + verdicts.indexOf(verdict) + 1, time], this.#at);
  }

  delete(mark: Mark): void {
    if (!this.#find(mark)) return;
    if (this.#isSeen(this.#slots[this.#at + 2] ?? 0)) this.#seenCount--;
    this.#count--;
    this.#slots[this.#at + 2] = 0;
    // What follows may have been put here only because this one was taken.
    for (let at = this.#after(this.#at); (this.#slots[at + 2] ?? 0) !== 0; at = this.#after(at)) {
      const moved = this.#slots.slice(at, at + words);
      this.#slots[at + 2] = 0;
      this.#find({ low: moved[0] ?? 0, high: moved[1] ?? 0 });
      this.#slots.set(moved, this.#at);
    }
  }

  #find({ low, high }: Mark): boolean {
    const slots = this.#slots;
    for (let at = (low & this.#mask) * words; ; at = this.#after(at)) {
      this.#at = at;
      if (slots[at + 2] === 0) return false;
      if (slots[at] === low && slots[at + 1] === high) return true;
    }
  }

  #after(at: number): number {
    return (at + words) & (this.#mask * words + words - 1);
  }

  #isSeen(value: number): boolean {
    return value >>> 4 === this.#look;
  }

  #touch(value: number): void {
    if (this.#isSeen(value)) return;
    this.#seenCount++;
    this.#slots[this.#at + 2] = this.#look * 16 + (value & verdictBits);
  }

  #rebuild(isKept: (value: number) => boolean): void {
    const old = this.#slots;
    let kept = 0;
    for (let at = 0; at < old.length; at += words) {
      const value = old[at + 2] ?? 0;
      if (value !== 0 && isKept(value)) kept++;
    }
    let slots = leastSlots;
    while (slots < 2 * (kept + 1)) slots *= 2;
    this.#slots = new Uint32Array(slots * words);
    this.#mask = slots - 1;
    this.#count = kept;
    for (let at = 0; at < old.length; at += words) {
      const value = old[at + 2] ?? 0;
      if (value === 0 || !isKept(value)) continue;
      this.#find({ low: old[at] ?? 0, high: old[at + 1] ?? 0 });
      this.#slots.set(old.subarray(at, at + words), this.#at);
    }
  }
}

function nameOf(value: number): Verdict {
  return verdicts[(value & verdictBits) - 1] ?? "passed";
}
