/**
 * The downloader's pipeline: consume, place, verify, publish, deliver, commit.
 *
 * It is crash-only: whatever goes wrong with the output or the group (a full disk, a failed sync, a lost
 * membership) ends the session, and the next one starts from what is on disk and committed, exactly as after a
 * kill -9. There is no second way of recovery that would only be taken on bad days.
 */
import type { CommonConfig, DownloaderConfig } from "../config/config.ts";
import { GroupConsumer } from "../kafka/group-consumer.ts";
import type { IncomingRecord, Position } from "../kafka/log-reader.ts";
import type { Topic } from "../kafka/topics.ts";
import type { GroupLedger } from "../ledger/group-ledger.ts";
import { GarbageBound } from "../lib/collect-garbage.ts";
import type { DurableFiles } from "../lib/durable-files.ts";
import { AgentError } from "../lib/errors.ts";
import { isPermanent, retry } from "../lib/retry.ts";
import type { Log } from "../observe/log.ts";
import { Assembly } from "./assembly.ts";
import { DurablePoint, type Snapshot } from "./durable-point.ts";
import { OpenFiles } from "./open-files.ts";
import { OutputMount } from "./output-mount.ts";
import { OutputPaths } from "./output-path.ts";
import type { Partial } from "./partial.ts";
import { resolveStarts } from "./positions.ts";
import { Recoveries } from "./recoveries.ts";
import { partialName, Store } from "./store.ts";

export interface DownloaderOptions {
  common: CommonConfig;
  config: DownloaderConfig;
  topic: Topic;
  ledger: GroupLedger;
  durable: DurableFiles;
  log: Log;
  /** Fires when the agent is to stop; what is under way is then made durable. */
  signal: AbortSignal;
  /** Read to the ends of the partitions as they are at the start, then end. */
  once: boolean;
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
/** For `once`: whoever was given no partition for so long is not needed. */
const noPartitionsMs = 10_000;
/** Small records are taken several at a time; large ones singly, as a batch is memory beyond every bound of ours. */
const smallBytes = 64 << 10;
const smallBatch = 16;
/** A moment without a record, when verified files wait. */
const shortWaitMs = 10;

/** Runs until the signal fires, or with `once` until the ends are reached. Throws a permanent `AgentError` only. */
export async function runDownloader(options: DownloaderOptions): Promise<DownloadResult> {
  const { signal, log } = options;
  const giveUp = (error: unknown) => options.once && isPermanent(error);
  const mount = new OutputMount(options.config);
  await mount.check();
  return retry({ what: "downloading", signal, log, giveUp }, (works) => runSession(options, mount, works));
}

async function runSession(
  options: DownloaderOptions,
  mount: OutputMount,
  works: () => void,
): Promise<DownloadResult> {
  const { common, config, durable, log } = options;
  await mount.check();
  const files = new OpenFiles();
  const store = new Store(config.output, durable, files);
  await store.open();
  await requireSpace(store, config);
  const group = await GroupConsumer.open(
    { kafka: common.kafka, agentName: common.name, log },
    config.group,
    store.name,
  );
  const session = new Session(options, store, group, works);
  try {
    return await session.run();
  } finally {
    await group.close();
    await files.closeAll();
  }
}

class Session {
  readonly #options: DownloaderOptions;
  readonly #works: () => void;
  readonly #store: Store;
  readonly #group: GroupConsumer;
  readonly #durablePoint: DurablePoint;
  #assembly!: Assembly;
  /** The next offset to read, a partition. */
  readonly #positions = new Map<number, number>();
  /** The ends as they were when `once` began. */
  readonly #ends = new Map<number, number>();
  #gainedAtMs = Number.POSITIVE_INFINITY;
  #durablePointRunning: Promise<void> | undefined;
  #lastDurablePointMs = performance.now();
  #failure: unknown;
  #failedCount = 0;
  readonly #recoveries: Recoveries;
  readonly #abort = new AbortController();
  readonly #garbage = new GarbageBound();
  #lastBytes = Number.POSITIVE_INFINITY;

  /** @param works called when a first durable point has shown that the output and the group work */
  constructor(options: DownloaderOptions, store: Store, group: GroupConsumer, works: () => void) {
    this.#works = works;
    this.#options = options;
    this.#store = store;
    this.#group = group;
    const { config, ledger, durable, topic, log } = options;
    const paths = new OutputPaths(config.output, config.dirMode);
    const { layout } = config;
    this.#durablePoint = new DurablePoint({
      store,
      durable,
      paths,
      layout,
      group,
      ledger,
      topicId: topic.id,
      log,
    });
    const { kafka, name: agentName } = options.common;
    const take = (partial: Partial, record: IncomingRecord) => this.#assembly.takeOnly(partial, record);
    const fail = (error: unknown) => {
      this.#failure ??= error;
    };
    this.#recoveries = new Recoveries({
      kafka,
      agentName,
      topic,
      log,
      signal: this.#abort.signal,
      take,
      fail,
    });
  }

  async run(): Promise<DownloadResult> {
    await this.#restore();
    try {
      for (;;) {
        // What is being placed or verified may be finished in a moment, and is published then.
        const soon = this.#assembly.finishedCount > 0 || !this.#assembly.idle;
        const waitMs = soon ? shortWaitMs : idleWaitMs;
        const event = await this.#group.next(this.#lastBytes < smallBytes ? smallBatch : 1, waitMs);
        if (event.kind === "gained") event.begin(await this.#begin(event.partitions));
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
        if (this.#isDue(event.kind === "idle")) await this.#startDurablePoint();
        if (this.#options.signal.aborted || (this.#options.once && this.#isDone())) break;
      }
      await this.#finish();
      return { lostCount: this.#assembly.lostCount + this.#failedCount };
    } finally {
      this.#abort.abort();
      await Promise.allSettled([this.#recoveries.ended(), this.#durablePointRunning]);
      await this.#assembly?.end();
    }
  }

  /** What the last session, or the last process, left in the store. */
  async #restore(): Promise<void> {
    const { config, ledger, topic, log, common } = this.#options;
    await this.#durablePoint.finishInterrupted();
    const partials = await this.#store.partials();
    this.#durablePoint.restored(partials.map((partial) => partialName(partial.id)));
    this.#assembly = new Assembly(
      {
        config,
        store: this.#store,
        ledger,
        topicId: topic.id,
        log,
        logChunks: common.log.chunks,
        onGap: (partial, { partition, offset }) =>
          this.#recoveries.begin(partial, new Map([[partition, offset]])),
      },
      partials,
      await this.#store.parked(),
    );
  }

  /** Positions for partitions that this member has just got. */
  async #begin(partitions: readonly number[]): Promise<Position[]> {
    const { ledger, topic, config, log } = this.#options;
    const starts = await resolveStarts(
      { group: this.#group, ledger, topic, start: config.start, log },
      partitions,
    );
    for (const { partition, offset, end } of starts) {
      this.#positions.set(partition, offset);
      this.#ends.set(partition, end);
    }
    await this.#durablePoint.begin(starts);
    this.#gainedAtMs = performance.now();
    const until = new Map(starts.map(({ partition, offset }) => [partition, offset]));
    this.#recoveries.restored(this.#assembly.unfinished, until);
    await this.#recoveries.readParked(this.#assembly, until);
    return starts.map(({ partition, offset }) => ({ partition, offset }));
  }

  async #take(record: IncomingRecord): Promise<void> {
    await this.#assembly.take(record);
    this.#lastBytes = record.value?.length ?? 0;
    this.#garbage.passed(this.#lastBytes);
    this.#positions.set(record.partition, record.offset + 1);
  }

  #release(partitions: readonly number[]): void {
    for (const partition of partitions) {
      this.#positions.delete(partition);
      this.#ends.delete(partition);
    }
    this.#durablePoint.release(partitions);
  }

  #isDue(idle: boolean): boolean {
    const { finishedCount, placedBytes, hasChanges } = this.#assembly;
    const sinceMs = performance.now() - this.#lastDurablePointMs;
    if (placedBytes >= durablePointBytes || finishedCount >= publishCount) return true;
    if (finishedCount > 0 && (idle || sinceMs >= publishMs)) return true;
    return sinceMs >= durablePointMs && (hasChanges || this.#durablePoint.isBehind(this.#positions));
  }

  /** Begins a durable point beside the reading; waits for the one before. */
  async #startDurablePoint(): Promise<void> {
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
    this.#lastDurablePointMs = performance.now();
    const { finished, changed, dropped, parked } = this.#assembly.takeChanges();
    const done = new Set(finished.map(({ partial }) => partial));
    const unfinished = changed.filter((partial) => !done.has(partial));
    return {
      finished,
      dropped,
      parked,
      notes: unfinished.map((partial) => partial.note()),
      changedFiles: [...done, ...unfinished].map((partial) => partial.file),
      positions: [...this.#positions].map(([partition, offset]) => ({ partition, offset })),
    };
  }

  async #make(snapshot: Snapshot): Promise<void> {
    await requireSpace(this.#store, this.#options.config);
    const { failed } = await this.#durablePoint.make(snapshot);
    this.#failedCount += failed;
    this.#assembly.forget(snapshot.finished);
    this.#works();
  }

  /** The end of a session that goes well: what is complete is published, what is not is noted. */
  async #finish(): Promise<void> {
    await this.#makeDurable();
  }

  /** For `once`: everything was read to the ends, and nothing is being read again or verified. */
  #isDone(): boolean {
    // The first answer of a group whose other members hold everything is no partitions; some may follow.
    if (this.#positions.size === 0 && performance.now() - this.#gainedAtMs < noPartitionsMs) return false;
    if (!this.#recoveries.idle || !this.#assembly.idle) return false;
    return [...this.#ends].every(([partition, end]) => (this.#positions.get(partition) ?? 0) >= end);
  }

  #throwFailure(): void {
    this.#assembly.throwFailure();
    if (this.#failure !== undefined) throw this.#failure;
  }
}

async function requireSpace(store: Store, config: DownloaderConfig): Promise<void> {
  const free = await store.freeBytes();
  if (free >= config.minFreeBytes) return;
  throw new AgentError(
    `output ${config.output} has less than downloader.min_free (${config.minFreeBytes} bytes) left: paused until there is more`,
    "retryable",
  );
}
