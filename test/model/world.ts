/** A whole simulated world: uploaders, brokers, machines with downloaders, and what may happen to them. */
import { setSystemTime } from "bun:test";
import type { DownloaderConfig } from "../../agent/config/config.ts";
import { chunkKey, encodeChunk } from "../../agent/wire/chunk.ts";
import type { Entry } from "../../agent/wire/entry.ts";
import { nameBeside } from "../../agent/wire/filed-under.ts";
import { partitionOf } from "../../agent/wire/numbers.ts";
import { Random } from "../support/random.ts";
import { Checks, Violation } from "./checks.ts";
import { useWorldsClock } from "./clock.ts";
import { type DiskFaults, SimulatedDisk } from "./disk.ts";
import { SimulatedDownloader } from "./downloader.ts";
import { Ending } from "./ending.ts";
import { type GroupFaults, SimulatedGroup } from "./group.ts";
import { SimulatedLedger } from "./ledger.ts";
import { SimulatedTopic } from "./topic.ts";
import { md5, output, Truth } from "./truth.ts";
import { Process, Turns } from "./turns.ts";
import type { After } from "./upload-checks.ts";
import { SimulatedUploader, type UploaderFaults } from "./uploader.ts";

/** What a world begins with. */
export interface Beginning {
  seed: number;
  partitions: number;
  machines: number;
  keepsBoth: boolean;
  after: After;
  /** Whether the second of the uploaders works beside the name of the first one, with the same paths. */
  beside: boolean;
  /** Whether the first of the uploaders spreads its files over all partitions. */
  spreads: boolean;
}

/** How a world is broken on purpose; nothing: it is not. */
export interface Faults {
  disk?: DiskFaults;
  group?: GroupFaults;
  /** Replays are told that there is nothing in the log. */
  hidesLog?: boolean;
  /** The downloaders' clock stands still. */
  stopsClock?: boolean;
  uploader?: UploaderFaults;
  /** By so much downloaders take themselves to have read more of the ledger than they have. */
  ledgerAhead?: number;
  /** Strangers' versions are such as an uploader may have given. */
  forgesCredibly?: boolean;
}

/** A world that takes longer is stuck. */
const maxTurns = 60_000;
const maxQuietMs = 40 * 60_000;
/** Whoever has no answer for so long asks once more. */
const repeatMs = 3600_000;
/** So long nothing must change for the end. */
const calmMs = 30_000;
const lookMs = 2000;
const startMs = Date.parse("2026-01-01T00:00:00Z");
const minFreeBytes = 50;
/** An uploader that is away for so long is given up until it comes back. */
const giveUpMs = 7200_000;

export class World {
  readonly turns: Turns;
  readonly random: Random;
  readonly topic: SimulatedTopic;
  readonly group: SimulatedGroup;
  readonly ledger: SimulatedLedger;
  readonly truth = new Truth();
  readonly checks: Checks;
  readonly config: DownloaderConfig;
  readonly uploaders: SimulatedUploader[];
  readonly downloaders: SimulatedDownloader[];
  readonly hidesLog: boolean;
  readonly stopsClock: boolean;
  readonly uploaderFaults: UploaderFaults;
  readonly #forgesCredibly: boolean;
  readonly #spreads: boolean;
  readonly #ending = new Ending(this);
  /** Nobody can tell any more for how long an uploader has not answered. */
  clockWasSet = false;
  #highestSkewMs = 0;
  #leastSkewMs = Number.NEGATIVE_INFINITY;
  readonly #lines: string[] | undefined;
  readonly #restoreClock: () => void;
  /** Chunks were lost that had been sent: a version whose source is gone may fail then. */
  losses = 0;

  /** @param lines gets a line for whatever happens */
  constructor(
    { seed, partitions, machines, keepsBoth, after, beside, spreads }: Beginning,
    faults: Faults = {},
    lines?: string[],
  ) {
    this.#lines = lines;
    this.random = new Random(seed);
    this.turns = new Turns(this.random);
    this.topic = new SimulatedTopic(partitions);
    const { turns, random, topic } = this;
    setSystemTime(new Date(startMs));
    this.checks = new Checks(
      this.truth,
      topic,
      keepsBoth,
      () => turns.nowMs,
      (line) => this.trace(line),
    );
    const { checks } = this;
    this.group = new SimulatedGroup(
      topic,
      turns,
      random,
      (process, before, position, note) => {
        this.trace(`${process.name}: commits ${position.partition}@${position.offset}, before ${before}`);
        checks.commit(process, before, position, note);
      },
      faults.group ?? {},
    );
    this.ledger = new SimulatedLedger(
      2,
      turns,
      random,
      (process, entry, isStray, offset) => {
        this.trace(`${process.name}: writes ${isStray ? "in vain " : ""}${JSON.stringify(entry)}`);
        if (isStray) return checks.stray(process, entry, offset);
        checks.entry(process, entry, offset);
        for (const one of this.uploaders) {
          const number = one.numberOf(process);
          if (number !== undefined) one.checks.entry(entry, number);
        }
      },
      (process) => checks.isMachines(process),
    );
    this.ledger.positionsAhead = faults.ledgerAhead ?? 0;
    this.hidesLog = faults.hidesLog ?? false;
    this.stopsClock = faults.stopsClock ?? false;
    this.uploaderFaults = faults.uploader ?? {};
    this.#forgesCredibly = faults.forgesCredibly ?? false;
    this.config = {
      output,
      group: "group",
      layout: "{uploader}/{path}",
      start: "earliest",
      onChange: keepsBoth ? "keep-both" : "replace",
      minFreeBytes,
      keepMtime: true,
      requireMount: false,
      fileMode: 0o644,
      dirMode: 0o755,
      giveUpMs,
      eventsTopic: undefined,
    };
    this.#spreads = spreads;
    this.uploaders = ["till-1", beside ? nameBeside("till-1", 0) : "till-2"].map(
      (name, at) => new SimulatedUploader(name, this, after, spreads && at === 0),
    );
    this.downloaders = Array.from({ length: machines }, (_, at) => {
      const name = `machine-${at + 1}`;
      return new SimulatedDownloader(
        name,
        new SimulatedDisk(name, turns, random, checks, faults.disk ?? {}),
        this,
      );
    });
    this.#restoreClock = useWorldsClock(turns, new Random(seed + 1));
    for (const actor of [...this.uploaders, ...this.downloaders]) actor.start();
  }

  /** The runtime has its own clock again. */
  close(): void {
    for (const uploader of this.uploaders) uploader.close();
    this.#restoreClock();
  }

  trace(line: string): void {
    this.#lines?.push(`${this.turns.count} ${(this.turns.nowMs / 1000).toFixed(3)}s ${line}`);
  }

  /** The brokers' clock is so far ahead of the world's from now on. */
  setBrokersClock(wantedMs: number): void {
    // Whoever does not know the new ledger yet begins there by this clock.
    const skewMs = Math.max(wantedMs, this.#leastSkewMs);
    this.clockWasSet = true;
    this.#highestSkewMs = Math.max(this.#highestSkewMs, skewMs);
    this.topic.skewMs = skewMs;
    this.ledger.skewMs = skewMs;
  }

  /** Whether it was ahead of where it is now, by more than an uploader that knows nothing of before leaves room for. */
  get isBrokersClockBehind(): boolean {
    return this.#highestSkewMs > this.topic.skewMs;
  }

  /** The ledger is deleted and made again. @param remembers whether the uploaders go on with what they know */
  remakeLedger(remembers: boolean): void {
    this.#leastSkewMs = this.topic.skewMs;
    this.ledger.remake();
    this.checks.ledgerIsNew();
    for (const uploader of this.uploaders) {
      uploader.checks.ledgerIsNew();
      if (remembers || !uploader.process.alive) continue;
      uploader.crash();
      uploader.start();
    }
  }

  /** A stranger writes what speaks of a version that nothing could follow: an entry, a receipt or a chunk. */
  forge(uploader: string, path: string, what: number): void {
    const farAhead = Number.MAX_SAFE_INTEGER - (what % 2) * 5_000_000_000_000;
    const version = this.#forgesCredibly ? (Date.now() + 3600_000) * 1000 : farAhead;
    const write = (entry: Entry) => void this.ledger.for(new Process("stranger")).write(entry);
    const size = what % 100;
    const value = Buffer.alloc(size);
    const checksum = md5(value);
    const id = { uploader, path, version };
    const time = { mtime: "0", ctime: "0", inode: "1" };
    const where = { topic: this.topic.id, partition: 0, offset: 0 };
    if (what % 4 === 0)
      write({
        ...{ kind: "files", uploader, epoch: 2 ** 40, slot: what, format: 1, open: [], next: version },
        files: [{ path, version, state: "sent", size, checksum, ...time, ...where }],
      });
    else if (what % 4 === 1)
      // Of a partition that there is not: what takes the place of a mark while nobody has its partition may have it forgotten.
      write({
        ...{ kind: "done", group: "group", uploader, partition: 900 },
        ...{ format: 1, to: 0, at: 0, but: [], also: [], by: {}, time: "" },
        early: [{ path, version, size, checksum, mtime: "0" }],
      });
    else if (what % 4 === 2)
      write({
        ...{ kind: "failed", group: "group", ...id },
        ...{ format: 1, reason: "forged", time: "" },
      });
    else {
      const chunk = { kind: "chunk", ...id, offset: 0, size, mtime: 0n, value, index: 1, count: 1 } as const;
      const headers = encodeChunk({ ...chunk, algorithm: "md5", checksum });
      const partition = partitionOf(chunkKey(id), this.topic.partitions);
      this.topic.append(partition, { key: chunkKey(id), headers, value });
    }
  }

  /** Lets everybody go on for so many turns. Throws a `Violation`. */
  async run(turns: number): Promise<void> {
    for (let left = turns; left > 0; left--) {
      setSystemTime(new Date(startMs + this.turns.nowMs));
      if (!(await this.turns.step())) break;
      this.group.expelSilent();
      if (this.checks.violation) throw this.checks.violation;
      if (this.turns.count > maxTurns) throw new Violation(`stuck: ${this.#ending.open().join("; ")}`);
    }
  }

  /** All troubles end, and whoever is down comes up; then everything comes to its end. Throws a `Violation`. */
  async end(): Promise<void> {
    this.trace("all troubles end");
    this.#heal();
    let startedMs = this.turns.nowMs;
    let mayRepeat = true;
    for (let calmSinceMs = startedMs, before = ""; ; ) {
      const lookAtMs = this.turns.nowMs + lookMs;
      // Also whoever was being stopped, and has come to its end.
      for (const one of this.downloaders) if (!one.process.alive) one.start();
      for (const one of this.uploaders) if (!one.isAlive) one.start();
      while (this.turns.nowMs < lookAtMs) await this.run(1);
      const now = `${this.ledger.writtenCount} ${[...this.group.committed.values()].map(({ offset }) => offset)}`;
      const open = this.#ending.open();
      if (now !== before || open.length > 0) calmSinceMs = this.turns.nowMs;
      before = now;
      if (this.turns.nowMs - calmSinceMs >= calmMs) break;
      const tookMs = this.turns.nowMs - startedMs;
      if (mayRepeat && tookMs > maxQuietMs / 2) {
        this.trace("an hour passes");
        mayRepeat = false;
        this.turns.nowMs += repeatMs;
        startedMs = this.turns.nowMs;
      } else if (tookMs > maxQuietMs) throw new Violation(`stuck: ${open.join("; ")}`);
    }
    this.#ending.judge();
    if (this.checks.violation) throw this.checks.violation;
  }

  #heal(): void {
    this.group.failingCommits = 0;
    // What is spread is delivered once one member has all partitions.
    if (this.#spreads) this.group.gather();
    this.ledger.refusedUntilMs = 0;
    for (const uploader of this.uploaders) {
      uploader.damage = "none";
      uploader.missesRequests = 0;
      uploader.thaw();
      uploader.sources.endAllWriting();
      // A file there may be where a folder has to be.
      uploader.sources.emptyMoved();
      if (!uploader.isAlive) uploader.start();
    }
    for (const downloader of this.downloaders) {
      const { disk, process } = downloader;
      disk.capacity = Number.MAX_SAFE_INTEGER;
      disk.failingCalls = 0;
      disk.failingSyncs = 0;
      process.frozen = false;
      process.slow = false;
    }
  }
}
