/** How far a large file is acknowledged, noted in the ledger from time to time, so that a restart goes on from there. */
import { pause } from "../../lib/retry.ts";

/** When it is worth noting how far a file is. */
export interface CheckpointRule {
  readonly everyBytes: number;
  readonly everyMs: number;
  /** Smaller files are sent again from their beginning; that costs less than noting their progress. */
  readonly leastFileBytes: number;
}

export const usualCheckpoints: CheckpointRule = {
  everyBytes: 64 << 20,
  everyMs: 60_000,
  leastFileBytes: 16 << 20,
};

export class Checkpoints {
  readonly #rule: CheckpointRule;
  readonly #fileBytes: number;
  readonly #write: (acknowledgedBytes: number) => Promise<void>;
  readonly #onTrouble: (error: unknown) => void;
  #notedBytes: number;
  #notedAtMs = performance.now();
  #writing: Promise<void> | undefined;

  /**
   * @param notedBytes the acknowledged prefix that the ledger has already
   * @param onTrouble told why it was not written; the next one makes up for it
   */
  constructor(
    rule: CheckpointRule,
    fileBytes: number,
    notedBytes: number,
    write: (acknowledgedBytes: number) => Promise<void>,
    onTrouble: (error: unknown) => void,
  ) {
    this.#rule = rule;
    this.#fileBytes = fileBytes;
    this.#notedBytes = notedBytes;
    this.#write = write;
    this.#onTrouble = onTrouble;
  }

  /** Notes the beginning of a file that is worth it. Throws what `write` throws. */
  async begin(): Promise<void> {
    if (this.#fileBytes > this.#rule.leastFileBytes) await this.note(0);
  }

  /** Notes a prefix now. Throws what `write` throws. */
  async note(acknowledgedBytes: number): Promise<void> {
    await this.#write(acknowledgedBytes);
    this.#notedBytes = acknowledgedBytes;
    this.#notedAtMs = performance.now();
  }

  /** Notes a prefix beside the sending, if it is time to. */
  noteIfDue(acknowledgedBytes: number): void {
    const { everyBytes, everyMs, leastFileBytes } = this.#rule;
    if (this.#fileBytes <= leastFileBytes || this.#writing) return;
    const newBytes = acknowledgedBytes - this.#notedBytes;
    const due = newBytes >= everyBytes || (newBytes > 0 && performance.now() - this.#notedAtMs >= everyMs);
    if (!due) return;
    this.#writing = this.note(acknowledgedBytes)
      .catch(this.#onTrouble)
      .finally(() => {
        this.#writing = undefined;
      });
  }

  /** Resolves when none is being written. */
  async settled(): Promise<void> {
    await this.#writing;
  }

  /**
   * For a stop: waits a while for what is under way, and notes what was acknowledged. Throws what `write` throws.
   *
   * @param underWay resolves when everything that was sent is acknowledged
   */
  async finish(underWay: Promise<void>, waitMs: number, acknowledgedBytes: () => number): Promise<void> {
    const ended = underWay.catch(this.#onTrouble);
    await Promise.race([ended, pause(waitMs)]);
    await this.#writing;
    if (acknowledgedBytes() > this.#notedBytes) await this.note(acknowledgedBytes());
  }
}
