/**
 * The downloader's pipeline: consume, place, verify, publish, deliver, commit.
 *
 * It is crash-only: whatever goes wrong with the output or the group (a full disk, a failed sync, a lost
 * membership) ends the session, and the next one starts from what is on disk and committed, exactly as after a
 * kill -9. There is no second way of recovery that would only be taken on bad days.
 */
import { lstat, stat } from "node:fs/promises";
import { dirname } from "node:path";
import type { CommonConfig, DownloaderConfig } from "../config/config.ts";
import { GroupConsumer } from "../kafka/group-consumer.ts";
import type { IncomingRecord, Position } from "../kafka/log-reader.ts";
import type { Topic } from "../kafka/topics.ts";
import type { GroupLedger } from "../ledger/group-ledger.ts";
import { GarbageBound } from "../lib/collect-garbage.ts";
import type { DurableFiles } from "../lib/durable-files.ts";
import { AgentError } from "../lib/errors.ts";
import { retry } from "../lib/retry.ts";
import type { Log } from "../observe/log.ts";
import { pathToDisplay } from "../wire/path.ts";
import { Assembly } from "./assembly.ts";
import { DurablePoint, type Snapshot } from "./durable-point.ts";
import { OpenFiles } from "./open-files.ts";
import { OutputPaths } from "./output-path.ts";
import type { Partial } from "./partial.ts";
import { resolveStarts } from "./positions.ts";
import { readAgain } from "./recovery.ts";
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
/** A moment without a record, when verified files wait. */
const shortWaitMs = 10;
const maxRecoveries = 2;

/** Runs until the signal fires, or with `once` until the ends are reached. Throws a permanent `AgentError` only. */
export async function runDownloader(options: DownloaderOptions): Promise<DownloadResult> {
  const { signal, log } = options;
  const giveUp = (error: unknown) => error instanceof AgentError && error.severity === "permanent";
  return retry({ what: "downloading", signal, log, giveUp }, (works) => runSession(options, works));
}

async function runSession(options: DownloaderOptions, works: () => void): Promise<DownloadResult> {
  const { common, config, durable, log } = options;
  await checkOutput(config);
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
  #gained = false;
  #durablePointRunning: Promise<void> | undefined;
  #lastDurablePointMs = performance.now();
  #failure: unknown;
  #failedCount = 0;
  readonly #recoveries = new Map<Partial, Map<number, number>>();
  #recovering = new Set<Promise<void>>();
  readonly #abort = new AbortController();
  readonly #garbage = new GarbageBound();

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
  }

  async run(): Promise<DownloadResult> {
    await this.#restore();
    try {
      for (;;) {
        const event = await this.#group.next(1, this.#assembly.finishedCount > 0 ? shortWaitMs : idleWaitMs);
        if (event.kind === "gained") event.begin(await this.#begin(event.partitions));
        if (event.kind === "records") for (const record of event.records) await this.#take(record);
        if (event.kind === "revoked") {
          if (!event.lost) await this.#makeDurable();
          this.#release(event.partitions);
          event.release();
        }
        this.#throwFailure();
        if (this.#isDue(event.kind === "idle")) await this.#startDurablePoint();
        if (this.#options.signal.aborted || (this.#options.once && this.#reachedEnds())) break;
      }
      await this.#finish();
      return { lostCount: this.#assembly.lostCount + this.#failedCount };
    } finally {
      this.#abort.abort();
      await Promise.allSettled([...this.#recovering, this.#durablePointRunning]);
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
        onGap: (partial, record) => this.#recover(partial, new Map([[record.partition, record.offset]])),
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
    this.#gained = true;
    this.#recoverRestored(starts);
    await this.#readParked(starts);
    return starts.map(({ partition, offset }) => ({ partition, offset }));
  }

  async #take(record: IncomingRecord): Promise<void> {
    await this.#assembly.take(record);
    this.#garbage.passed(record.value?.length ?? 0);
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
    if (this.#options.once) {
      await Promise.all(this.#recovering);
      await this.#assembly.verified();
    }
    await this.#makeDurable();
  }

  #reachedEnds(): boolean {
    if (!this.#gained) return false;
    return [...this.#ends].every(([partition, end]) => (this.#positions.get(partition) ?? 0) >= end);
  }

  /** Partials of before a restart that have holes: what is missing was read by then, or never came. */
  #recoverRestored(starts: readonly Position[]): void {
    const until = new Map(starts.map(({ partition, offset }) => [partition, offset]));
    for (const partial of this.#assembly.unfinished) {
      const { ranges, lastSeen } = partial.missing;
      const hasHole = ranges.length > 1 || (ranges[0] !== undefined && ranges[0][1] < partial.size);
      if (hasHole || (lastSeen && ranges.length > 0)) this.#recover(partial, until);
    }
  }

  /** Reads again, up to the given offsets, what this store does not have of a version. */
  #recover(partial: Partial, until: Map<number, number>): void {
    if (partial.from === undefined || this.#recoveries.has(partial)) return;
    this.#recoveries.set(partial, until);
    if (this.#recovering.size < maxRecoveries) this.#startRecovery();
  }

  #startRecovery(): void {
    const [next] = [...this.#recoveries].filter(([, until]) => until.size > 0);
    if (!next) return;
    const [partial, until] = next;
    this.#recoveries.set(partial, new Map());
    const running = this.#runRecovery(partial, until)
      .catch((error: unknown) => {
        this.#failure ??= error;
      })
      .finally(() => {
        this.#recovering.delete(running);
        this.#recoveries.delete(partial);
        if (!this.#abort.signal.aborted) this.#startRecovery();
      });
    this.#recovering.add(running);
  }

  async #runRecovery(partial: Partial, until: Map<number, number>): Promise<void> {
    const { common, topic, log } = this.#options;
    const name = pathToDisplay(`${partial.id.uploader}/${partial.id.path}`);
    log.info(`${name}: what is missing here is read again from the log`);
    const options = { kafka: common.kafka, agentName: common.name, topic, log, signal: this.#abort.signal };
    const there = await readAgain(options, partial.from ?? { topic: "", offsets: [] }, until, (record) =>
      this.#assembly.takeOnly(partial, record),
    );
    if (!there) log.warn(`${name}: its beginning was in a topic that is no longer there`);
  }

  /** Records that a newer agent had written and that this one may understand by now. */
  async #readParked(starts: readonly Position[]): Promise<void> {
    const { common, topic, log } = this.#options;
    const owned = new Map(starts.map(({ partition, offset }) => [partition, offset]));
    const parked = this.#assembly.unpark(owned);
    if (parked.length === 0) return;
    log.info(`${parked.length} parked record${parked.length === 1 ? " is" : "s are"} read again`);
    const wanted = new Set(parked.map(({ partition, offset }) => `${partition}@${offset}`));
    const first = new Map<number, number>();
    for (const { partition, offset } of parked) {
      first.set(partition, Math.min(offset, first.get(partition) ?? offset));
    }
    const from = {
      topic: topic.id,
      offsets: [...first].map(([partition, offset]) => ({ partition, offset })),
    };
    const options = { kafka: common.kafka, agentName: common.name, topic, log, signal: this.#abort.signal };
    await readAgain(options, from, owned, async (record) => {
      if (wanted.has(`${record.partition}@${record.offset}`)) await this.#assembly.take(record);
    });
  }

  #throwFailure(): void {
    if (this.#failure !== undefined) throw this.#failure;
  }
}

/** Throws a permanent `AgentError` when the output must be a mount point and is none. */
async function checkOutput(config: DownloaderConfig): Promise<void> {
  if (!config.requireMount) return;
  const [own, parent] = [await stat(config.output), await lstat(dirname(config.output))];
  if (own.dev === parent.dev) {
    throw new AgentError(
      `output ${config.output} is not a mount point, and downloader.require_mount is true`,
      "permanent",
    );
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
