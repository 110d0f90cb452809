/**
 * What is not in the log any more when it would be read next: it is named and counted, whenever it is noticed. At the start that
 * is where a position is resolved (`start-positions.ts`); later, when a record is not the next one, or when none comes at all.
 */
import type { Group } from "../../kafka/group.ts";
import { RareWarnings } from "../../observe/rare-warnings.ts";
import type { Reporting } from "../../observe/reporting.ts";
import { inLog } from "./start-positions.ts";

export interface LogGapOptions {
  group: Pick<Group, "bounds" | "knownEnd" | "reachedEnd">;
  /** The next offset to read, a partition; set on where nothing is left to be read. */
  positions: Map<number, number>;
  reporting: Reporting;
  now(): number;
}

/** How often the brokers are asked for the ends of a log that goes on behind the position, when nothing comes of it. */
const boundsMs = 10_000;
/** A stranger's transactions leave a gap each: the brokers are not asked about every one. */
const askMs = 1000;

export class LogGaps {
  readonly #options: LogGapOptions;
  readonly #warnings: RareWarnings;
  #lastBoundsMs: number;
  #lastAskMs = Number.NEGATIVE_INFINITY;

  constructor(options: LogGapOptions) {
    this.#options = options;
    this.#warnings = new RareWarnings(options.reporting.log);
    this.#lastBoundsMs = options.now();
  }

  /** A record comes, and none of these offsets, `[from, to)`, has. Throws a `KafkaError`. */
  async passed(partition: number, from: number, to: number): Promise<void> {
    const { reporting } = this.#options;
    const low = await this.#lowOf(partition);
    const goesOn = inLog(reporting, partition, from, Math.min(low, to), to);
    if (goesOn >= to) return;
    reporting.observer.metrics.gap(to - goesOn);
    this.#warnings.warn(
      "gap",
      `partition ${partition}: offsets ${goesOn} to ${to - 1} are not there to be read: deleted, compacted, or a transaction's`,
    );
  }

  /**
   * Skips what no record will ever follow: what was still to be read has expired, or a stranger's transaction ends the log. Else
   * there would be something to read for ever.
   */
  async skipMissingIfDue(): Promise<void> {
    const { group, positions, reporting, now } = this.#options;
    if (now() - this.#lastBoundsMs < boundsMs) return;
    this.#lastBoundsMs = now();
    for (const [partition, position] of positions) {
      if ((group.knownEnd(partition) ?? position) <= position) continue;
      const { low, high } = await group.bounds(partition);
      if (low > position) positions.set(partition, inLog(reporting, partition, position, low, high));
      await this.#skipToEnd(partition);
    }
  }

  async #skipToEnd(partition: number): Promise<void> {
    const { group, positions } = this.#options;
    const position = positions.get(partition);
    const end = group.reachedEnd(partition);
    if (position === undefined || end === undefined || end <= position) return;
    await this.passed(partition, position, end);
    positions.set(partition, end);
  }

  /** The first offset that is still there; 0: it was asked for just now. */
  async #lowOf(partition: number): Promise<number> {
    const { group, now } = this.#options;
    if (now() - this.#lastAskMs < askMs) return 0;
    this.#lastAskMs = now();
    return (await group.bounds(partition)).low;
  }
}
