/** One process of the executable. Its log goes to a file, so that reading it costs the measured side nothing. */
import { closeSync, openSync, readSync, writeFileSync } from "node:fs";
import { waitUntil } from "../../test/support/wait.ts";

export type Settings = { readonly [key: string]: unknown };

export interface Line {
  /** When it was logged, milliseconds since 1970. */
  atMs: number;
  message: string;
}

const patienceMs = 600_000;
const stopMs = 45_000;

export class Agent {
  readonly #process: Bun.Subprocess;
  readonly #log: number;
  readonly #lines: Line[] = [];
  #readTo = 0;
  #rest = "";

  private constructor(process: Bun.Subprocess, log: number) {
    this.#process = process;
    this.#log = log;
  }

  /** @param base path of its two files, the configuration and the log */
  static async start(executable: string, base: string, settings: Settings): Promise<Agent> {
    writeFileSync(`${base}.yaml`, JSON.stringify(settings)); // JSON is YAML
    const log = openSync(`${base}.log`, "w+");
    const child = Bun.spawn([executable, "--config", `${base}.yaml`], {
      env: { PATH: process.env.PATH ?? "", TZ: "UTC" },
      stdin: "ignore",
      stdout: log,
      stderr: log,
    });
    return new Agent(child, log);
  }

  get pid(): number {
    return this.#process.pid;
  }

  /** The lines so far that match. */
  lines(pattern: RegExp): Line[] {
    this.#read();
    return this.#lines.filter(({ message }) => pattern.test(message));
  }

  /** Waits until so many lines match, and returns them. */
  async waitFor(pattern: RegExp, count = 1): Promise<Line[]> {
    let counted = 0;
    let found = 0;
    const enough = () => {
      this.#read();
      for (; counted < this.#lines.length; counted++) {
        if (pattern.test(this.#lines[counted]?.message ?? "")) found++;
      }
      if (found >= count) return true;
      if (this.#process.exitCode !== null) throw new Error(`the agent has ended\n${this.#tail()}`);
      return false;
    };
    const detail = () => `${found} so far\n${this.#tail()}`;
    await waitUntil(`the log says ${count} times ${pattern}`, enough, { timeoutMs: patienceMs, detail });
    return this.lines(pattern);
  }

  signal(name: NodeJS.Signals): void {
    this.#process.kill(name);
  }

  /** Ends it at once. */
  async kill(): Promise<void> {
    this.#process.kill("SIGKILL");
    await this.#process.exited;
    closeSync(this.#log);
  }

  async stop(): Promise<void> {
    this.#process.kill("SIGTERM");
    const timer = setTimeout(() => this.#process.kill("SIGKILL"), stopMs);
    await this.#process.exited;
    clearTimeout(timer);
    closeSync(this.#log);
  }

  #read(): void {
    const buffer = Buffer.alloc(1 << 16);
    for (;;) {
      const bytes = readSync(this.#log, buffer, 0, buffer.length, this.#readTo);
      if (bytes === 0) return;
      this.#readTo += bytes;
      const lines = (this.#rest + buffer.toString("latin1", 0, bytes)).split("\n");
      this.#rest = lines.pop() ?? "";
      for (const line of lines) this.#lines.push(parse(line));
    }
  }

  #tail(): string {
    return this.#lines
      .slice(-20)
      .map(({ message }) => message)
      .join("\n");
  }
}

/** `[20250415 20:30:49.202] LEVEL [name] message` */
function parse(line: string): Line {
  const [, date = "", time = "", message = line] =
    /^\[(\d{8}) ([\d:.]{12})\] [A-Z]+ \[[^\]]*\] (.*)$/.exec(line) ?? [];
  const day = `${date.slice(0, 4)}-${date.slice(4, 6)}-${date.slice(6)}`;
  return { atMs: Date.parse(`${day}T${time}Z`), message };
}
