/** Size of the executable, and how fast it starts from a warm disk cache. */
import { stat } from "node:fs/promises";
import { join } from "node:path";
import type { Bench } from "./bench.ts";
import { printTable, spread } from "./table.ts";

const rounds = 20;

export async function measureStart(bench: Bench): Promise<void> {
  const { size } = await stat(bench.executable);
  const watch = await bench.newFolder("watch");
  const config = join(watch, "../start.yaml");
  // Nobody listens there: only the start counts.
  const uploader = { watch: [{ path: watch }] };
  await Bun.write(config, JSON.stringify({ role: "uploader", kafka: { brokers: "127.0.0.1:1" }, uploader }));
  const row = async (name: string, args: readonly string[]) => [name, ...spread(await time(bench, args), 1)];
  printTable(
    `Start: ${(size / 1e6).toFixed(0)} MB in one file; medians of ${rounds} starts, the disk's cache is warm`,
    ["", "ms", ""],
    [
      await row("--version, to the end", ["--version"]),
      await row("check, to the end", ["check", "--config", config]),
      await row("run, to its first log line", ["run", "--config", config]),
    ],
  );
}

/** Milliseconds to the first output, or to the end for a command that ends by itself. */
async function time(bench: Bench, args: readonly string[]): Promise<number[]> {
  const times: number[] = [];
  for (let round = 0; round <= rounds; round++) {
    const began = performance.now();
    const child = Bun.spawn([bench.executable, ...args], { env: {}, stdin: "ignore", stdout: "pipe" });
    if (args[0] === "run") {
      await child.stdout.getReader().read();
      times.push(performance.now() - began);
      child.kill("SIGKILL");
      await child.exited;
    } else {
      if ((await child.exited) !== 0) throw new Error(`${args.join(" ")} failed`);
      times.push(performance.now() - began);
    }
  }
  return times.slice(1);
}
