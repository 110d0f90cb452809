/**
 * Reads the ledger whole for a group, follows it from then on, and reads it again when that may find something. It is read in two
 * passes, see `reading.ts`; the first costs little, as batches are passed over by their keys.
 */
import { AgentError } from "../../lib/errors.ts";
import { inTime } from "../../lib/in-time.ts";
import { retry } from "../../lib/retry.ts";
import { machineUpMs } from "../../lib/this-process.ts";
import type { Log } from "../../observe/log.ts";
import { keyOf } from "../../wire/entry.ts";
import { partitionOfEntry } from "../../wire/entry-key.ts";
import type { LoggedEntry, PositionedLog, PositionedReader } from "../ledger.ts";
import { allPartitions, readWhole, requireSame } from "../read-whole.ts";
import { toldForMs } from "../resumption.ts";
import type { GroupState } from "./group-state.ts";
import { LedgerWarnings, type Lost } from "./ledger-warnings.ts";
import type { Resumed, Snapshot } from "./summary/summary.ts";

/** When something makes it necessary, the whole ledger is read again, but not sooner than this after the last time. */
const leastRereadMs = 5000;
/** It is read again after this time in any case. */
const mostRereadMs = 6 * 3600_000;
const longestPauseMs = 10 * 60_000;
/** As long may an answer take whether the ledger is still the same one: marks wait for it, and can do without. */
const lookMs = 1000;

export class GroupFollower {
  readonly #state: GroupState;
  readonly #log: PositionedLog;
  readonly #now: () => number;
  readonly #upMs: () => number;
  #reader: PositionedReader | undefined;
  /** By partition of the ledger, up to where it was applied; the reader's own is ahead of what it has not handed on yet. */
  #positions = new Map<number, number>();
  /** The reading that is under way. */
  #readingOn: Promise<void> | undefined;
  /** Something is known of uploaders that counts no more once all of it is read. */
  #isReadingSome = false;
  #readAtMs = 0;
  #readMs = 0;
  /** At this moment, by a clock that runs while the machine sleeps, nothing was left to be read. */
  #upToDateAtMs = 0;
  /** Something was taken out of the ledger that may never have been read as taken out: a machine has slept, or the brokers were away. */
  #hasMissed = false;
  /** Entries that were read, all in all. */
  #count = 0;
  /** How much was lost of the ledger before this one; said once. */
  #lost: Lost | undefined;
  readonly #warnings: LedgerWarnings;

  /** @param upMs a clock that runs while the machine sleeps, milliseconds */
  constructor(state: GroupState, log: PositionedLog, now: () => number, upMs = machineUpMs) {
    this.#state = state;
    this.#log = log;
    this.#now = now;
    this.#upMs = upMs;
    this.#warnings = new LedgerWarnings(state, now);
  }

  /** Instead of `readAll`: most of it was read by another process. */
  goOn({ reader, count, place, upToDateAtMs }: Resumed): void {
    this.#count = count;
    this.#upToDateAtMs = upToDateAtMs;
    this.#reader = reader;
    this.#notePositions(reader);
    // What was taken back meanwhile is looked for as soon as by who reads all.
    this.#readAtMs = this.#state.mustReadAgain ? Number.NEGATIVE_INFINITY : this.#now() - place.sinceWholeMs;
    this.#readMs = place.wholeMs;
  }

  /** Entries that were read, all in all. */
  get count(): number {
    return this.#count;
  }

  /** How far all was read that is known; undefined: it is being read again, or what is known may be out of date. */
  get place(): Snapshot["place"] | undefined {
    const reader = this.#reader;
    const isKnown = this.isComplete && !this.#state.isLoading && this.#log.id === this.#state.ledgerId;
    if (!reader || reader.wasCut || !isKnown || this.#hasMissed) return undefined;
    // The reader may be ahead: what counts is what was applied.
    const goingOn = (partition: number, offset: number) => {
      const position = reader.goingOn?.(partition);
      return position?.offset === offset ? position : { partition, offset };
    };
    return {
      positions: [...this.#positions].map(([partition, offset]) => goingOn(partition, offset)),
      upMs: this.#upToDateAtMs,
      brokersMs: this.#state.silence.latestMs,
      sinceWholeMs: this.#now() - this.#readAtMs,
      wholeMs: this.#readMs,
    };
  }

  /** Reads the whole ledger for the first time. Throws a `KafkaError` when it can't be read. */
  async readAll(): Promise<void> {
    await this.#readOnce();
    // What is asked for again, or was found silent, may stand behind what it is about.
    if (this.#state.mustReadAgain) await this.#readOnce();
  }

  /** Follows what the uploaders and the other members write, until the signal fires. */
  async follow(signal: AbortSignal, log: Log): Promise<void> {
    const options = { what: "following the ledger", signal, log };
    while (!signal.aborted) {
      await retry(options, async () => {
        await this.#readOn();
        this.#warnings.say(log, this.#lost);
        this.#lost = undefined;
      }).catch((error: unknown) => {
        if (!signal.aborted) throw error;
      });
    }
  }

  /** Resolves once all is known that is in the ledger now. Throws a `KafkaError`. */
  async readToEnd(): Promise<void> {
    const { id } = this.#log;
    const partitions = allPartitions(this.#log);
    const askedAtMs = this.#upMs();
    const ends = await Promise.all(partitions.map((partition) => this.#log.endOf(partition)));
    const isBehind = () =>
      this.#state.ledgerId !== id ||
      !this.isComplete ||
      ends.some((end, partition) => (this.#positions.get(partition) ?? 0) < end);
    while (isBehind()) {
      requireSame(this.#log, id);
      await this.#readOn();
    }
    this.#upToDateAtMs = Math.max(this.#upToDateAtMs, askedAtMs);
    this.#state.reading.mayLack = false;
  }

  /** Reads what the ledger says of these uploaders, of whom something was forgotten. Throws a `KafkaError`. */
  async readAgain(uploaders: ReadonlySet<string>): Promise<void> {
    while (this.#readingOn) await this.#readingOn.catch(() => undefined);
    this.#readingOn = this.#readOf(uploaders).finally(() => {
      this.#readingOn = undefined;
    });
    await this.#readingOn;
  }

  /** Makes sure that what was read is of the ledger that is there, as far as the brokers answer; else it goes on being in doubt. */
  async makeSure(): Promise<void> {
    const { doubts } = this.#state.versions.marks;
    if (doubts.any) await doubts.settle(() => this.#isSame());
  }

  async close(): Promise<void> {
    const reader = this.#reader;
    this.#reader = undefined;
    await reader?.close();
  }

  /** Whether all of it was read once since it was begun last. */
  get isComplete(): boolean {
    return !this.#isReadingSome && this.#reader?.caughtUp === true;
  }

  /** Whether the ledger that is there is the one that is read. Not, if the brokers do not say so in time: what they are asked next waits for them. */
  async #isSame(): Promise<boolean> {
    const { ledgerId, recreations } = this.#state;
    const look = this.#log.look().then(() => true);
    const isAnswered = await inTime(look, lookMs).catch((error: unknown) => {
      if (!(error instanceof AgentError)) throw error;
    });
    return isAnswered === true && this.#log.id === ledgerId && this.#state.recreations === recreations;
  }

  /** Whoever waits for more waits for the same. */
  #readOn(): Promise<void> {
    this.#readingOn ??= this.#readSome().finally(() => {
      this.#readingOn = undefined;
    });
    return this.#readingOn;
  }

  async #readSome(): Promise<void> {
    // One that was made again ends before what was read of the one before, too.
    if (this.#reader?.wasCut) await this.#isSame();
    if (this.#log.id !== this.#state.ledgerId || this.#reader?.wasCut) await this.#followRecreated();
    if (this.#isRereadDue()) await this.#readOnce();
    if (this.#reader) await this.#applySome(this.#reader);
  }

  async #applySome(reader: PositionedReader): Promise<void> {
    const wasComplete = reader.caughtUp;
    const entries = await reader.read();
    const hasGaps = reader.takeGaps?.() === true;
    this.#state.reading.mayLack ||= hasGaps && this.#isAhead(reader);
    if (hasGaps && wasComplete) this.#hasMissed ||= this.#upMs() - this.#upToDateAtMs > toldForMs(this.#log);
    for (const logged of entries) this.#state.apply(logged);
    this.#count += entries.length;
    this.#notePositions(reader);
  }

  /** Whether it has read what was not read before: else all of it is being read again. */
  #isAhead(reader: PositionedReader): boolean {
    const { reading } = this.#state;
    return allPartitions(this.#log).some(
      (partition) => reader.position(partition) > reading.position(partition),
    );
  }

  #notePositions(reader: PositionedReader): void {
    for (const partition of allPartitions(this.#log))
      this.#positions.set(partition, reader.position(partition));
  }

  /** What was read is another topic's, or is lost in part: its offsets say nothing here. */
  async #followRecreated(): Promise<void> {
    this.#lost = this.#log.id === this.#state.ledgerId ? "end" : "all";
    this.#state.ledgerRecreated(this.#log.id);
    await this.close();
    await this.readAll();
  }

  async #readOnce(): Promise<void> {
    const beganMs = this.#now();
    const beganUpMs = this.#upMs();
    await this.close();
    this.#state.beginReading();
    const { id } = this.#log;
    const partitions = allPartitions(this.#log);
    for await (const entries of readWhole(this.#log, partitions, "files"))
      for (const logged of entries) this.#state.apply(logged);
    this.#state.beginSecondPass();
    const reader = await this.#log.open(partitions);
    this.#reader = reader;
    this.#positions = new Map();
    try {
      while (!reader.caughtUp) {
        requireSame(this.#log, id);
        await this.#applySome(reader);
      }
    } catch (error) {
      // The next try starts from the beginning.
      await this.close();
      throw error;
    }
    await this.makeSure();
    requireSame(this.#log, id);
    this.#state.endReading();
    this.#upToDateAtMs = beganUpMs;
    this.#readAtMs = this.#now();
    this.#readMs = this.#readAtMs - beganMs;
  }

  /** What is known of the others stays so, and of these what is in between. */
  async #readOf(uploaders: ReadonlySet<string>): Promise<void> {
    const partitions = [
      ...new Set(
        [...uploaders].map((one) => partitionOfEntry({ kind: "name", uploader: one }, this.#log.partitions)),
      ),
    ];
    const isOf = ({ entry }: LoggedEntry, kind: "done" | "files") => {
      const key = keyOf(entry);
      return key.kind === kind && uploaders.has(key.uploader);
    };
    this.#isReadingSome = true;
    // What is read of these may stand behind what was not read of others.
    this.#state.reading.mayLack = true;
    try {
      this.#state.beginReadingOf(uploaders);
      for await (const entries of readWhole(this.#log, partitions, "files"))
        for (const logged of entries) if (isOf(logged, "done")) this.#state.apply(logged);
      this.#state.beginSecondPassOf(uploaders);
      for await (const entries of readWhole(this.#log, partitions))
        for (const logged of entries) if (isOf(logged, "files")) this.#state.apply(logged);
      this.#state.endReadingOf(uploaders);
    } finally {
      this.#isReadingSome = false;
    }
  }

  #isRereadDue(): boolean {
    if (!this.#reader) return true;
    const sinceMs = this.#now() - this.#readAtMs;
    // Reading takes a tenth of the time at most, unless it takes minutes, or the agent was frozen meanwhile.
    const pauseMs = Math.min(Math.max(leastRereadMs, 10 * this.#readMs), longestPauseMs);
    return sinceMs >= (this.#state.mayBeMore ? pauseMs : mostRereadMs);
  }
}
