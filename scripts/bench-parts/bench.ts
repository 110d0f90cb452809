/** What the parts measure with: folders, a broker, agents. `clear` takes all of it away again. */
import { mkdir, rm } from "node:fs/promises";
import { join } from "node:path";
import { type Kafka, startKafka } from "../../test/support/kafka.ts";
import { Agent, type Settings } from "./agent.ts";
import type { LedgerSizes } from "./ledger-sizes.ts";

export interface BenchOptions {
  folder: string;
  /** Also what takes minutes. */
  full: boolean;
  rounds: number;
  largeBytes: number;
  ledgerSizes: LedgerSizes;
}

export class Bench {
  readonly executable: string;
  readonly full: boolean;
  readonly rounds: number;
  readonly largeBytes: number;
  readonly ledgerSizes: LedgerSizes;
  readonly #folder: string;
  readonly #agents = new Set<Agent>();
  readonly #made: string[] = [];
  #kafka: Kafka | undefined;
  #count = 0;

  constructor(options: BenchOptions) {
    const { folder, full, rounds, largeBytes, ledgerSizes } = options;
    this.#folder = folder;
    this.executable = join(folder, "streamsend-agent");
    this.full = full;
    this.rounds = rounds;
    this.largeBytes = largeBytes;
    this.ledgerSizes = ledgerSizes;
  }

  /** A new, empty folder; gone with `clear`. */
  async newFolder(name: string): Promise<string> {
    const path = join(this.#folder, `${this.#count++}-${name}`);
    await mkdir(path);
    this.#made.push(path);
    return path;
  }

  /** A name that no run has used. */
  newTopic(): string {
    return `bench-${this.#count++}`;
  }

  /** The broker, started when it is first needed. */
  async kafka(): Promise<Kafka> {
    // What a deleted topic held leaves the disk at once, not in the middle of the next run.
    this.#kafka ??= await startKafka({ settings: { "log.segment.delete.delay.ms": 0 }, logLevel: "warn" });
    return this.#kafka;
  }

  async uploader(topic: string, watch: string, settings: Settings = {}): Promise<Agent> {
    const uploader = { watch: [{ path: watch }], settle: "100ms", ...inner(settings, "uploader") };
    return this.#start("uploader", topic, { ...settings, uploader });
  }

  async downloader(topic: string, output: string, settings: Settings = {}): Promise<Agent> {
    const downloader = { output, ...inner(settings, "downloader") };
    return this.#start("downloader", topic, { ...settings, downloader });
  }

  /** Ends an agent in order. */
  async stop(...agents: readonly Agent[]): Promise<void> {
    await Promise.all(agents.map((agent) => agent.stop()));
    for (const agent of agents) this.#agents.delete(agent);
  }

  /** Ends an agent as a power cut would. */
  async kill(agent: Agent): Promise<void> {
    this.#agents.delete(agent);
    await agent.kill();
  }

  /** Removes a folder before the end: for what would fill the disk. */
  async clearFolder(path: string): Promise<void> {
    await rm(path, { recursive: true, force: true });
  }

  /** Ends all agents in order. */
  stopAll(): Promise<void> {
    return this.stop(...this.#agents);
  }

  async clear(): Promise<void> {
    await this.stopAll();
    await this.#kafka?.stop();
    this.#kafka = undefined;
    for (const path of this.#made.splice(0)) await rm(path, { recursive: true, force: true });
  }

  async #start(role: string, topic: string, settings: Settings): Promise<Agent> {
    const given = inner(settings, "kafka");
    const brokers = given.brokers ?? (await this.kafka()).bootstrap;
    const kafka = { brokers, topic, ...given };
    // Everything else is the default: the ledger, the line for each chunk, the settings that bound memory.
    const config = { role, name: role, http: { listen: "off" }, ...settings, kafka };
    const agent = new Agent(this.executable, join(this.#folder, `${this.#count++}-${role}`), config);
    this.#agents.add(agent);
    return agent;
  }
}

/** The settings of one of the configuration's sections; none where it is not given. */
function inner(settings: Settings, section: string): Settings {
  return (settings[section] ?? {}) as Settings;
}
