/**
 * One session of the downloader: a loop that reads records, has them placed (`place/`), makes durable points (`publish/`), and
 * beside it gets back what is missing (`recover/`), for as long as the output and the membership of the group hold. Whatever
 * fails ends the session by an exception. The next one starts from what is on disk and committed.
 */
import type { DownloaderConfig } from "../config/config.ts";
import type { GroupEvent } from "../kafka/group-consumer.ts";
import { bytesOf, type IncomingRecord, type Position } from "../kafka/log-reader.ts";
import { AgentError } from "../lib/errors.ts";
import { garbageOf, leaveGarbage } from "../lib/garbage.ts";
import { DownloadStatus } from "./download-status.ts";
import { Assignment } from "./group/assignment.ts";
import { GroupWait } from "./group/group-wait.ts";
import { LogGaps } from "./group/log-gaps.ts";
import {
  FirstFailure,
  type Output,
  type ProcessMemory,
  type Reporting,
  type SessionKafka,
  type SessionRun,
} from "./parts.ts";
import { Assembly } from "./place/assembly.ts";
import { RejectedRecords } from "./place/rejected-records.ts";
import { DurablePoint } from "./publish/durable-point.ts";
import { DurablePointSchedule } from "./publish/durable-point-schedule.ts";
import { LedgerWrites } from "./recover/ledger-writes.ts";
import { LogReplay } from "./recover/log-replay.ts";
import { Repair } from "./recover/repair.ts";
import { RereadRequests } from "./recover/reread-requests.ts";
import { noticeRollback } from "./recover/rollback.ts";
import { partialName } from "./store/store.ts";

export interface SessionOptions {
  config: DownloaderConfig;
  kafka: SessionKafka;
  output: Output;
  reporting: Reporting;
  run: SessionRun;
  memory: ProcessMemory;
}

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
const shortWaitMs = 10;

export class Session {
  readonly #options: SessionOptions;
  /** Of the ledger, as the session began with it. */
  readonly #renewals: number;
  readonly #abort = new AbortController();
  readonly #failure = new FirstFailure();
  readonly #assignment: Assignment;
  readonly #groupWait: GroupWait;
  readonly #gaps: LogGaps;
  readonly #rejected: RejectedRecords;
  readonly #assembly: Assembly;
  readonly #durablePoint: DurablePoint;
  readonly #schedule: DurablePointSchedule;
  readonly #replay: LogReplay;
  readonly #rereads: RereadRequests;
  readonly #repair: Repair;
  #lastRepairMs: number;
  #lastBytes = Number.POSITIVE_INFINITY;

  constructor(options: SessionOptions) {
    this.#options = options;
    const { config, kafka, output, reporting, run, memory } = options;
    const { topic, group, ledger } = kafka;
    const { now } = run;
    this.#renewals = ledger.renewals;
    this.#lastRepairMs = now();
    this.#assignment = new Assignment({ group, ledger, topic, start: config.start, reporting }, now);
    const { positions } = this.#assignment;
    const { log } = reporting;
    this.#groupWait = new GroupWait({
      ...{ group, topic, name: config.group, positions },
      ...{ unread: memory.unread, log, now },
    });
    this.#gaps = new LogGaps({ group, positions, reporting, now });
    this.#rejected = new RejectedRecords(topic.id, reporting);
    const writes = new LedgerWrites({ ...run, log });
    this.#assembly = new Assembly(
      { config, store: output.store, ledger, retentionMs: topic.retentionMs, reporting, now },
      {
        ...{ rejected: this.#rejected, writes },
        publish: () => this.#schedule.makeNow(),
        onGap: (partial, { partition, offset }) =>
          this.#rereads.readGap(partial, new Map([[partition, offset]])),
      },
    );
    this.#durablePoint = new DurablePoint({
      config,
      output,
      group,
      ledger,
      topicId: topic.id,
      reporting,
      now,
    });
    this.#schedule = new DurablePointSchedule({
      ...{ durablePoint: this.#durablePoint, assembly: this.#assembly, rejected: this.#rejected },
      ...{ positions, failure: this.#failure, now, reportSuccess: run.reportSuccess },
    });
    this.#replay = new LogReplay({
      open: (from) => topic.openReader(from),
      target: {
        accept: (record, version) => this.#acceptAgain(record, version),
        settled: () => this.#assembly.settled(),
      },
      listener: {
        began: (batch) => this.#rereads.began(batch),
        ended: (batch, brought, tookMs) => this.#rereads.ended(batch, brought, tookMs),
      },
      signal: this.#abort.signal,
      now,
      fail: (error) => this.#failure.report(error),
    });
    this.#rereads = new RereadRequests({ replay: this.#replay, topicId: topic.id, reporting, now });
    const { partials, failures } = this.#assembly;
    this.#repair = new Repair(
      {
        ...{ ledger, writes, rereads: this.#rereads, reporting, giveUpMs: config.giveUpMs, now },
        reading: { group, topic, positions },
      },
      { partials, failures, rejected: this.#rejected },
    );
  }

  /** Until the signal fires, or with `once` until the ends are reached. Throws what ends the session. */
  async run(): Promise<DownloadResult> {
    const { kafka, run } = this.#options;
    const { signal, once, now, reportSuccess } = run;
    const beganMs = now();
    await this.#restore();
    try {
      for (;;) {
        // What is being placed or verified may be finished in a moment, and is published then.
        const soon = this.#assembly.changes.finishedCount > 0 || !this.#assembly.idle;
        const waitMs = soon ? shortWaitMs : idleWaitMs;
        const event = await kafka.group.next(this.#lastBytes < smallBytes ? smallBatch : 1, waitMs);
        await this.#handle(event);
        this.#throwFailure();
        // A member with nothing to do makes no durable point, and is no trouble either.
        if (now() - beganMs >= provenMs) reportSuccess();
        if (this.#schedule.isDue(event.kind === "idle")) await this.#schedule.start();
        if (event.kind === "idle") await this.#gaps.skipMissingIfDue();
        await this.#repairIfDue();
        this.#replay.start();
        if (signal.aborted || (once && this.#isDone())) break;
      }
      await this.#schedule.makeNow();
      if (once) await this.#repair.tidy();
      return { lostCount: this.#lostCount() };
    } finally {
      this.#abort.abort();
      await Promise.allSettled([this.#replay.ended(), this.#schedule.ended()]);
      await this.#assembly.end();
      this.#repair.end();
      this.#rereads.end();
    }
  }

  async #handle(event: GroupEvent): Promise<void> {
    if (event.kind === "gained") event.begin(await this.#begin(event.partitions));
    this.#groupWait.checkIfDue();
    if (this.#options.memory.unread.claimTurn()) await this.#joinAgain();
    if (event.kind === "records") for (const record of event.records) await this.#accept(record);
    if (event.kind !== "revoked") return;
    // What was placed for them is the next owner's to publish.
    if (event.lost)
      throw new AgentError("the group has given this member's partitions to another", "retryable");
    await this.#schedule.makeNow();
    this.#assignment.release(event.partitions);
    this.#groupWait.released(this.#assignment.positions.size);
    this.#durablePoint.release(event.partitions);
    event.release();
  }

  /** Has all partitions given out again: leaves the group for certain, and ends the session. */
  async #joinAgain(): Promise<never> {
    const { kafka, memory, config } = this.#options;
    const { named } = memory.unread;
    await this.#schedule.makeNow();
    await kafka.group.leave();
    throw new AgentError(`group ${config.group}: ${named} no reader: leaving and joining again`, "retryable");
  }

  /** What the last session, or the last process, left in the store. */
  async #restore(): Promise<void> {
    const { kafka, output, reporting, run } = this.#options;
    const { observer } = reporting;
    await noticeRollback(output, kafka.ledger, reporting);
    const interrupted = await this.#durablePoint.finishInterrupted();
    for (let left = interrupted; left > 0; left--) observer.metrics.recovery("interrupted");
    const partials = await output.store.partials(run.now());
    this.#durablePoint.restored(partials.map((partial) => partialName(partial.id)));
    this.#rejected.restore(await output.store.parked());
    this.#assembly.restore(partials);
    // Of a start only: what ends a session later is a trouble until it works again.
    if (observer.phase !== undefined) observer.phase = "joining the group";
    observer.source = new DownloadStatus(observer.metrics, {
      ...{ assembly: this.#assembly, rejected: this.#rejected, repair: this.#repair },
      ...{ ledger: kafka.ledger, group: kafka.group },
      ...{ positions: this.#assignment.positions, groupWait: this.#groupWait },
    });
  }

  /** Positions for partitions that this member has just got. */
  async #begin(partitions: readonly number[]): Promise<Position[]> {
    const starts = await this.#assignment.gain(partitions);
    await this.#durablePoint.begin(starts);
    // Also if that is no partitions: others have them all.
    this.#options.reporting.observer.phase = undefined;
    this.#groupWait.answered(this.#assignment.positions.size);
    const until = new Map(starts.map(({ partition, offset }) => [partition, offset]));
    for (const partial of this.#assembly.partials.unfinished)
      if (partial.hasHole) this.#rereads.readGap(partial, until);
    this.#readParkedAgain(until);
    return starts.map(({ partition, offset }) => ({ partition, offset }));
  }

  /** This agent may understand by now what an older one has parked. */
  #readParkedAgain(until: ReadonlyMap<number, number>): void {
    const { rereadParked } = this.#options.memory;
    const left = new Map([...until].filter(([partition]) => !rereadParked.has(partition)));
    const parked = this.#rejected.unpark(left);
    const remember = () => {
      for (const partition of left.keys()) rereadParked.add(partition);
    };
    if (parked.length === 0) remember();
    this.#replay.readAll(parked, () => {
      this.#rejected.unparked(parked);
      // Not sooner: a session that ends before has read nothing again.
      remember();
    });
  }

  async #accept(record: IncomingRecord): Promise<void> {
    const { positions } = this.#assignment;
    const position = positions.get(record.partition) ?? record.offset;
    if (record.offset > position) await this.#gaps.passed(record.partition, position, record.offset);
    await this.#assembly.accept(record);
    this.#lastBytes = bytesOf(record);
    // Without headers it is none of ours, and leaves little more than itself: a flood of them is not to cost a collection each.
    leaveGarbage(this.#lastBytes + (record.headers ? garbageOf.record : garbageOf.foreign));
    positions.set(record.partition, record.offset + 1);
  }

  async #acceptAgain(record: IncomingRecord, version: number | undefined): Promise<boolean> {
    if (version !== undefined) return this.#assembly.acceptOnly(record, version);
    await this.#assembly.accept(record);
    return false;
  }

  async #repairIfDue(): Promise<void> {
    const { config, kafka, output, reporting, run } = this.#options;
    const { topic, ledger } = kafka;
    const nowMs = run.now();
    if (nowMs - this.#lastRepairMs < repairMs) return;
    this.#lastRepairMs = nowMs;
    // Also when nothing comes: a mount that is gone is to be known before a file is late.
    await output.store.require(config.minFreeBytes);
    if (!topic.isCurrent()) {
      reporting.observer.metrics.recovery("topic");
      throw new AgentError(
        "the topic was deleted and made again: it is read from its beginning",
        "retryable",
      );
    }
    if (ledger.renewals !== this.#renewals && ledger.isComplete)
      throw new AgentError(
        "the ledger was deleted and made again: where the group began is noted in it",
        "retryable",
      );
    await this.#repair.check();
    this.#rereads.resume((partial) => this.#assembly.partials.has(partial));
  }

  /** For `once`: everything was read to the ends, and nothing is being read again or verified. */
  #isDone(): boolean {
    const { ledger } = this.#options.kafka;
    // The first answer of a group whose other members hold everything is no partitions; some may follow.
    if (this.#assignment.isAwaited) return false;
    if (!this.#groupWait.isWhole || !this.#replay.idle || !this.#assembly.idle) return false;
    // What was taken back is only known as missing once the ledger was read again.
    if (ledger.isIncomplete || ledger.isLoading) return false;
    return this.#assignment.isRead && !this.#repair.isTrying;
  }

  #lostCount(): number {
    const { partials, failures } = this.#assembly;
    const { refusedCount, newerCount } = this.#rejected;
    const asked = [...this.#repair.needed()].length;
    const here =
      failures.count + partials.parkedCount + this.#schedule.unstorableCount + refusedCount + newerCount;
    return here + this.#repair.failedCount + asked;
  }

  #throwFailure(): void {
    this.#assembly.throwFailure();
    this.#failure.throwIfAny();
  }
}
