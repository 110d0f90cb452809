/** The downloader's pipeline: consume, place, verify, publish, deliver, commit; and beside it, what is missing is got back. */
import type { DownloaderConfig } from "../config/config.ts";
import type { Group } from "../kafka/group-consumer.ts";
import { bytesOf, type IncomingRecord, type Position, type RecordReader } from "../kafka/log-reader.ts";
import type { GroupLedger } from "../ledger/group/group-ledger.ts";
import type { Disk } from "../lib/disk.ts";
import { AgentError } from "../lib/errors.ts";
import { garbageOf, leaveGarbage } from "../lib/garbage.ts";
import type { Log } from "../observe/log.ts";
import type { Observer } from "../observe/observer.ts";
import { DownloadStatus } from "./download-status.ts";
import { GroupWait } from "./group/group-wait.ts";
import { LogGaps } from "./group/log-gaps.ts";
import { resolveStarts } from "./group/start-positions.ts";
import type { UnreadPartitions } from "./group/unread-partitions.ts";
import { Assembly } from "./place/assembly.ts";
import { RejectedRecords } from "./place/rejected-records.ts";
import { DurablePoint, type Snapshot } from "./publish/durable-point.ts";
import { OutputPaths } from "./publish/output-path.ts";
import { LedgerWrites } from "./recover/ledger-writes.ts";
import { LogReplay } from "./recover/log-replay.ts";
import { Repair } from "./recover/repair.ts";
import { RereadRequests } from "./recover/reread-requests.ts";
import { noticeRollback } from "./recover/rollback.ts";
import { partialName, type Store } from "./store/store.ts";

export interface SessionOptions {
  config: DownloaderConfig;
  /** Partitions may be added meanwhile. */
  topic: { readonly id: string; readonly partitions: number };
  isTopicCurrent(): boolean;
  /** How long the topic keeps chunks. */
  retentionMs: number;
  ledger: GroupLedger;
  disk: Disk;
  store: Store;
  group: Group;
  openReader(from: readonly Position[]): Promise<RecordReader>;
  log: Log;
  logChunks: boolean;
  observer: Observer;
  signal: AbortSignal;
  once: boolean;
  /** The partitions in which this process has looked again at what a newer agent wrote: once is enough. */
  parkedLooked: Set<number>;
  /** What the group leaves to nobody, as this process has seen it. */
  unread: UnreadPartitions;
  /** The monotonic clock, milliseconds. */
  now(): number;
  /** Called when a durable point, or time, has shown that the output and the group work. */
  works(): void;
}

/** What `--once` came to: versions that could not be delivered. */
export interface DownloadResult {
  lostCount: number;
}

const durablePointMs = 5000;
const durablePointBytes = 64 << 20;
/** Verified files wait this long at most while more keeps coming, and not at all when nothing does. */
const publishMs = 1000;
const publishCount = 500;
const idleWaitMs = 500;
const repairMs = 1000;
/** A session that has lived for so long works. */
const provenMs = 10_000;
/** For `once`: whoever was given no partition for so long is not needed. */
const noPartitionsMs = 10_000;
/** Small records are taken several at a time; large ones singly, as a batch is memory beyond every bound of ours. */
const smallBytes = 64 << 10;
const smallBatch = 16;
/** A moment without a record, when verified files wait. */
const shortWaitMs = 10;

export class Session {
  readonly #options: SessionOptions;
  readonly #paths: OutputPaths;
  readonly #durablePoint: DurablePoint;
  readonly #rejected: RejectedRecords;
  readonly #recoveries: LogReplay;
  readonly #rereads: RereadRequests;
  readonly #gaps: LogGaps;
  /** Of the ledger, as the session began with it. */
  readonly #renewals: number;
  readonly #groupWait: GroupWait;
  readonly #abort = new AbortController();
  #assembly!: Assembly;
  #repair!: Repair;
  /** The next offset to read, a partition. */
  readonly #positions = new Map<number, number>();
  /** The ends as they were when `once` began. */
  readonly #ends = new Map<number, number>();
  #gainedAtMs = Number.POSITIVE_INFINITY;
  #durablePointBegun = Promise.resolve();
  #durablePointRunning: Promise<void> | undefined;
  #lastDurablePointMs: number;
  #lastRepairMs: number;
  #failure: unknown;
  #unstorableCount = 0;
  #lastBytes = Number.POSITIVE_INFINITY;

  constructor(options: SessionOptions) {
    this.#options = options;
    this.#renewals = options.ledger.renewals;
    this.#lastDurablePointMs = options.now();
    this.#lastRepairMs = options.now();
    const { config, disk, topic } = options;
    this.#paths = new OutputPaths(disk, config.output, config.dirMode);
    this.#durablePoint = new DurablePoint({ ...options, paths: this.#paths, topicId: topic.id });
    this.#rejected = new RejectedRecords(topic.id, options.log, options.observer);
    this.#groupWait = new GroupWait({ ...options, name: config.group, positions: this.#positions });
    this.#recoveries = new LogReplay({
      open: options.openReader,
      signal: this.#abort.signal,
      take: (record, version) => this.#takeAgain(record, version),
      settled: () => this.#assembly.settled(),
      began: (batch) => this.#rereads.began(batch),
      ended: (batch, brought, tookMs) => this.#rereads.ended(batch, brought, tookMs),
      now: options.now,
      fail: (error) => {
        this.#failure ??= error;
      },
    });
    this.#gaps = new LogGaps({ ...options, positions: this.#positions });
    this.#rereads = new RereadRequests({ ...options, recoveries: this.#recoveries, topicId: topic.id });
  }

  /** Until the signal fires, or with `once` until the ends are reached. Throws what ends the session. */
  async run(): Promise<DownloadResult> {
    const { group, signal, once, now, works } = this.#options;
    const beganMs = now();
    await this.#restore();
    try {
      for (;;) {
        // What is being placed or verified may be finished in a moment, and is published then.
        const soon = this.#assembly.changes.finishedCount > 0 || !this.#assembly.idle;
        const waitMs = soon ? shortWaitMs : idleWaitMs;
        const event = await group.next(this.#lastBytes < smallBytes ? smallBatch : 1, waitMs);
        if (event.kind === "gained") event.begin(await this.#begin(event.partitions));
        this.#groupWait.look();
        if (this.#options.unread.takeTurn()) await this.#joinAgain();
        if (event.kind === "records") for (const record of event.records) await this.#take(record);
        if (event.kind === "revoked") {
          // What was placed for them is the next owner's to publish.
          if (event.lost)
            throw new AgentError("the group has given this member's partitions to another", "retryable");
          await this.#makeDurable();
          this.#release(event.partitions);
          event.release();
        }
        this.#throwFailure();
        // A member with nothing to do makes no durable point, and is no trouble either.
        if (now() - beganMs >= provenMs) works();
        if (this.#isDue(event.kind === "idle")) await this.#startDurablePoint();
        if (event.kind === "idle") await this.#gaps.skipMissingIfDue();
        await this.#repairIfDue();
        this.#recoveries.start();
        if (signal.aborted || (once && this.#isDone())) break;
      }
      await this.#makeDurable();
      if (once) await this.#repair.tidy();
      return { lostCount: this.#lostCount() };
    } finally {
      this.#abort.abort();
      await Promise.allSettled([this.#recoveries.ended(), this.#durablePointRunning]);
      await this.#assembly?.end();
      this.#repair?.end();
      this.#rereads.end();
    }
  }

  /** Has everything given out anew: ends the session, and leaves the group for certain before. */
  async #joinAgain(): Promise<never> {
    const { group, unread, config } = this.#options;
    const { named } = unread;
    await this.#makeDurable();
    await group.leave();
    throw new AgentError(`group ${config.group}: ${named} no reader: leaving and joining again`, "retryable");
  }

  /** What the last session, or the last process, left in the store. */
  async #restore(): Promise<void> {
    const { store, now, observer, topic, config } = this.#options;
    await noticeRollback({ ...this.#options, paths: this.#paths });
    const interrupted = await this.#durablePoint.finishInterrupted();
    for (let left = interrupted; left > 0; left--) observer.metrics.recovery("interrupted");
    const partials = await store.partials(now());
    this.#durablePoint.restored(partials.map((partial) => partialName(partial.id)));
    this.#rejected.restore(await store.parked());
    const writes = new LedgerWrites(this.#options);
    this.#assembly = new Assembly(
      {
        ...this.#options,
        writes,
        rejected: this.#rejected,
        publish: () => this.#makeDurable(),
        onGap: (partial, { partition, offset }) =>
          this.#rereads.readGap(partial, new Map([[partition, offset]])),
      },
      partials,
    );
    this.#repair = new Repair({
      ...this.#options,
      writes,
      giveUpMs: config.giveUpMs,
      topic,
      assembly: this.#assembly,
      rereads: this.#rereads,
      positions: this.#positions,
    });
    // Of a start only: what ends a session later is a trouble until it works again.
    if (observer.phase !== undefined) observer.phase = "joining the group";
    observer.source = new DownloadStatus(observer.metrics, {
      ...this.#options,
      assembly: this.#assembly,
      rejected: this.#rejected,
      repair: this.#repair,
      positions: this.#positions,
      groupWait: this.#groupWait,
    });
  }

  /** Positions for partitions that this member has just got. */
  async #begin(partitions: readonly number[]): Promise<Position[]> {
    const { topic, config } = this.#options;
    const starts = await resolveStarts(
      { ...this.#options, topicId: topic.id, partitionCount: topic.partitions, start: config.start },
      partitions,
    );
    for (const { partition, offset, end } of starts) {
      this.#positions.set(partition, offset);
      this.#ends.set(partition, end);
    }
    await this.#durablePoint.begin(starts);
    this.#gainedAtMs = this.#options.now();
    // Also if that is no partitions: others have them all.
    this.#options.observer.phase = undefined;
    this.#groupWait.answered(this.#positions.size);
    const until = new Map(starts.map(({ partition, offset }) => [partition, offset]));
    for (const partial of this.#assembly.unfinished)
      if (partial.hasHole) this.#rereads.readGap(partial, until);
    this.#lookAtParked(until);
    return starts.map(({ partition, offset }) => ({ partition, offset }));
  }

  /** This agent may understand by now what an older one has parked. */
  #lookAtParked(until: ReadonlyMap<number, number>): void {
    const { parkedLooked } = this.#options;
    const left = new Map([...until].filter(([partition]) => !parkedLooked.has(partition)));
    const parked = this.#rejected.unpark(left);
    const looked = () => {
      for (const partition of left.keys()) parkedLooked.add(partition);
    };
    if (parked.length === 0) looked();
    this.#recoveries.readAll(parked, () => {
      this.#rejected.unparked(parked);
      // Not sooner: a session that ends before has looked at nothing.
      looked();
    });
  }

  async #take(record: IncomingRecord): Promise<void> {
    const position = this.#positions.get(record.partition) ?? record.offset;
    if (record.offset > position) await this.#gaps.passed(record.partition, position, record.offset);
    await this.#assembly.take(record);
    this.#lastBytes = bytesOf(record);
    // Without headers it is none of ours, and leaves little more than itself: a flood of them is not to cost a collection each.
    leaveGarbage(this.#lastBytes + (record.headers ? garbageOf.record : garbageOf.foreign));
    this.#positions.set(record.partition, record.offset + 1);
  }

  async #takeAgain(record: IncomingRecord, version: number | undefined): Promise<boolean> {
    if (version !== undefined) return this.#assembly.takeOnly(record, version);
    await this.#assembly.take(record);
    return false;
  }

  #release(partitions: readonly number[]): void {
    for (const partition of partitions) {
      this.#positions.delete(partition);
      this.#ends.delete(partition);
    }
    this.#groupWait.released(this.#positions.size);
    this.#durablePoint.release(partitions);
  }

  #isDue(idle: boolean): boolean {
    const { finishedCount, droppedCount, placedBytes, any } = this.#assembly.changes;
    const sinceMs = this.#options.now() - this.#lastDurablePointMs;
    if (placedBytes >= durablePointBytes || Math.max(finishedCount, droppedCount) >= publishCount)
      return true;
    if (finishedCount > 0 && (idle || sinceMs >= publishMs)) return true;
    const hasChanges = any || this.#rejected.hasChanges;
    return sinceMs >= durablePointMs && (hasChanges || this.#durablePoint.isBehind(this.#positions));
  }

  /** Begins a durable point beside the reading; waits for the one before. */
  #startDurablePoint(): Promise<void> {
    // One after the other: a recovery may ask for one beside the reading.
    this.#durablePointBegun = this.#durablePointBegun.then(() => this.#beginDurablePoint());
    return this.#durablePointBegun;
  }

  async #beginDurablePoint(): Promise<void> {
    await this.#durablePointRunning;
    this.#throwFailure();
    const snapshot = await this.#snapshot();
    this.#durablePointRunning = this.#make(snapshot).catch((error: unknown) => {
      this.#failure ??= error;
    });
  }

  async #makeDurable(): Promise<void> {
    await this.#startDurablePoint();
    await this.#durablePointRunning;
    this.#throwFailure();
  }

  async #snapshot(): Promise<Snapshot> {
    await this.#assembly.settled();
    this.#lastDurablePointMs = this.#options.now();
    const { finished, changed, dropped } = this.#assembly.changes.take();
    const done = new Set(finished.map(({ partial }) => partial));
    const unfinished = changed.filter((partial) => !done.has(partial));
    return {
      finished,
      dropped,
      parked: this.#rejected.takeParked(),
      notes: unfinished.map((partial) => partial.note()),
      changedFiles: [...done, ...unfinished].map((partial) => partial.file),
      positions: [...this.#positions].map(([partition, offset]) => ({ partition, offset })),
    };
  }

  async #make(snapshot: Snapshot): Promise<void> {
    await this.#requireOutput();
    const { failedCount } = await this.#durablePoint.make(snapshot);
    this.#unstorableCount += failedCount;
    this.#assembly.forget(snapshot.finished);
    this.#assembly.changes.removed(snapshot.dropped);
    this.#options.works();
  }

  async #repairIfDue(): Promise<void> {
    const nowMs = this.#options.now();
    if (nowMs - this.#lastRepairMs < repairMs) return;
    this.#lastRepairMs = nowMs;
    // Also when nothing comes: a mount that is gone is to be known before a file is late.
    await this.#requireOutput();
    if (!this.#options.isTopicCurrent()) {
      this.#options.observer.metrics.recovery("topic");
      throw new AgentError(
        "the topic was deleted and made again: it is read from its beginning",
        "retryable",
      );
    }
    if (this.#options.ledger.renewals !== this.#renewals && this.#options.ledger.isComplete)
      throw new AgentError(
        "the ledger was deleted and made again: where the group began is noted in it",
        "retryable",
      );
    await this.#repair.check();
    this.#rereads.goOn((partial) => this.#assembly.has(partial));
  }

  /** For `once`: everything was read to the ends, and nothing is being read again or verified. */
  #isDone(): boolean {
    // The first answer of a group whose other members hold everything is no partitions; some may follow.
    if (this.#positions.size === 0 && this.#options.now() - this.#gainedAtMs < noPartitionsMs) return false;
    if (!this.#groupWait.isWhole || !this.#recoveries.idle || !this.#assembly.idle) return false;
    // What was taken back is only known as missing once the ledger was read again.
    if (this.#options.ledger.isIncomplete || this.#options.ledger.isLoading) return false;
    const atEnd = [...this.#ends].every(([partition, end]) => (this.#positions.get(partition) ?? 0) >= end);
    return atEnd && !this.#repair.isTrying;
  }

  #lostCount(): number {
    const { failedCount, parkedCount } = this.#assembly;
    const { refusedCount, newerCount } = this.#rejected;
    const asked = [...this.#repair.needed()].length;
    const here = failedCount + parkedCount + this.#unstorableCount + refusedCount + newerCount;
    return here + this.#repair.failedCount + asked;
  }

  #requireOutput(): Promise<void> {
    return this.#options.store.require(this.#options.config.minFreeBytes);
  }

  #throwFailure(): void {
    this.#assembly.throwFailure();
    if (this.#failure !== undefined) throw this.#failure;
  }
}
