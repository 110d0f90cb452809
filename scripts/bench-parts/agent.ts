/** An agent that is measured. Its log goes to a file, so that reading it costs the measured side nothing. */
import { writeFileSync } from "node:fs";
import { AgentProcess } from "../../test/support/agent-process.ts";
import { LogFile } from "../../test/support/log-file.ts";
import { waitUntil } from "../../test/support/wait.ts";

export type Settings = { readonly [key: string]: unknown };

export interface Line {
  /** When it was logged, milliseconds since 1970. */
  atMs: number;
  message: string;
}

const patienceMs = 600_000;

export class Agent {
  readonly #process: AgentProcess;
  readonly #log: LogFile<Line>;
  readonly #lines: Line[] = [];

  /** @param base path of its two files, the configuration and the log */
  constructor(executable: string, base: string, settings: Settings) {
    writeFileSync(`${base}.yaml`, JSON.stringify(settings)); // JSON is YAML
    this.#log = new LogFile(`${base}.log`, parse);
    const log = this.#log.descriptor;
    this.#process = new AgentProcess(["--config", `${base}.yaml`], { executable, log });
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
      if (!this.#process.isRunning) throw new Error(`the agent has ended\n${this.#tail()}`);
      return false;
    };
    const detail = () => `${found} so far\n${this.#tail()}`;
    await waitUntil(`the log says ${count} times ${pattern}`, enough, { timeoutMs: patienceMs, detail });
    return this.lines(pattern);
  }

  signal(name: NodeJS.Signals): void {
    this.#process.signal(name);
  }

  /** Ends it at once. */
  async kill(): Promise<void> {
    await this.#process.kill();
    this.#log.close();
  }

  async stop(): Promise<void> {
    await this.#process.stop();
    this.#log.close();
  }

  #read(): void {
    for (const line of this.#log.take()) this.#lines.push(line);
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
