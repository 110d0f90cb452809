/** One process of the executable: started, listened to, signalled, measured, and stopped for certain. */
import { join } from "node:path";
import { peakBytes } from "./proc.ts";
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
  /** A file that gets all that it writes, so that reading it costs it nothing; `output` and `errors` stay empty then. */
  log?: number;
}

const stopMs = 45_000;

export class AgentProcess {
  readonly #child: Bun.Subprocess;
  readonly #title: string;
  readonly #read: Promise<unknown>;
  #output = "";
  #errors = "";

  constructor(args: readonly string[], options: StartOptions = {}) {
    this.#title = args.join(" ");
    const { log = "pipe" } = options;
    this.#child = Bun.spawn([...(options.launcher ?? []), options.executable ?? executable, ...args], {
      cwd: options.cwd ?? "/",
      // Nothing of the environment that the tests run in, or a variable there would decide their outcome.
      env: { PATH: process.env.PATH ?? "", TZ: "UTC", ...options.env },
      stdin: "ignore",
      stdout: log,
      stderr: log,
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

  /** null: it runs, or a signal has ended it. */
  get exitCode(): number | null {
    return this.#child.exitCode;
  }

  /** Resolves when it has ended, with how. */
  async ended(): Promise<string> {
    await this.#child.exited;
    return this.#ending;
  }

  get #ending(): string {
    return String(this.#child.exitCode ?? this.#child.signalCode);
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

  /** Ends it in order, or at once when that takes too long; returns whether it ended by itself. */
  async stop(): Promise<boolean> {
    this.signal("SIGTERM");
    const ending = waitUntil("the process ends", () => !this.isRunning, { timeoutMs: stopMs });
    const isOver = await ending.catch(() => false);
    if (!isOver) await this.kill();
    return isOver;
  }

  /** The most memory that was ever resident, bytes; while it runs. */
  peakMemoryBytes(): number {
    return peakBytes(this.pid);
  }

  /** What it was, how it is, and the end of what it wrote; for the message of a failed test. */
  report(): string {
    const state = this.isRunning ? "is running" : `ended with ${this.#ending}`;
    const tail = (text: string) => text.split("\n").slice(-30).join("\n");
    return `--- ${this.#title}: ${state}\n${tail(this.#output)}${tail(this.#errors)}`;
  }
}

async function collect(stream: Bun.Subprocess["stdout"], add: (text: string) => void): Promise<void> {
  if (!(stream instanceof ReadableStream)) return;
  const decoder = new TextDecoder();
  for await (const bytes of stream) add(decoder.decode(bytes, { stream: true }));
}
