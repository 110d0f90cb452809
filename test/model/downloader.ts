/** A machine with a disk and a downloader: the sessions that the executable runs, one after the other, until it is killed. */
import type { DownloaderConfig } from "../../agent/config/config.ts";
import { UnreadPartitions } from "../../agent/downloader/group/unread-partitions.ts";
import type { ProcessMemory, SessionRun } from "../../agent/downloader/parts.ts";
import { OutputPaths } from "../../agent/downloader/publish/output-path.ts";
import { Session } from "../../agent/downloader/session.ts";
import { OpenFiles } from "../../agent/downloader/store/open-files.ts";
import { Store } from "../../agent/downloader/store/store.ts";
import type { Position } from "../../agent/kafka/log-reader.ts";
import { GroupLedger } from "../../agent/ledger/group/group-ledger.ts";
import { LedgerSummary } from "../../agent/ledger/group/summary/summary.ts";
import { SummaryFile } from "../../agent/ledger/group/summary/summary-file.ts";
import { SummaryKeeper } from "../../agent/ledger/group/summary/summary-keeper.ts";
import type { Disk } from "../../agent/lib/disk.ts";
import { AgentError, codeOf, messageOf } from "../../agent/lib/errors.ts";
import { retry } from "../../agent/lib/retry.ts";
import { Observer } from "../../agent/observe/observer.ts";
import type { Reporting } from "../../agent/observe/reporting.ts";
import { HeardLog } from "../support/heard-log.ts";
import type { Random } from "../support/random.ts";
import type { Checks, Machine } from "./checks.ts";
import type { SimulatedDisk } from "./disk.ts";
import { FollowedTopic } from "./followed-topic.ts";
import type { SimulatedGroup } from "./group.ts";
import type { Luck, SimulatedFolder } from "./inode.ts";
import { RefusedError, type SimulatedLedger } from "./ledger.ts";
import type { Member } from "./member.ts";
import { output, storeFolder } from "./truth.ts";
import { Process, type Turns } from "./turns.ts";

export interface DownloaderWorld {
  turns: Turns;
  random: Random;
  group: SimulatedGroup;
  ledger: SimulatedLedger;
  checks: Checks;
  config: DownloaderConfig;
  trace(line: string): void;
  /** Replays are told that there is nothing in the log. */
  hidesLog: boolean;
  /** The agent's clock stands still. */
  stopsClock: boolean;
}

/** What a session gets from its process. */
interface Given {
  ledger: GroupLedger;
  summary: SummaryKeeper;
  reporting: Reporting;
  run: SessionRun;
  memory: ProcessMemory;
}

const retentionMs = 7 * 24 * 3600_000;
/** How often a downloader looks whether the topic is still the same. */
const topicLookMs = 10_000;
/** When the summary of the ledger is stored: far more often, as a world's time is short. */
const keeping = { entries: 1, pauseMs: 5000, renewMs: 3600_000, lookMs: 2000 };
const firstDelayMs = 200;
const maxDelayMs = 10_000;

export class SimulatedDownloader implements Machine {
  readonly name: string;
  readonly disk: SimulatedDisk;
  /** Files of which a chunk was let pass by for want of room, or of partitions, and is fetched later. */
  readonly parked = new Set<string>();
  readonly #world: DownloaderWorld;
  #process: Process;
  #stop = new AbortController();
  #member: Member | undefined;
  #snapshot: { store: string; folder: SimulatedFolder } | undefined;
  /** How often the machine was started. */
  #boots = 1;
  /** Sessions that were begun. */
  sessions = 0;

  constructor(name: string, disk: SimulatedDisk, world: DownloaderWorld) {
    this.name = name;
    this.disk = disk;
    this.#world = world;
    this.#process = new Process(name);
    disk.files.makeFolder(output);
    disk.files.syncAll();
  }

  get process(): Process {
    return this.#process;
  }

  /** Of the group, as of the last session. */
  get member(): Member | undefined {
    return this.#member;
  }

  confirmedAtMs(process: Process): number {
    return process === this.#process ? (this.#member?.confirmedAtMs ?? Number.NEGATIVE_INFINITY) : 0;
  }

  start(): void {
    this.#process = new Process(this.name);
    this.#stop = new AbortController();
    this.#world.checks.runs(this.#process, this);
    const process = this.#process;
    const { signal } = this.#stop;
    this.#run(process, signal).catch((error: unknown) => {
      // Whatever was being waited for when the stop came, as in the executable.
      if (signal.aborted && isExpected(error)) return this.#world.turns.kill(process);
      this.#world.checks.violate(`${this.name} ended: ${error instanceof Error ? error.stack : error}`);
    });
  }

  kill(): void {
    this.#world.turns.kill(this.#process);
  }

  powerCut(luck: Luck): void {
    this.kill();
    this.#boots++;
    this.disk.powerCut(luck);
    this.#world.checks.forgot(this.disk, false);
  }

  /** Not before the store has its name, by which the ledger knows it. */
  takeSnapshot(): void {
    const store = this.#storeName();
    if (store !== undefined) this.#snapshot = { store, folder: this.disk.files.snapshot(output) };
  }

  /**
   * To the snapshot that was taken last, if one was, and if the store has its name still: where its memory was deleted in
   * between, nobody can tell that what the other name has received is not on another machine.
   */
  rollBack(): void {
    if (!this.#snapshot || this.#snapshot.store !== this.#storeName()) return;
    this.kill();
    this.disk.files.rollBack(output, this.#snapshot.folder);
    this.#world.checks.rolledBack(this.disk);
    this.start();
  }

  #storeName(): string | undefined {
    const file = this.disk.files.at(`${storeFolder}/store`);
    return file?.kind === "file" ? file.seen.bytes.toString() : undefined;
  }

  /** As a signal does: what is under way is made durable. */
  stop(): void {
    const stop = this.#stop;
    void this.#world.turns.take(this.#process, () => stop.abort());
  }

  async #run(process: Process, signal: AbortSignal): Promise<void> {
    const { turns, ledger: entries, stopsClock } = this.#world;
    // What it does is in its own turns from here on.
    await turns.take(process, () => undefined);
    const trace = (line: string) => this.#world.trace(line);
    const log = new HeardLog(this.name, (line) => {
      trace(`${this.name}: ${line}`);
      const parked = /^(.*): (?:parked|refused: it is spread)/.exec(line)?.[1];
      if (parked !== undefined) this.parked.add(parked);
      if (line.startsWith("went on from the summary")) this.#world.checks.counts.resumed++;
    });
    const observer = new Observer({
      role: "downloader",
      name: this.name,
      version: "",
      host: "",
      troubles: log.troubles,
    });
    const now = () => (stopsClock ? 0 : turns.nowMs);
    const summary = new LedgerSummary({
      file: new SummaryFile(this.disk.for(process), storeFolder),
      version: "",
      upTime: { boot: `${this.#boots}`, upMs: () => turns.nowMs },
      log,
    });
    const followed = new FollowedTopic(process, turns, entries, "ledger");
    void followed.follow(signal);
    const ledger = await retry({ what: "reading the ledger", signal, log }, () =>
      GroupLedger.open("group", entries.for(process, followed), now, { summary }),
    );
    void ledger.follow(signal, log);
    let delayMs = firstDelayMs;
    const reportSuccess = () => {
      delayMs = firstDelayMs;
    };
    const unread = new UnreadPartitions("group", log, now);
    const given = {
      ledger,
      summary: new SummaryKeeper(summary, ledger, now, keeping),
      reporting: { log, observer, logChunks: false },
      run: { signal, once: false, now, reportSuccess },
      memory: { rereadParked: new Set<number>(), unread, failedCount: 0 },
    };
    while (!signal.aborted) {
      try {
        await this.#session(process, given);
      } catch (error) {
        trace(`${this.name}: session ended: ${messageOf(error)}`);
        if (!isExpected(error)) throw error;
        await turns.sleep(process, delayMs);
        delayMs = Math.min(2 * delayMs, maxDelayMs);
      }
    }
    turns.kill(process);
  }

  async #session(process: Process, given: Given): Promise<void> {
    const { config } = this.#world;
    const disk = this.disk.for(process);
    const files = new OpenFiles(disk);
    const self = { agent: this.name, host: "", pid: 1, group: "", session: `${++this.sessions}` };
    const store = new Store(config.output, files, self, config.minFreeBytes);
    try {
      await store.open();
      await store.require();
      await this.#sessionOn(store, disk, process, given);
    } finally {
      await files.dropAll();
      await store.close();
    }
  }

  async #sessionOn(
    store: Store,
    disk: Disk,
    process: Process,
    { ledger, summary, ...given }: Given,
  ): Promise<void> {
    const { group: coordinator, turns, random, config, hidesLog } = this.#world;
    const { topic } = coordinator;
    const group = await coordinator.join(process, store.name);
    this.#member = group;
    const { id } = topic;
    let looked = { id, atMs: turns.nowMs };
    const chunkTopic = {
      id,
      get partitions() {
        return topic.partitions;
      },
      retentionMs,
      isCurrent: () => {
        if (turns.nowMs - looked.atMs > topicLookMs) looked = { id: topic.id, atMs: turns.nowMs };
        return looked.id === id;
      },
      openReader: (from: readonly Position[]) =>
        topic.open(
          process,
          turns,
          random,
          hidesLog ? from.map(({ partition }) => ({ partition, offset: topic.high(partition) })) : from,
        ),
    };
    const session = new Session({
      ...given,
      config,
      kafka: { topic: chunkTopic, group, ledger },
      output: { store, disk, paths: new OutputPaths(disk, config.output, config.dirMode) },
    });
    try {
      await summary.during(() => session.run());
    } finally {
      await group.close();
    }
  }
}

/** What the world may do to an agent; anything else is a mistake of its own. */
function isExpected(error: unknown): boolean {
  if (error instanceof RefusedError) return true;
  return error instanceof AgentError ? error.severity !== "permanent" : codeOf(error) !== undefined;
}
