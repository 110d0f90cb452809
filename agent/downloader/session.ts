/**
 * One session of the downloader: a loop that reads records, has them placed (`place/`), makes durable points (`publish/`), and
 * beside it gets back what is missing (`recover/`), for as long as the output and the membership of the group hold. Whatever
 * fails ends the session by an exception. The next one starts from what is on disk and committed.
 */
import type { GroupEvent } from "../kafka/group.ts";
import type { Position } from "../kafka/log-reader.ts";
import { bytesOf, type IncomingRecord } from "../kafka/record-source.ts";
import { AgentError } from "../lib/errors.ts";
import { garbageOf, leaveGarbage } from "../lib/garbage.ts";
import { DownloadStatus } from "./download-status.ts";
import { FirstFailure } from "./parts.ts";
import { noticeRollback } from "./recover/rollback.ts";
import { Rooms, type SessionOptions } from "./rooms.ts";

/** What `--once` came to: versions that could not be delivered. */
export interface DownloadResult {
  lostCount: number;
}

const idleWaitMs = 500;
const repairMs = 1000;
/** A session that has lived for so long works. */
const provenMs = 10_000;
/** Small records are read several at a time; large ones singly, as a batch is memory beyond every bound of ours. */
const smallBytes = 64 << 10;
const smallBatch = 16;
/** A moment without a record, when verified files wait. */
const shortWaitMs = 2;

export class Session {
  readonly #options: SessionOptions;
  /** Of the ledger, as the session began with it. */
  readonly #recreations: number;
  readonly #abort = new AbortController();
  readonly #failure = new FirstFailure();
  readonly #rooms: Rooms;
  #lastRepairMs: number;
  #lastBytes = Number.POSITIVE_INFINITY;

  constructor(options: SessionOptions) {
    this.#options = options;
    this.#recreations = options.kafka.ledger.state.recreations;
    this.#lastRepairMs = options.run.now();
    options.kafka.ledger.state.start.reads(options.kafka.topic.id);
    this.#rooms = new Rooms(options, this.#failure, this.#abort.signal);
  }

  /** Until the signal fires, or with `once` until the ends are reached. Throws what ends the session. */
  async run(): Promise<DownloadResult> {
    const { kafka, run } = this.#options;
    const { assembly, schedule, gaps, replay, rereads, repair } = this.#rooms;
    const { signal, once, now, reportSuccess } = run;
    const beganMs = now();
    await this.#restore();
    try {
      for (;;) {
        // What is being placed or verified may be finished in a moment, and is published then.
        const soon = assembly.changes.finishedCount > 0 || !assembly.idle;
        const waitMs = soon ? shortWaitMs : idleWaitMs;
        const event = await kafka.group.next(this.#lastBytes < smallBytes ? smallBatch : 1, waitMs);
        await this.#handle(event);
        this.#throwFailure();
        // A member with nothing to do makes no durable point, and is no trouble either.
        if (now() - beganMs >= provenMs) reportSuccess();
        const due = schedule.due(event.kind === "idle");
        if (due) await schedule.start(due);
        if (event.kind === "idle") await gaps.skipMissingIfDue();
        await this.#repairIfDue();
        replay.start();
        if (signal.aborted || (once && this.#isDone())) break;
      }
      await schedule.makeNow();
      if (once) await repair.tidy();
      return { lostCount: this.#lostCount() };
    } finally {
      this.#options.memory.failedCount += this.#failedCount();
      this.#abort.abort();
      await Promise.allSettled([replay.ended(), schedule.ended()]);
      await assembly.end();
      repair.end();
      rereads.end();
    }
  }

  async #handle(event: GroupEvent): Promise<void> {
    const { groupWait, schedule, assignment, durablePoint } = this.#rooms;
    if (event.kind === "gained") event.begin(await this.#startReading(event.partitions));
    groupWait.checkIfDue();
    if (this.#options.memory.unread.claimTurn()) await this.#joinAgain();
    if (event.kind === "records") for (const record of event.records) await this.#accept(record);
    if (event.kind !== "revoked") return;
    // What was placed for them is the next owner's to publish.
    if (event.lost)
      throw new AgentError("the group has given this member's partitions to another", "retryable");
    await schedule.makeNow();
    assignment.release(event.partitions);
    groupWait.released(assignment.positions.size);
    durablePoint.release(event.partitions);
    event.release();
  }

  /** Has all partitions given out again: leaves the group for certain, and ends the session. */
  async #joinAgain(): Promise<never> {
    const { kafka, memory, config } = this.#options;
    const { named } = memory.unread;
    await this.#rooms.schedule.makeNow();
    await kafka.group.leave();
    throw new AgentError(`group ${config.group}: ${named} no reader: leaving and joining again`, "retryable");
  }

  /** What the last session, or the last process, left in the store. */
  async #restore(): Promise<void> {
    const { kafka, output, reporting, run, config } = this.#options;
    const { durablePoint, rejected, assembly } = this.#rooms;
    const { observer } = reporting;
    // Another member may have written marks of what is here.
    await kafka.ledger.readToEnd();
    const { versions } = output.store;
    const keepsBoth = config.onChange === "keep-both";
    if (keepsBoth) {
      await versions.open(kafka.ledger.state.versions.marks.highestSettled());
      kafka.ledger.state.versions.keepOlder((id) => versions.mayHave(id));
    } else await versions.remove();
    await noticeRollback(output, kafka.ledger, reporting, keepsBoth);
    const interrupted = await durablePoint.finishInterrupted();
    for (let left = interrupted; left > 0; left--) observer.metrics.recovery("interrupted");
    const partials = await output.store.partials(run.now());
    durablePoint.restored(partials.map(({ name }) => name));
    rejected.restore(await output.store.notes.parked());
    assembly.restore(partials);
    // Of a start only: what ends a session later is a trouble until it works again.
    if (observer.phase !== undefined) observer.phase = "joining the group";
    observer.source = new DownloadStatus(observer.metrics, this.#rooms, kafka);
  }

  /** Positions for partitions that this member has just got. */
  async #startReading(partitions: readonly number[]): Promise<Position[]> {
    const { assignment, durablePoint, groupWait, assembly, rereads } = this.#rooms;
    // Whoever had them has written marks of what was delivered: the next ones go on from those.
    await this.#options.kafka.ledger.readToEnd();
    const starts = await assignment.gain(partitions);
    // So that another member begins at the same place.
    await durablePoint.commitPositions(starts);
    // Also if that is no partitions: others have them all.
    this.#options.reporting.observer.phase = undefined;
    groupWait.answered(assignment.positions.size);
    const until = new Map(starts.map(({ partition, offset }) => [partition, offset]));
    for (const partial of assembly.partials.unfinished) if (partial.hasHole) rereads.readGap(partial, until);
    this.#readParkedAgain(until);
    return starts.map(({ partition, offset }) => ({ partition, offset }));
  }

  /** This agent may understand by now what an older one has parked. */
  #readParkedAgain(until: ReadonlyMap<number, number>): void {
    const { rereadParked } = this.#options.memory;
    const { rejected, replay } = this.#rooms;
    const left = new Map([...until].filter(([partition]) => !rereadParked.has(partition)));
    const parked = rejected.unpark(left);
    const remember = () => {
      for (const partition of left.keys()) rereadParked.add(partition);
    };
    if (parked.length === 0) remember();
    replay.readAll(parked, () => {
      rejected.unparked(parked);
      // Not sooner: a session that ends before has read nothing again.
      remember();
    });
  }

  async #accept(record: IncomingRecord): Promise<void> {
    const { assignment, gaps, assembly } = this.#rooms;
    const { positions } = assignment;
    const position = positions.get(record.partition) ?? record.offset;
    if (record.offset > position) await gaps.passed(record.partition, position, record.offset);
    await assembly.accept(record);
    this.#lastBytes = bytesOf(record);
    // Without headers it is none of ours, and leaves little more than itself: a flood of them is not to cost a collection each.
    leaveGarbage(record.headers ? garbageOf.record : garbageOf.foreign);
    positions.set(record.partition, record.offset + 1);
  }

  async #repairIfDue(): Promise<void> {
    const { kafka, output, reporting, run } = this.#options;
    const { topic, ledger } = kafka;
    const nowMs = run.now();
    if (nowMs - this.#lastRepairMs < repairMs) return;
    this.#lastRepairMs = nowMs;
    // Also when nothing comes: a mount that is gone is to be known before a file is late.
    await output.store.requireThere();
    await this.#requireRoom();
    if (!topic.isCurrent()) {
      reporting.observer.metrics.recovery("topic");
      throw new AgentError(
        "the topic was deleted and made again: it is read from its beginning",
        "retryable",
      );
    }
    if (ledger.state.recreations !== this.#recreations && ledger.isComplete)
      throw new AgentError(
        "the ledger was made again, or lost its end: where the group began is noted in it",
        "retryable",
      );
    const { repair, forgotten, rereads, assembly } = this.#rooms;
    await forgotten.check();
    await repair.check();
    rereads.resume((partial) => assembly.partials.has(partial));
  }

  /** What is finished has its room, and is published before everything pauses: else it would be read again, and fill that once more. */
  async #requireRoom(): Promise<void> {
    try {
      await this.#options.output.store.requireRoom();
    } catch (error) {
      await this.#rooms.schedule.makeNow();
      throw error;
    }
  }

  /** For `once`: everything was read to the ends, and nothing is being read again or verified. */
  #isDone(): boolean {
    const { ledger } = this.#options.kafka;
    const { assignment, groupWait, replay, assembly, repair } = this.#rooms;
    // The first answer of a group whose other members hold everything is no partitions; some may follow.
    if (assignment.isAwaited) return false;
    if (!groupWait.isWhole || !replay.idle || !assembly.idle) return false;
    // What was taken back is only known as missing once the ledger was read again.
    if (ledger.state.mustReadAgain || ledger.state.isLoading) return false;
    return assignment.isRead && !repair.isTrying;
  }

  /** In all sessions so far: the next one goes on behind what this one has read. */
  #lostCount(): number {
    const { assembly, spread, repair } = this.#rooms;
    const asked = [...repair.needed()].length;
    const passed = assembly.partials.room.parkedCount + spread.count;
    return this.#options.memory.failedCount + this.#failedCount() + passed + asked;
  }

  #failedCount(): number {
    const { assembly, rejected, schedule, repair } = this.#rooms;
    const failed = assembly.failures.count + schedule.unstorableCount + repair.failedCount;
    return failed + rejected.refusedCount + rejected.newerCount;
  }

  #throwFailure(): void {
    this.#rooms.assembly.throwFailure();
    this.#failure.throwIfAny();
  }
}
