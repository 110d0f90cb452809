/**
 * Which of an uploader's versions that have failed are not kept any more, as there are many: their receipts say so, and their marks leave
 * it to these.
 */
import type { Due, DueVersions } from "./due-versions.ts";
import type { Marks } from "./marks.ts";

export class LeftFailures {
  readonly #due: DueVersions;
  readonly #marks: Marks;

  constructor(due: DueVersions, marks: Marks) {
    this.#due = due;
    this.#marks = marks;
  }

  /** Whether a version that was noted, and has failed, is settled by its number but for its receipt. */
  leaves({ version, partition }: { version: number; partition: number }): boolean {
    return this.#marks.get(partition)?.leavesToReceipt(version) === true;
  }

  /** The version of the file of this key has failed, and its receipt is in the ledger. Returns which are left to their receipts from now on. */
  failed(key: string, version: number): Due[] {
    const due = this.#due.get(key);
    const isLeft = due?.version === version && this.leaves(due);
    if (!isLeft) this.#due.failed(key, version);
    else this.#due.delete(key, version);
    return [...(isLeft ? this.#leave([due]) : []), ...this.leaveSome()];
  }

  /** Leaves some to their receipts, if there are more than are kept. Returns these. */
  leaveSome(): Due[] {
    return this.#leave(this.#due.dropFailed());
  }

  #leave(left: Due[]): Due[] {
    for (const { partition, version } of left) {
      // Another file of the same number may be due.
      if (!this.#due.has(version)) this.#marks.of(partition).leaveToReceipt(version);
    }
    return left;
  }
}
