/**
 * From a file's rename into the watch to its name in the output, as this machine's clock and the file system's events tell, with `settle: 0s`:
 * one small file at a time, alone and while the same uploader sends a large one: as fast as all of it goes, and at a rate at which nothing
 * piles up in the topic.
 */
import { watch as watchFolder } from "node:fs";
import { rename, writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { Agent, Settings } from "../agent.ts";
import type { Bench } from "../bench.ts";
import { writeLarge } from "../files.ts";
import { deleteTopic } from "../kafka-tools.ts";
import type { Report } from "./report.ts";
import type { Sizes } from "./sections.ts";

const smallBytes = 4096;
const leastFiles = 100;
const mostLarge = 8;
/** What both sides keep up with, beside a broker on the same machine. */
const rate = "50MB/s";

export async function measureLatency(bench: Bench, sizes: Sizes): Promise<Report> {
  const what = `while ${sizes.largeBytes / 1e6} MB are sent`;
  const full = await onStage(bench, {}, async (stage) => ({
    alone: await stage.latencies(() => false, leastFiles * 2),
    beside: await besideLargeOnes(stage, sizes),
  }));
  const besideSlow = await onStage(bench, { rate }, (stage) => besideLargeOnes(stage, sizes));
  const row = (name: string, values: readonly number[]) => [
    name,
    ...[0.5, 0.99].map((share) => percentile(values, share).toFixed(1)),
    String(values.length),
  ];
  return {
    tables: [
      {
        title: `Latency: from the rename of a file of ${smallBytes} bytes to its name in the output, settle 0s`,
        head: ["", "ms: p50", "p99", "files"],
        rows: [
          row("alone", full.alone),
          row(`${what}, as fast as this machine can`, full.beside),
          row(`${what}, at ${rate}`, besideSlow),
        ],
      },
    ],
  };
}

async function onStage<T>(bench: Bench, uploader: Settings, use: (stage: Stage) => Promise<T>): Promise<T> {
  const kafka = await bench.kafka();
  const topic = bench.newTopic();
  const stage = await Stage.open(bench, topic, uploader);
  const measured = await use(stage);
  await stage.close();
  await deleteTopic(kafka.bootstrap, topic);
  return measured;
}

/** A large file may be over before enough small ones have passed. */
async function besideLargeOnes(stage: Stage, { largeBytes }: Sizes): Promise<number[]> {
  const beside: number[] = [];
  for (let large = 0; large < mostLarge && beside.length < leastFiles; large++)
    beside.push(...(await stage.besideLarge(`large-${large}.bin`, largeBytes)));
  return beside;
}

interface Agents {
  uploader: Agent;
  downloader: Agent;
}

/** Where files are made, and the watch that they are renamed into. */
interface Folders {
  made: string;
  watched: string;
}

class Stage {
  readonly #bench: Bench;
  readonly #agents: Agents;
  readonly #folders: Folders;
  readonly #seen: (name: string) => Promise<number>;
  readonly #close: () => void;
  #count = 0;

  private constructor(bench: Bench, agents: Agents, folders: Folders, events: ReturnType<typeof eventsOf>) {
    this.#bench = bench;
    this.#agents = agents;
    this.#folders = folders;
    this.#seen = events.seen;
    this.#close = events.close;
  }

  static async open(bench: Bench, topic: string, settings: Settings): Promise<Stage> {
    const made = await bench.newFolder("made");
    const [watched, output] = [await bench.newFolder("watch"), await bench.newFolder("output")];
    const uploader = await bench.uploader(topic, watched, { uploader: { settle: "0s", ...settings } });
    const downloader = await bench.downloader(topic, output);
    // The folder that is watched for events is there once a file is.
    await writeFile(join(watched, "first.txt"), "first");
    await downloader.waitFor(/first\.txt: merge complete/);
    const events = eventsOf(join(output, "uploader"));
    return new Stage(bench, { uploader, downloader }, { made, watched }, events);
  }

  /** Milliseconds of one file after the other, until it is over or there are so many. */
  async latencies(isOver: () => boolean, most = Number.POSITIVE_INFINITY): Promise<number[]> {
    const taken: number[] = [];
    while (taken.length < most && !isOver()) {
      const name = `${this.#count++}.bin`;
      writeLarge(join(this.#folders.made, name), smallBytes);
      const seen = this.#seen(name);
      const began = performance.now();
      await rename(join(this.#folders.made, name), join(this.#folders.watched, name));
      taken.push((await seen) - began);
      // Else the next one would wait for what this one still costs.
      await this.#agents.downloader.waitFor(new RegExp(`/${name}: merge complete`));
    }
    return taken;
  }

  async besideLarge(name: string, bytes: number): Promise<number[]> {
    const { uploader, downloader } = this.#agents;
    writeLarge(join(this.#folders.made, name), bytes);
    await rename(join(this.#folders.made, name), join(this.#folders.watched, name));
    const isLarge = new RegExp(`^(?:uploader/)?${name}`);
    await uploader.waitFor(new RegExp(`^${name}: .*chunk uploaded`));
    const isOver = () => downloader.lines(/merge complete/).some(({ message }) => isLarge.test(message));
    return this.latencies(isOver);
  }

  async close(): Promise<void> {
    this.#close();
    await this.#bench.stop(this.#agents.uploader, this.#agents.downloader);
  }
}

/** Tells when a name appears in a folder, by performance.now(). */
function eventsOf(folder: string): { seen(name: string): Promise<number>; close(): void } {
  const waiting = new Map<string, (atMs: number) => void>();
  const watcher = watchFolder(folder, (_, name) => {
    waiting.get(name ?? "")?.(performance.now());
    waiting.delete(name ?? "");
  });
  return {
    seen: (name) => new Promise((resolve) => waiting.set(name, resolve)),
    close: () => watcher.close(),
  };
}

/** The least of the values that so great a share of all does not exceed. */
function percentile(values: readonly number[], share: number): number {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[Math.ceil(sorted.length * share) - 1] ?? Number.NaN;
}
