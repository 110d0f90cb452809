/** When a durable point is due, and what it makes durable. They are made beside the reading, one after the other. */

import type { FirstFailure } from "../parts.ts";
import type { Assembly } from "../place/assembly.ts";
import type { RejectedRecords } from "../place/rejected-records.ts";
import type { DurablePoint, Snapshot } from "./durable-point.ts";

export interface ScheduleOptions {
  durablePoint: DurablePoint;
  assembly: Assembly;
  rejected: RejectedRecords;
  /** The next offset to read, a partition. */
  positions: ReadonlyMap<number, number>;
  /** Of the session. */
  failure: FirstFailure;
  now(): number;
  /** A durable point was made: the output and the group work. */
  reportSuccess(): void;
}

const durablePointMs = 5000;
const durablePointBytes = 64 << 20;
/** Verified files wait this long at most while more keeps coming, and not at all when nothing does. */
const publishMs = 1000;
const publishCount = 500;

export class DurablePointSchedule {
  readonly #options: ScheduleOptions;
  /** The last that was asked for: until it has begun. */
  #begun = Promise.resolve();
  /** The last that has begun: until it is made. */
  #running: Promise<void> | undefined;
  #lastMs: number;
  #unstorableCount = 0;

  constructor(options: ScheduleOptions) {
    this.#options = options;
    this.#lastMs = options.now();
  }

  /** Versions that can't have their names here. */
  get unstorableCount(): number {
    return this.#unstorableCount;
  }

  /** @param isIdle whether no record has come for a moment */
  isDue(isIdle: boolean): boolean {
    const { assembly, rejected, durablePoint, positions, now } = this.#options;
    const { finishedCount, droppedCount, placedBytes, any } = assembly.changes;
    const sinceMs = now() - this.#lastMs;
    if (placedBytes >= durablePointBytes || Math.max(finishedCount, droppedCount) >= publishCount)
      return true;
    if (finishedCount > 0 && (isIdle || sinceMs >= publishMs)) return true;
    const hasChanges = any || rejected.hasChanges;
    return sinceMs >= durablePointMs && (hasChanges || durablePoint.isBehind(positions));
  }

  /** Begins a durable point beside the reading; waits for the one before. Throws what has failed. */
  start(): Promise<void> {
    // One after the other: a recovery may ask for one beside the reading.
    this.#begun = this.#begun.then(() => this.#begin());
    return this.#begun;
  }

  /** Makes a durable point, and waits for it. Throws what has failed. */
  async makeNow(): Promise<void> {
    await this.start();
    await this.#running;
    this.#throwFailure();
  }

  /** Resolves when the last one that has begun is made, or has failed. */
  async ended(): Promise<void> {
    await this.#running;
  }

  async #begin(): Promise<void> {
    await this.#running;
    this.#throwFailure();
    const snapshot = await this.#snapshot();
    this.#running = this.#make(snapshot).catch((error: unknown) => this.#options.failure.report(error));
  }

  async #snapshot(): Promise<Snapshot> {
    const { assembly, rejected, positions, now } = this.#options;
    await assembly.settled();
    this.#lastMs = now();
    const { finished, changed, dropped } = assembly.changes.drain();
    const done = new Set(finished.map(({ partial }) => partial));
    const unfinished = changed.filter((partial) => !done.has(partial));
    return {
      finished,
      dropped,
      parked: rejected.drainParked(),
      notes: unfinished.map((partial) => partial.note()),
      changedFiles: [...done, ...unfinished].map((partial) => partial.file),
      positions: [...positions].map(([partition, offset]) => ({ partition, offset })),
    };
  }

  async #make(snapshot: Snapshot): Promise<void> {
    const { assembly, durablePoint, reportSuccess } = this.#options;
    const unstorableCount = await durablePoint.make(snapshot);
    this.#unstorableCount += unstorableCount;
    for (const { partial } of snapshot.finished) assembly.partials.remove(partial);
    assembly.changes.removed(snapshot.dropped);
    reportSuccess();
  }

  #throwFailure(): void {
    this.#options.assembly.throwFailure();
    this.#options.failure.throwIfAny();
  }
}
