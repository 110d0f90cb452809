/**
 * When a durable point is due, and what it makes durable. They are made beside the reading, one after the other.
 *
 * Where unfinished versions have changed as well, what is finished is published by a point of its own: it waits for no sync of a
 * large file, and commits no position. A crash then finds the marks before the position, as between any two steps of one.
 */
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
/** Nor beside an unfinished one when no other one was finished for so long. */
const quietMs = 10;

/** What a durable point is for: everything that was placed, or only what is finished. */
export type Due = "all" | "finished";

export class DurablePointSchedule {
  readonly #options: ScheduleOptions;
  /** The last that was asked for: until it has begun. */
  #begun = Promise.resolve();
  /** The one that has begun and is not made yet. */
  #running: Promise<void> | undefined;
  /** Since the last snapshot: of everything, and of anything. */
  #lastAllMs: number;
  #lastMs: number;
  /** Verified files as they were counted last, and since when there are so many. */
  #finished = { count: 0, sinceMs: 0 };
  #unstorableCount = 0;

  constructor(options: ScheduleOptions) {
    this.#options = options;
    this.#lastAllMs = options.now();
    this.#lastMs = this.#lastAllMs;
  }

  /** Versions that can't have their names here. */
  get unstorableCount(): number {
    return this.#unstorableCount;
  }

  /** Which durable point is due, if any. @param isIdle whether no record has come for a moment */
  due(isIdle: boolean): Due | undefined {
    const { assembly, rejected, durablePoint, positions, now } = this.#options;
    const { droppedCount, placedBytes, any } = assembly.changes;
    if (placedBytes >= durablePointBytes || droppedCount >= publishCount) return "all";
    const hasChanges = any || rejected.hasChanges;
    if (now() - this.#lastAllMs >= durablePointMs && (hasChanges || durablePoint.isBehind(positions)))
      return "all";
    return this.#publishingDue(isIdle);
  }

  /** Begins a durable point beside the reading; waits for the one before. Throws what has failed. */
  start(due: Due): Promise<void> {
    // One after the other: a recovery may ask for one beside the reading.
    this.#begun = this.#begun.then(() => this.#begin(due));
    return this.#begun;
  }

  /** Makes a durable point of everything, and waits for it. Throws what has failed. */
  async makeNow(): Promise<void> {
    await this.start("all");
    await this.#running;
    this.#throwFailure();
  }

  /** Resolves when the last one that has begun is made, or has failed. */
  async ended(): Promise<void> {
    await this.#running;
  }

  #publishingDue(isIdle: boolean): Due | undefined {
    const { assembly, now } = this.#options;
    const { changes } = assembly;
    const { finishedCount } = changes;
    if (finishedCount !== this.#finished.count) this.#finished = { count: finishedCount, sinceMs: now() };
    if (finishedCount === 0) return undefined;
    const areMany = finishedCount >= publishCount;
    const isLate = isIdle || areMany || now() - this.#lastMs >= publishMs;
    const isQuiet = now() - this.#finished.sinceMs >= quietMs;
    if (!isLate && !isQuiet) return undefined;
    if (!changes.hasUnfinished) return isLate ? "all" : undefined;
    // The reading goes on while another one is made, until there are many.
    return this.#running && !areMany ? undefined : "finished";
  }

  async #begin(due: Due): Promise<void> {
    await this.#running;
    this.#throwFailure();
    const snapshot = due === "all" ? await this.#snapshot() : this.#finishedOnly();
    this.#running = this.#make(snapshot)
      .catch((error: unknown) => this.#options.failure.report(error))
      .finally(() => {
        this.#running = undefined;
      });
  }

  #finishedOnly(): Snapshot {
    const { assembly, now } = this.#options;
    this.#lastMs = now();
    const finished = assembly.changes.drainFinished();
    const changedFiles = finished.map(({ partial }) => partial.file);
    return { finished, changedFiles, dropped: [], parked: undefined, notes: [], positions: [] };
  }

  async #snapshot(): Promise<Snapshot> {
    const { assembly, rejected, positions, now } = this.#options;
    await assembly.settled();
    this.#lastAllMs = now();
    this.#lastMs = this.#lastAllMs;
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
