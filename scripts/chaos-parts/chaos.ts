/** One run: everything is built, disturbed while files come and go, mended, waited for, and judged. */
import { appendFileSync } from "node:fs";
import { join } from "node:path";
import { LogFile } from "../../test/support/log-file.ts";
import { Random } from "../../test/support/random.ts";
import type { ChaosAgent } from "./agent.ts";
import { Contents } from "./contents.ts";
import { Counters } from "./counters.ts";
import { FaultPlan } from "./fault-plan.ts";
import { faults } from "./faults.ts";
import { Findings } from "./findings.ts";
import { Generator, type Source } from "./generator.ts";
import { openWriters } from "./generator-draw.ts";
import { Journal } from "./journal.ts";
import { type LogLine, parseLine } from "./log-line.ts";
import type { ChaosOptions } from "./options.ts";
import { explainRepetitions } from "./repetitions.ts";
import { sabotage } from "./sabotage.ts";
import { settle } from "./settle.ts";
import { SourcesWatcher } from "./sources-watcher.ts";
import { groups, Stage } from "./stage.ts";
import { SwappedFolders } from "./swapped-folders.ts";
import { Tidy } from "./tidy.ts";
import { Truth } from "./truth.ts";
import { mebibytes, memoryGoals, type Results } from "./verdict.ts";
import { Watcher } from "./watcher.ts";
import { type Way, ways } from "./ways.ts";

const logMs = 100;
const tidyMs = 1000;
const metricsMs = 500;
const progressMs = 10_000;
const stuckMs = 90_000;
const patienceMs = 15 * 60_000;
/** With something broken on purpose nobody has to wait as long to see it. */
const sabotageStuckMs = 20_000;
const maxExcerpts = 30;
/** Longer than the uploaders' `settle`, which is a second. */
const openWriterMs = 2500;

export async function runChaos(options: ChaosOptions, say: (line: string) => void): Promise<Results> {
  const journal = new Journal();
  const findings = new Findings(({ kind, what, why }) => say(`${kind.toUpperCase()}: ${what}: ${why}`));
  let truth: Truth | undefined;
  let counters: Counters | undefined;
  const stage = await Stage.open(options, {
    onLine: (agent, line) => counters?.line(agent, line),
    onEnd(agent, how) {
      findings.add("agent", agent.name, `it ended by itself (${how})`);
      agent.start();
    },
  });
  try {
    truth = new Truth(stage.disks);
    counters = new Counters(truth, journal);
    return await new Run(options, say, stage, truth, counters, findings, journal).run();
  } finally {
    await stage.close();
  }
}

class Run {
  readonly #options: ChaosOptions;
  readonly #say: (line: string) => void;
  readonly #stage: Stage;
  readonly #truth: Truth;
  readonly #counters: Counters;
  readonly #findings: Findings;
  readonly #journal: Journal;
  readonly #startedMs = Date.now();
  readonly #brokerLog: LogFile<LogLine>;
  readonly #tidy: Tidy;
  readonly #watcher: Watcher;
  readonly #sourcesWatcher: SourcesWatcher;
  readonly #generator: Generator;
  readonly #plan: FaultPlan;
  readonly #swapped: SwappedFolders;
  readonly #contents: Contents;
  readonly #begun = new Set<string>();
  readonly #tooLarge = new Set<string>();
  #tidies = true;

  constructor(
    options: ChaosOptions,
    say: (line: string) => void,
    stage: Stage,
    truth: Truth,
    counters: Counters,
    findings: Findings,
    journal: Journal,
  ) {
    const { seed, afterDelete, without } = options;
    this.#options = options;
    this.#say = say;
    this.#stage = stage;
    this.#truth = truth;
    this.#counters = counters;
    this.#findings = findings;
    this.#journal = journal;
    this.#brokerLog = new LogFile(`${stage.kafka.dir}/broker.log`, parseLine);
    this.#contents = new Contents(seed);
    this.#tidy = new Tidy(new Map(stage.downloaders.map((agent) => [agent.name, agent])));
    this.#watcher = new Watcher({
      truth,
      findings,
      journal,
      disks: stage.disks,
      onArrival: (disk, arrival) => {
        this.#begun.add(disk.group);
        this.#tidy.arrived(disk, arrival);
      },
    });
    this.#sourcesWatcher = new SourcesWatcher({
      sources: stage.sources.slice(0, afterDelete),
      truth,
      findings,
      watcher: this.#watcher,
      onTaken: (key) => this.#generator.taken(key),
    });
    this.#generator = new Generator({
      random: new Random(seed),
      truth,
      contents: this.#contents,
      journal,
      sources: stage.sources,
      staging: stage.staging,
      largestFirst: true,
      openWriterMs: without.includes(openWriters) ? undefined : openWriterMs,
      takenFromWriter: (key) =>
        findings.add("lost", key, "its source was taken away while somebody was writing to it"),
      removing: (path, act) => this.#sourcesWatcher.removing(path, act),
    });
    this.#swapped = new SwappedFolders({
      truth,
      contents: this.#contents,
      journal,
      findings,
      staging: stage.staging,
    });
    const scene = {
      stage,
      killed: (what: string, inFlight: boolean) => {
        counters.killed(inFlight);
        journal.general(`${what} was killed${inFlight ? " with chunks in flight" : ""}`);
      },
      storeDeleted: (disk: string) => counters.storeDeleted(disk),
      ledgerLost: () => counters.ledgerLost(),
      swapFolder: (uploader: string, waitMs: number) =>
        this.#swapped.swap(stage.sources.find((source) => source.uploader === uploader) as Source, waitMs),
      misbehaved: (agent: string, why: string) => findings.add("agent", agent, why),
      groupsHaveBegun: () => groups.every((group) => this.#begun.has(group)),
      say: (text: string) => journal.general(text),
    };
    // What is broken on purpose has to be what is found.
    const left = options.sabotage === undefined ? without : faults.map(({ name }) => name);
    this.#plan = new FaultPlan(new Random(seed + 1), scene, left);
  }

  async run(): Promise<Results> {
    const timers = [
      setInterval(() => this.#readLogs(), logMs),
      setInterval(() => this.#tidies && this.#tidy.removeSettled(this.#watcher), tidyMs),
      setInterval(() => {
        for (const { metrics } of this.#stage.agents) void metrics.look();
      }, metricsMs),
      setInterval(() => this.#say(this.#progress()), progressMs),
    ];
    try {
      this.#stage.startAll();
      await this.#disturb();
      this.#tidies = false;
      this.#say("everything is mended; waiting until what is under way has arrived");
      await this.#settle();
      return await this.#judge();
    } finally {
      for (const timer of timers) clearInterval(timer);
      this.#watcher.close();
      this.#sourcesWatcher.close();
    }
  }

  /** Files come and go, and things break, until the time is over. */
  async #disturb(): Promise<void> {
    const { minutes, sabotage: kind } = this.#options;
    const over = new AbortController();
    const timer = setTimeout(() => over.abort(), minutes * 60_000);
    const scene = { stage: this.#stage, truth: this.#truth, contents: this.#contents };
    const parts = [this.#generator.run(over.signal), this.#plan.run(over.signal)];
    if (kind) parts.push(sabotage(kind, scene));
    try {
      await Promise.all(parts);
    } finally {
      over.abort();
      clearTimeout(timer);
      await Promise.allSettled(parts);
    }
  }

  #settle(): Promise<void> {
    return settle({
      stage: this.#stage,
      truth: this.#truth,
      watcher: this.#watcher,
      counters: this.#counters,
      findings: this.#findings,
      deleting: this.#stage.sources.slice(0, this.#options.afterDelete).map(({ uploader }) => uploader),
      say: this.#say,
      stuckMs: this.#options.sabotage === undefined ? stuckMs : sabotageStuckMs,
      patienceMs,
    });
  }

  async #judge(): Promise<Results> {
    const { uploaders, downloaders, agents, noSmallDisks } = this.#stage;
    const peak = (of: readonly ChaosAgent[]) => Math.max(...of.map(({ peakBytes }) => peakBytes));
    const peaks = { uploader: peak(uploaders), downloader: peak(downloaders) };
    if (this.#options.sabotage !== "stuck") {
      for (const agent of agents) {
        if (!(await agent.stop()))
          this.#findings.add("stuck", agent.name, "it does not stop when it is asked to");
      }
    }
    await this.#watcher.settled();
    this.#swapped.check();
    const repeated = explainRepetitions({
      repetitions: this.#watcher.repetitions,
      uploaders,
      counters: this.#counters,
      findings: this.#findings,
    });
    const compared = await this.#watcher.compareAll();
    this.#sayMore();
    const { seed, minutes } = this.#options;
    const skipped = noSmallDisks === undefined ? [] : [`fault fill-disk: ${noSmallDisks}`];
    for (const name of this.#options.without) skipped.push(`fault ${name}: --without`);
    return {
      seed,
      minutes,
      findings: this.#findings.all,
      kills: this.#counters.kills,
      killsInFlight: this.#counters.killsInFlight,
      versions: this.#truth.deliveredStates,
      compared,
      taken: this.#truth.taken,
      repeated,
      unseen: this.#watcher.unseen,
      ways: ways.map((way) => ({ name: way.name, taken: this.#taken(way) })),
      faults: this.#plan.counts,
      skipped,
      peaks,
      sabotaged: this.#options.sabotage !== undefined,
    };
  }

  /** What is known of the files that went wrong. */
  #sayMore(): void {
    for (const { kind, what, why, atMs } of this.#findings.all.slice(0, maxExcerpts))
      this.#say(`\n${kind}: ${what}: ${why}\n${this.#journal.excerpt(what, atMs)}`);
  }

  #readLogs(): void {
    for (const agent of this.#stage.agents) agent.readLog();
    const lines = this.#brokerLog.take().map(({ message }) => message);
    for (const message of lines) this.#counters.ways.line("broker", message);
    // The broker begins its own anew with each start.
    if (lines.length > 0) appendFileSync(join(this.#options.folder, "broker.log"), `${lines.join("\n")}\n`);
  }

  #taken(way: Way): number {
    const counted = this.#stage.agents.map(({ metrics }) => (way.metric ? metrics.taken(way.metric) : 0));
    return counted.reduce((sum, count) => sum + count, this.#counters.ways.taken(way));
  }

  #progress(): string {
    const { kills, killsInFlight } = this.#counters;
    const recoveries = ways.reduce((sum, way) => sum + this.#taken(way), 0);
    const peak = (of: readonly ChaosAgent[]) => mebibytes(Math.max(...of.map(({ peakBytes }) => peakBytes)));
    const { uploaders, downloaders, agents } = this.#stage;
    for (const { name, role, peakBytes } of agents) {
      if (peakBytes > memoryGoals[role] && !this.#tooLarge.has(name)) {
        this.#tooLarge.add(name);
        this.#say(`${name} has passed its memory goal: ${mebibytes(peakBytes)} MiB`);
      }
    }
    const minute = ((Date.now() - this.#startedMs) / 60_000).toFixed(1);
    return [
      `minute ${minute}`,
      `${this.#truth.deliveredStates} published`,
      `${this.#truth.outstanding().length} on their way`,
      `${kills} kills (${killsInFlight} in flight)`,
      `${recoveries} recoveries`,
      `peaks ${peak(uploaders)}/96 ${peak(downloaders)}/128 MiB`,
      `${this.#findings.all.length} found`,
    ].join(", ");
  }
}
