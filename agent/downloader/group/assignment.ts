/** The partitions that the group has given to this member, and how far each was read. */
import { resolveStarts, type Start, type StartOptions } from "./start-positions.ts";

export interface AssignmentOptions extends StartOptions {
  now(): number;
}

/** For `once`: whoever was given no partition for so long is not needed. */
const noPartitionsMs = 10_000;

export class Assignment {
  readonly #options: AssignmentOptions;
  /** The next offset to read, of each partition that this member has. */
  readonly positions = new Map<number, number>();
  /** Where each ended when this member got it. */
  readonly #ends = new Map<number, number>();
  #gainedAtMs = Number.POSITIVE_INFINITY;

  constructor(options: AssignmentOptions) {
    this.#options = options;
  }

  /** This member has just got these. Throws a `KafkaError` when the brokers do not answer. */
  async gain(partitions: readonly number[]): Promise<Start[]> {
    const starts = await resolveStarts(this.#options, partitions);
    for (const { partition, offset, end } of starts) {
      this.positions.set(partition, offset);
      this.#ends.set(partition, end);
    }
    this.#gainedAtMs = this.#options.now();
    return starts;
  }

  /** These are another member's now. */
  release(partitions: readonly number[]): void {
    for (const partition of partitions) {
      this.positions.delete(partition);
      this.#ends.delete(partition);
    }
  }

  /** Whether this member may still be given its first partitions: a group's first answer may be none. */
  get isAwaited(): boolean {
    return this.positions.size === 0 && this.#options.now() - this.#gainedAtMs < noPartitionsMs;
  }

  /** Whether all was read that was there when this member got the partitions. */
  get isRead(): boolean {
    return [...this.#ends].every(([partition, end]) => (this.positions.get(partition) ?? 0) >= end);
  }
}
