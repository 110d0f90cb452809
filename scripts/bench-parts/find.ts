/** What `find` takes on a ledger of some size: for one file of one uploader, one of any uploader, and all that there are. */
import type { Bench } from "./bench.ts";
import { printTable } from "./table.ts";
import { type Ran, runMeasured } from "./usage.ts";

/** @param uploader that has files */
export async function measureFind(
  { executable }: Bench,
  brokers: string,
  topic: string,
  uploader: string,
): Promise<void> {
  const find = (...args: string[]) =>
    runMeasured([
      executable,
      "find",
      ...args,
      "--set",
      `kafka.brokers=${brokers}`,
      "--set",
      `kafka.topic=${topic}`,
    ]);
  const path = "2025/0.bin";
  printTable(
    "find on that ledger",
    ["", "lines", "seconds", "CPU s", "peak MiB"],
    [
      ["a path of one uploader", ...shown(await find(path, "--uploader", uploader))],
      ["a path of any uploader", ...shown(await find(path))],
      ["every file", ...shown(await find())],
      ["every file, --json", ...shown(await find("--json"))],
    ],
  );
}

function shown({ output, seconds, cpuSeconds, peakBytes }: Ran): string[] {
  const lines = output.split("\n").length - 1;
  return [String(lines), seconds.toFixed(2), cpuSeconds.toFixed(2), (peakBytes / 2 ** 20).toFixed(1)];
}
