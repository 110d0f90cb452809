/** Reads the ledger whole for a group, follows it from then on, and reads it again when that may find something. */
import { retry } from "../../lib/retry.ts";
import type { Log } from "../../observe/log.ts";
import { keyOf } from "../../wire/entry.ts";
import { partitionOf } from "../../wire/numbers.ts";
import type { EntryLog, EntryReader } from "../ledger.ts";
import { allPartitions, readWhole, requireSame } from "../read-whole.ts";
import type { GroupState } from "./group-state.ts";

/** When something makes it necessary, the whole ledger is read again, but not sooner than this after the last time. */
const leastRereadMs = 5000;
/** It is read again after this time in any case. */
const mostRereadMs = 6 * 3600_000;
const longestPauseMs = 10 * 60_000;

export class GroupFollower {
  readonly #state: GroupState;
  readonly #log: EntryLog;
  readonly #now: () => number;
  /** Of the ledger that was read. */
  #id: string;
  #reader: EntryReader | undefined;
  #readAtMs = 0;
  #readMs = 0;
  /** The floor that was warned of last. */
  #warnedFloor = 0;
  /** The uploaders that were warned of last: not all that is missing of them is worked on. */
  #warnedOverflow = "";
  #warnedOverflowAtMs = Number.NEGATIVE_INFINITY;

  constructor(state: GroupState, log: EntryLog, now: () => number) {
    this.#state = state;
    this.#log = log;
    this.#now = now;
    this.#id = log.id;
  }

  /** Reads the whole ledger for the first time. Throws a `KafkaError` when it can't be read. */
  async readAll(): Promise<void> {
    // First where the group began: most of what the ledger holds is ignored by a new group.
    await this.#readStart();
    await this.#readOnce();
    // Receipts that were taken back stand behind what they take back.
    if (this.#state.mustReadAgain) await this.#readOnce();
  }

  /** Follows what the uploaders and the other members write, until the signal fires. */
  async follow(signal: AbortSignal, log: Log): Promise<void> {
    const options = { what: "following the ledger", signal, log };
    while (!signal.aborted) {
      await retry(options, async () => {
        if (this.#log.id !== this.#id || this.#reader?.wasCut) await this.#followRecreated(log);
        if (this.#isRereadDue()) await this.#readOnce();
        for (const logged of (await this.#reader?.read()) ?? []) this.#state.apply(logged);
        this.#warnOfFloor(log);
        this.#warnOfOverflow(log);
      }).catch((error: unknown) => {
        if (!signal.aborted) throw error;
      });
    }
  }

  async close(): Promise<void> {
    const reader = this.#reader;
    this.#reader = undefined;
    await reader?.close();
  }

  /** Whether all of it was read once since it was begun last. */
  get isComplete(): boolean {
    return this.#reader?.caughtUp ?? false;
  }

  /** What was read is another topic's, or is lost in part: its offsets say nothing here. */
  async #followRecreated(log: Log): Promise<void> {
    const what =
      this.#log.id === this.#id
        ? "the end of the ledger was cut off"
        : "the ledger was deleted and made again";
    log.warn(`${what}: what is delivered is noted in it again, and all else is read from it`);
    this.#id = this.#log.id;
    this.#state.ledgerRecreated();
    await this.close();
    await this.readAll();
  }

  async #readStart(): Promise<void> {
    const partition = partitionOf(this.#state.group, this.#log.partitions);
    for await (const entries of readWhole(this.#log, [partition]))
      for (const logged of entries) if (keyOf(logged.entry).kind === "start") this.#state.apply(logged);
  }

  async #readOnce(): Promise<void> {
    const beganMs = this.#now();
    await this.close();
    this.#state.beginReading();
    const { id } = this.#log;
    const reader = await this.#log.open(allPartitions(this.#log));
    this.#reader = reader;
    try {
      while (!reader.caughtUp) {
        requireSame(this.#log, id);
        for (const logged of await reader.read()) this.#state.apply(logged);
      }
    } catch (error) {
      // The next try starts from the beginning.
      await this.close();
      throw error;
    }
    this.#state.endReading();
    this.#readAtMs = this.#now();
    this.#readMs = this.#readAtMs - beganMs;
  }

  #isRereadDue(): boolean {
    if (!this.#reader) return true;
    const sinceMs = this.#now() - this.#readAtMs;
    // Reading takes a tenth of the time at most, unless it takes minutes, or the agent was frozen meanwhile.
    const pauseMs = Math.min(Math.max(leastRereadMs, 10 * this.#readMs), longestPauseMs);
    return sinceMs >= (this.#state.mayBeMore ? pauseMs : mostRereadMs);
  }

  #warnOfFloor(log: Log): void {
    const { floor } = this.#state.delivered;
    if (floor <= this.#warnedFloor) return;
    this.#warnedFloor = floor;
    const since = new Date(floor / 1000).toISOString();
    log.warn(
      `more files are delivered than can be remembered: what was sent before ${since} and gets lost is not noticed, and can't be delivered again`,
      { since },
    );
  }

  /** Once for the same uploaders, and once a minute: forged entries can change them at any rate. */
  #warnOfOverflow(log: Log): void {
    if (this.#now() - this.#warnedOverflowAtMs < overflowMs) return;
    const uploaders = [...this.#state.outstanding.overflowing()].sort();
    const all = uploaders.join(" ");
    if (all === this.#warnedOverflow) return;
    this.#warnedOverflow = all;
    if (uploaders.length > 0) this.#warnedOverflowAtMs = this.#now();
    if (uploaders.length > 0)
      log.warn(
        `more files of ${nameSome(uploaders)} are missing than are worked on at a time: the others follow when these are settled`,
      );
  }
}

const namedUploaders = 5;
const overflowMs = 60_000;

/** Some of them, and how many others. */
export function nameSome(uploaders: readonly string[]): string {
  const named = uploaders.slice(0, namedUploaders).join(", ");
  const others = uploaders.length - namedUploaders;
  return others > 0 ? `${named} and ${others} other uploaders` : named;
}
