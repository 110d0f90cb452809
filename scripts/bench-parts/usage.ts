/** What commands take: time, CPU and memory of a process and of all that it starts. */
import { readdirSync, readFileSync } from "node:fs";
import { peakBytes } from "../../test/support/proc.ts";

export interface Cost {
  cpuSeconds: number;
  /** Of the processes that ran at the same time, the peaks of each added up: what they share is counted for each. */
  peakBytes: number;
}

export interface Ran extends Cost {
  /** From its start to its end. */
  seconds: number;
  output: string;
}

const pollMs = 20;

/** Runs a command to its end. Throws, with what it printed, when it fails. */
export async function runMeasured(
  command: readonly string[],
  env: Readonly<Record<string, string>> = {},
): Promise<Ran> {
  const began = performance.now();
  const child = Bun.spawn([...command], {
    env: { ...process.env, LC_ALL: "C", ...env },
    stdin: "ignore",
    stdout: "pipe",
    stderr: "pipe",
  });
  const peaks = new TreePeaks(child.pid, "with its root");
  const [output, errors, code] = await Promise.all([child.stdout.text(), child.stderr.text(), child.exited]);
  const seconds = (performance.now() - began) / 1000;
  if (code !== 0) throw new Error(`${command.join(" ")}: exit code ${code}\n${output}${errors}`);
  // With that of all that it has waited for.
  const cpuSeconds = Number(child.resourceUsage()?.cpuTime.total ?? Number.NaN) / 1e6;
  return { seconds, output, cpuSeconds, peakBytes: peaks.stop() };
}

/** The most memory that the processes below a root had together. */
export class TreePeaks {
  readonly #root: number;
  readonly #timer: Timer;
  readonly #withRoot: boolean;
  #most = 0;

  constructor(root: number, which: "with its root" | "without its root") {
    this.#root = root;
    this.#withRoot = which === "with its root";
    this.#look();
    this.#timer = setInterval(() => this.#look(), pollMs);
  }

  /** @returns bytes */
  stop(): number {
    clearInterval(this.#timer);
    return this.#most;
  }

  #look(): void {
    const waiting = this.#withRoot ? [this.#root] : childrenOf(this.#root);
    let together = 0;
    for (let pid = waiting.pop(); pid !== undefined; pid = waiting.pop()) {
      together += whileItRuns(() => peakBytes(pid)) ?? 0;
      waiting.push(...childrenOf(pid));
    }
    this.#most = Math.max(this.#most, together);
  }
}

/** The processes that it has started and that have not ended. */
export function childrenOf(pid: number): number[] {
  const tasks = whileItRuns(() => readdirSync(`/proc/${pid}/task`)) ?? [];
  return tasks.flatMap((task) => {
    const listed = whileItRuns(() => readFileSync(`/proc/${pid}/task/${task}/children`, "utf8")) ?? "";
    return listed.trim() === "" ? [] : listed.trim().split(" ").map(Number);
  });
}

/** undefined: the process has ended since it was listed, which a look at /proc says by any error. */
function whileItRuns<T>(look: () => T): T | undefined {
  try {
    return look();
  } catch {
    return undefined;
  }
}
