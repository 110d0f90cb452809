/** One agent of the run: an executable that is killed, stopped and started again under the same name, and what its log says. */
import { writeFileSync } from "node:fs";
import { AgentProcess } from "../../test/support/agent-process.ts";
import type { Faults } from "../../test/support/faults.ts";
import { LogFile } from "../../test/support/log-file.ts";
import type { Link } from "../../test/support/toxiproxy.ts";
import { type LogLine, parseLine } from "./log-line.ts";
import { RecoveryMetrics } from "./recovery-metrics.ts";

export type Settings = { readonly [key: string]: unknown };
export type AgentRole = "uploader" | "downloader";

export interface AgentOptions {
  name: string;
  role: AgentRole;
  /** Its way to the broker. */
  link: Link;
  executable: string;
  /** Where it serves its metrics; the second is for one that is started beside the first. */
  httpPorts: readonly [number, number];
  /** Path of its two files, the configuration and the log. */
  base: string;
  settings: Settings;
  /** What its own machine does to it. */
  faults: Faults;
  onLine(agent: ChaosAgent, line: LogLine): void;
  /** It ended, and nobody had killed it. */
  onEnd(agent: ChaosAgent, how: string): void;
}

const inFlightMs = 1000;
const statusMs = 5000;

export class ChaosAgent {
  readonly name: string;
  readonly role: AgentRole;
  readonly link: Link;
  readonly faults: Faults;
  readonly #options: AgentOptions;
  readonly metrics: RecoveryMetrics;
  readonly #log: LogFile<LogLine>;
  /** Files that are begun and not ended, by their names in the log. */
  readonly #begun = new Set<string>();
  readonly #killedAtMs: number[] = [];
  #process: AgentProcess | undefined;
  #expectEnd = false;
  #lastChunkMs = 0;
  #peakBytes = 0;
  #generation = 0;
  #httpPortAt = 0;
  #isContested = false;

  constructor(options: AgentOptions) {
    this.#options = options;
    this.name = options.name;
    this.role = options.role;
    this.link = options.link;
    this.faults = options.faults;
    this.metrics = new RecoveryMetrics(this.#httpPort);
    this.#log = new LogFile(`${options.base}.log`, parseLine);
    writeFileSync(`${options.base}.yaml`, JSON.stringify(options.settings)); // JSON is YAML
  }

  /** Changes with each disturbance: what it remembered before may be gone. */
  get generation(): number {
    return this.#generation;
  }

  get isRunning(): boolean {
    return this.#process?.isRunning ?? false;
  }

  /** The most memory that any of its processes had, bytes. */
  get peakBytes(): number {
    this.#lookAtMemory();
    return this.#peakBytes;
  }

  /** Whether chunks were under way a moment ago. */
  get isInFlight(): boolean {
    this.readLog();
    return this.isRunning && this.#begun.size > 0 && Date.now() - this.#lastChunkMs < inFlightMs;
  }

  /** Whether anything is begun and not ended, however long ago. */
  get isBusy(): boolean {
    return this.#begun.size > 0;
  }

  /** What it says of itself when it is asked. */
  status(): Promise<string> {
    return statusAt(this.#httpPort);
  }

  /** What the two of its name say of themselves. */
  statuses(): Promise<string[]> {
    return Promise.all(this.#options.httpPorts.map(statusAt));
  }

  get #httpPort(): number {
    return this.#options.httpPorts[this.#httpPortAt % 2] as number;
  }

  isSending(path: string): boolean {
    return this.#begun.has(path);
  }

  wasKilledSince(ms: number): boolean {
    return this.#killedAtMs.some((atMs) => atMs >= ms);
  }

  start(): void {
    this.#begun.clear();
    this.metrics.restarted();
    this.#expectEnd = false;
    const { executable, base, faults } = this.#options;
    const listen = `http.listen=127.0.0.1:${this.#httpPort}`;
    const env = { TMPDIR: process.env.TMPDIR ?? "/tmp", ...faults.env };
    const args = ["--config", `${base}.yaml`, "--set", listen];
    const child = new AgentProcess(args, { executable, env, log: this.#log.descriptor });
    this.#process = child;
    void child.ended().then((how) => {
      if (this.#process !== child || this.#expectEnd || this.#isContested) return;
      this.#options.onEnd(this, `exit code ${how}`);
    });
  }

  /** As a power cut of this one program: kill -9. */
  async kill(): Promise<void> {
    this.#lookAtMemory();
    this.#expectEnd = true;
    this.#killedAtMs.push(Date.now());
    this.disturbed();
    await this.#process?.kill();
    this.readLog();
  }

  /** Freezes its process, and starts another one in its place; gives both. From then until `decided` one of them may end by itself. */
  usurp(): { first: AgentProcess; second: AgentProcess } | undefined {
    const first = this.#process;
    if (!first || !this.isRunning) return undefined;
    this.#isContested = true;
    this.#lookAtMemory();
    this.disturbed();
    // Its last words and what it had begun are as after a kill.
    this.#killedAtMs.push(Date.now());
    // Either of them may send what the other has sent, until one has seen that the name is not its own: as after a kill.
    this.#killedAtMs.push(Date.now());
    first.signal("SIGSTOP");
    this.#changePort();
    this.start();
    return { first, second: this.#process as AgentProcess };
  }

  /** The name is this process' from now on; none: it is started anew. */
  decided(holder: AgentProcess | undefined): void {
    this.#isContested = false;
    this.#killedAtMs.push(Date.now());
    if (holder && holder !== this.#process) this.#changePort();
    if (holder) this.#process = holder;
    else this.start();
  }

  /** Two that run side by side can't have the same. */
  #changePort(): void {
    this.#httpPortAt++;
    this.metrics.port = this.#httpPort;
  }

  freeze(): void {
    this.disturbed();
    this.#process?.signal("SIGSTOP");
  }

  thaw(): void {
    this.#process?.signal("SIGCONT");
  }

  disturbed(): void {
    this.#generation++;
  }

  /** Ends it in order, and tells whether that worked. */
  async stop(): Promise<boolean> {
    const child = this.#process;
    if (!child || !this.isRunning) return true;
    this.#lookAtMemory();
    this.#expectEnd = true;
    const ended = await child.stop();
    if (!ended) await this.kill();
    this.readLog();
    return ended;
  }

  /** Reads on in its log. */
  readLog(): void {
    for (const line of this.#log.take()) {
      this.#follow(line);
      this.#options.onLine(this, line);
    }
  }

  #follow({ message, atMs }: LogLine): void {
    const begun =
      /^(.*): \d+ bytes, creating \d+ \d+-byte chunks$/.exec(message) ??
      /^(.*) \(\d+\/\d+\): first chunk, /.exec(message);
    const ended = /^(.*): (successfully processed|given up|merge complete|failed)/.exec(message);
    if (begun?.[1] !== undefined) this.#begun.add(begun[1]);
    if (ended?.[1] !== undefined) this.#begun.delete(ended[1]);
    if (begun || / chunk(,| uploaded$)/.test(message)) this.#lastChunkMs = atMs;
  }

  #lookAtMemory(): void {
    if (!this.#process?.isRunning) return;
    try {
      this.#peakBytes = Math.max(this.#peakBytes, this.#process.peakMemoryBytes());
    } catch {
      // It has ended since; what it had a moment ago is known.
    }
  }
}

async function statusAt(port: number): Promise<string> {
  const signal = AbortSignal.timeout(statusMs);
  return fetch(`http://127.0.0.1:${port}/api/status`, { signal }).then(
    (response) => response.text(),
    (error: unknown) => `no answer: ${error}`,
  );
}
