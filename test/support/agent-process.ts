/** One process of the compiled executable: started, listened to, signalled, measured, and stopped for certain. */
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { patienceMs, waitUntil } from "./wait.ts";

/** What the end-to-end tests are about. */
export const executable =
  process.env.STREAMSEND_EXECUTABLE ?? join(import.meta.dir, "../../dist/streamsend-agent");

export interface StartOptions {
  /** Before the executable on the command line: an emulator, a namespace. It must exec, not fork. */
  launcher?: readonly string[];
  executable?: string;
  cwd?: string;
  env?: Readonly<Record<string, string>>;
}

export class AgentProcess {
  readonly #child: Bun.Subprocess<"ignore", "pipe", "pipe">;
  readonly #title: string;
  readonly #read: Promise<unknown>;
  #output = "";
  #errors = "";

  constructor(args: readonly string[], options: StartOptions = {}) {
    this.#title = args.join(" ");
    this.#child = Bun.spawn([...(options.launcher ?? []), options.executable ?? executable, ...args], {
      cwd: options.cwd ?? "/",
      // Nothing of the environment that the tests run in, or a variable there would decide their outcome.
      env: { PATH: process.env.PATH ?? "", TZ: "UTC", ...options.env },
      stdin: "ignore",
      stdout: "pipe",
      stderr: "pipe",
    });
    this.#read = Promise.all([
      collect(this.#child.stdout, (text) => {
        this.#output += text;
      }),
      collect(this.#child.stderr, (text) => {
        this.#errors += text;
      }),
    ]);
  }

  get pid(): number {
    return this.#child.pid;
  }

  get isRunning(): boolean {
    return this.#child.exitCode === null && this.#child.signalCode === null;
  }

  /** Standard output so far. */
  get output(): string {
    return this.#output;
  }

  /** Standard error so far. */
  get errors(): string {
    return this.#errors;
  }

  /** The messages of the log so far, without time, level and name. */
  get messages(): string[] {
    return this.#output.split("\n").map((line) => line.replace(/^\[[^\]]*\] [A-Z]+ \[[^\]]*\] /, ""));
  }

  /** The match of a line of standard output, now or later. Fails when the process ends without it. */
  async waitForLine(pattern: RegExp, timeoutMs = patienceMs): Promise<RegExpExecArray> {
    const inLine = new RegExp(pattern.source, `${pattern.flags.replace("m", "")}m`);
    const seen = () => inLine.exec(this.#output) ?? undefined;
    const find = async () => {
      const match = seen();
      if (match || this.isRunning) return match;
      await this.#read;
      return seen() ?? "none";
    };
    const match = await waitUntil(`the log says ${pattern}`, find, {
      timeoutMs,
      detail: () => this.report(),
    });
    if (match === "none") throw new Error(`ended without saying ${pattern}\n${this.report()}`);
    return match;
  }

  /** The exit code, once it has ended by itself; null after a signal. Everything it wrote has been read then. */
  async waitForExit(timeoutMs = patienceMs): Promise<number | null> {
    await waitUntil("the process ends", () => !this.isRunning, { timeoutMs, detail: () => this.report() });
    await this.#read;
    return this.#child.exitCode;
  }

  signal(name: NodeJS.Signals): void {
    this.#child.kill(name);
  }

  /** Ends it at once, if it has not ended; resolves when it is gone. */
  async kill(): Promise<void> {
    this.#child.kill("SIGKILL");
    await this.#child.exited;
    await this.#read;
  }

  /** The most memory that was ever resident, bytes; while it runs. */
  async peakMemoryBytes(): Promise<number> {
    const status = await readFile(`/proc/${this.pid}/status`, "utf8");
    const kibibytes = /^VmHWM:\s+(\d+) kB$/m.exec(status)?.[1];
    if (kibibytes === undefined) throw new Error(`no VmHWM of process ${this.pid}`);
    return Number(kibibytes) * 1024;
  }

  /** What it was, how it is, and the end of what it wrote; for the message of a failed test. */
  report(): string {
    const state = this.isRunning
      ? "is running"
      : `ended with ${this.#child.exitCode ?? this.#child.signalCode}`;
    const tail = (text: string) => text.split("\n").slice(-30).join("\n");
    return `--- ${this.#title}: ${state}\n${tail(this.#output)}${tail(this.#errors)}`;
  }
}

async function collect(stream: ReadableStream<Uint8Array>, add: (text: string) => void): Promise<void> {
  const decoder = new TextDecoder();
  for await (const bytes of stream) add(decoder.decode(bytes, { stream: true }));
}
