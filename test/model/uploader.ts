/**
 * A machine with a watched folder and an uploader: the one that the executable runs, until it is killed. Nothing of what an
 * uploader decides is here.
 */
import { holdingName } from "../../agent/commands/hold-name.ts";
import type { UploaderConfig } from "../../agent/config/config.ts";
import { checkLayout } from "../../agent/ledger/layout.ts";
import type { UploaderLog } from "../../agent/ledger/ledger.ts";
import { forgetGone } from "../../agent/ledger/uploader/forget-gone.ts";
import { NameTakenError } from "../../agent/ledger/uploader/name-taken-error.ts";
import type { UploaderLedger } from "../../agent/ledger/uploader/uploader-ledger.ts";
import { AgentError } from "../../agent/lib/errors.ts";
import { isPermanent, retry } from "../../agent/lib/retry.ts";
import { Observer } from "../../agent/observe/observer.ts";
import { WatchFiles } from "../../agent/uploader/access/watch-files.ts";
import { InFlightWindow } from "../../agent/uploader/transport/in-flight-window.ts";
import { Transport } from "../../agent/uploader/transport/transport.ts";
import { runUploader } from "../../agent/uploader/uploader.ts";
import type { Entry } from "../../agent/wire/entry.ts";
import { HeardLog } from "../support/heard-log.ts";
import type { Random } from "../support/random.ts";
import type { Checks } from "./checks.ts";
import { FollowedTopic } from "./followed-topic.ts";
import type { SimulatedLedger } from "./ledger.ts";
import { type Damage, type ProducerFaults, SimulatedProducer } from "./producer.ts";
import { SourceDisk } from "./source-disk.ts";
import type { SimulatedTopic } from "./topic.ts";
import type { Truth } from "./truth.ts";
import { Process, type Turns } from "./turns.ts";
import { type After, UploadChecks } from "./upload-checks.ts";
import { checkpoints, configOf, smallBytes, VaryingChunkSize, windowBytes } from "./uploader-settings.ts";
import { stateOf } from "./watched-folders.ts";

export interface UploaderWorld {
  turns: Turns;
  random: Random;
  topic: SimulatedTopic;
  ledger: SimulatedLedger;
  truth: Truth;
  checks: Checks;
  uploaderFaults: UploaderFaults;
  trace(line: string): void;
}

/** How uploaders are broken on purpose. */
export interface UploaderFaults extends ProducerFaults {
  /** Versions are given without a lease. */
  leasesNothing?: boolean;
  /** Sources are taken away once the brokers have them. */
  takesEarly?: boolean;
}

const retentionMs = 7 * 24 * 3600_000;
/** Longer than versions are ahead of the brokers' time, as each time is for which chunks are kept. */
export const forgetAfterMs = 180_000;

/** So long ago an answer for the name may have been given, and be heard only now. */
const askedMs = 60_000;
/** Larger than any that Linux gives. */
const neverAPid = 5_000_000;

export class SimulatedUploader {
  readonly name: string;
  readonly sources: SourceDisk;
  readonly checks: UploadChecks;
  readonly #world: UploaderWorld;
  readonly #configOf: (start: number) => UploaderConfig;
  /** Who has written as which holder of the name. */
  readonly #holders = new Map<string, Process>();
  #process: Process;
  /** All that were ever started, when, and when each has ended, if it has. */
  readonly #started = new Map<Process, { number: number; startedMs: number; endedMs?: number }>();
  #stop = new AbortController();
  /** Of all that were ever started. */
  readonly #stops: AbortController[] = [];
  #producer: SimulatedProducer | undefined;
  #forgetGone: (() => Promise<void>) | undefined;
  /** So many of the next requests are lost on it, until its next start. */
  missesRequests = 0;
  /** Whether that has happened since its start. */
  hasMissed = false;

  /** @param spreads whether a file's chunks use all partitions */
  constructor(name: string, world: UploaderWorld, after: After, spreads: boolean) {
    this.name = name;
    this.#world = world;
    const { turns, random, truth, checks } = world;
    this.checks = new UploadChecks(name, truth, checks, after, () => this.sources);
    this.sources = new SourceDisk(turns, random, this.checks);
    const how = { spreads, takesEarly: world.uploaderFaults.takesEarly ?? false };
    this.#configOf = (start) => configOf(after, how, start);
    this.#process = new Process(name);
  }

  get process(): Process {
    return this.#process;
  }

  get isUp(): boolean {
    return this.#process.alive && !this.#process.frozen;
  }

  /** Whether any process works under the name, or is about to. */
  get isAlive(): boolean {
    return [...this.#started.keys()].some(({ alive }) => alive);
  }

  freeze(): void {
    this.#process.frozen = true;
  }

  thaw(): void {
    for (const process of this.#started.keys()) process.frozen = false;
  }

  /** The how manieth the process is that was started here; `undefined`: it is another's. */
  numberOf(process: Process): number | undefined {
    return this.#started.get(process)?.number;
  }

  /** What happens to the next chunk on its way. */
  set damage(damage: Damage) {
    this.checks.nextDamage = damage;
  }

  /** Whether the file that stands there is of this time, nanoseconds since 1970. */
  hasSource(path: string, mtime: bigint): boolean {
    const file = this.sources.at(path);
    return file !== undefined && stateOf(file).mtime === mtime;
  }

  /** Also beside one that is there: one of the two has to end by itself. */
  start(): void {
    this.#process = new Process(this.name);
    this.#started.set(this.#process, { number: this.#started.size + 1, startedMs: this.#world.turns.nowMs });
    this.#stop = new AbortController();
    this.#stops.push(this.#stop);
    this.missesRequests = 0;
    this.hasMissed = false;
    const process = this.#process;
    const { signal } = this.#stop;
    this.#run(process, signal).catch((error: unknown) => {
      // Whatever was being waited for when the stop came: see `commands/run.ts`.
      if (signal.aborted && error instanceof AgentError) this.#end(process);
      else this.#failed(process, error);
    });
  }

  crash(): void {
    this.#end(this.#process);
  }

  #end(process: Process): void {
    const { turns } = this.#world;
    const started = this.#started.get(process);
    if (started && process.alive) started.endedMs = turns.nowMs;
    turns.kill(process);
  }

  #failed(process: Process, error: unknown): void {
    const { checks } = this.#world;
    this.#end(process);
    // Only another one can have the name: that came later, or was there still when it was asked for.
    const { startedMs = 0 } = this.#started.get(process) ?? {};
    const isTaken = [...this.#started].some(
      ([one, { endedMs = Number.POSITIVE_INFINITY }]) => one !== process && endedMs > startedMs - askedMs,
    );
    if (error instanceof NameTakenError && isTaken) this.#world.trace(`${this.name}: ${error.message}`);
    else checks.violate(`${this.name} ended: ${error instanceof Error ? error.stack : error}`);
  }

  /** The story is over. A signal that depends on others, and never fires, would keep all of its world in memory. */
  close(): void {
    for (const process of this.#started.keys()) this.#world.turns.kill(process);
    for (const stop of this.#stops) stop.abort();
  }

  /** As a signal does. */
  stop(): void {
    const stop = this.#stop;
    void this.#world.turns.take(this.#process, () => stop.abort());
  }

  /** Its producer's client fails for good. */
  loseClient(): void {
    if (this.#process.alive) this.#producer?.fail();
  }

  /** Forgets what is gone for `forgetAfterMs`. */
  forgetGone(): void {
    const forget = this.#forgetGone;
    if (this.isUp && forget) void this.#world.turns.take(this.#process, () => void forget());
  }

  async #run(process: Process, signal: AbortSignal): Promise<void> {
    const { turns, topic, ledger } = this.#world;
    await turns.take(process, () => undefined);
    const log = new HeardLog(this.name, (line) => this.#world.trace(`${this.name}: ${line}`));
    const chunks = new FollowedTopic(process, turns, topic, "chunks");
    const followed = new FollowedTopic(process, turns, ledger, "ledger");
    void chunks.follow(signal);
    void followed.follow(signal);
    const entries = this.#logFor(process, followed);
    const attempt = { what: "starting", log, signal, giveUp: isPermanent };
    await retry(attempt, () => checkLayout(entries));
    const [name, role] = [this.name, this.#configOf(this.numberOf(process) ?? 0)];
    const hold = { name, role, ledger: entries, chunks, retentionMs, log, attempt };
    await holdingName(hold, (own, ending) => {
      const logStart = chunks.logStart.bind(chunks);
      // As the agent does it from time to time: it may be stopped meanwhile, and is tried again another time.
      this.#forgetGone = () =>
        forgetGone({ ledger: own, logStart, log, retentionMs: forgetAfterMs }).catch((error: unknown) =>
          log.debug(`tidying the ledger: ${error}`),
        );
      return this.#send(process, own, chunks, log, ending);
    });
    this.#world.trace(`${this.name}: has ended`);
    this.#end(process);
  }

  async #send(
    process: Process,
    ledger: UploaderLedger,
    topic: FollowedTopic,
    log: HeardLog,
    signal: AbortSignal,
  ): Promise<void> {
    const { random, uploaderFaults } = this.#world;
    const watcher = this.checks.producerOf(this.numberOf(process) ?? 0);
    const producer = new SimulatedProducer(process, this.#world, watcher, uploaderFaults);
    this.#producer = producer;
    const { troubles } = log;
    const observer = new Observer({ role: "uploader", name: this.name, version: "", host: "", troubles });
    await runUploader({
      config: this.#configOf(this.numberOf(process) ?? 0),
      ledger,
      transport: new Transport({
        producer,
        topic,
        retentionMs,
        ledgerBytes: 1 << 20,
        window: new InFlightWindow(windowBytes, undefined),
        chunkSize: new VaryingChunkSize(random),
        log,
      }),
      files: new WatchFiles(this.sources.for(process), this.sources.folders.for(process), smallBytes),
      checkpoints,
      reporting: { log, observer, logChunks: false },
      run: { signal, once: false, drainMs: 5000 },
    });
  }

  #logFor(process: Process, followed: FollowedTopic): UploaderLog {
    const log = this.#world.ledger.for(process, followed);
    const { leasesNothing = false } = this.#world.uploaderFaults;
    // On another one nobody can tell that who had the name has ended.
    const isSameMachine = this.#world.random.below(4) > 0;
    return {
      ...log,
      get id() {
        return followed.value.id;
      },
      write: (entry, meantFor) => {
        if (entry.kind !== "name") return log.write(entry, meantFor);
        this.#holders.set(entry.instance, process);
        return log.write(leasesNothing ? { ...entry, highest: 0 } : entry, meantFor);
      },
      open: async (partitions) => {
        const reader = await log.open(partitions);
        return {
          get caughtUp() {
            return reader.caughtUp;
          },
          position: (partition) => reader.position(partition),
          read: async (without) => {
            const some = (await reader.read(without)).filter(({ entry }) => !this.#misses(entry));
            return some.map((one) => ({ ...one, entry: this.#withProcess(one.entry, isSameMachine) }));
          },
          close: () => reader.close(),
        };
      },
    };
  }

  /** All uploaders are one process here: which of them have ended is in the entries only as they are read. */
  #withProcess(entry: Entry, isSameMachine: boolean): Entry {
    const holder = entry.kind === "name" ? this.#holders.get(entry.instance) : undefined;
    if (entry.kind !== "name" || !holder || holder.alive || !isSameMachine) return entry;
    return { ...entry, process: entry.process?.replace(/ \d+ (\S+)$/, ` ${neverAPid} $1`) };
  }

  #misses(entry: Entry): boolean {
    if (this.missesRequests === 0 || entry.kind !== "needs" || entry.uploader !== this.name) return false;
    this.missesRequests--;
    this.hasMissed = true;
    return true;
  }
}
