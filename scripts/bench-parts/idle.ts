/** What it costs to watch 10,000 files in which nothing happens, with the default rescan of a minute: the time has a rescan in it. */

import { cpuSeconds, residentBytes } from "../../test/support/proc.ts";
import type { Bench } from "./bench.ts";
import { writeMany } from "./files.ts";
import { printTable } from "./table.ts";

const files = 10_000;
const goalPercent = 1;
/** Until nothing of the sending is left to do. */
const calmMs = 15_000;

export async function measureIdle(bench: Bench): Promise<void> {
  const seconds = bench.full ? 180 : 60;
  const tree = await bench.newFolder("tree");
  writeMany(tree, files, 64);
  const topic = bench.newTopic();
  const uploader = await bench.uploader(topic, tree);
  const downloader = await bench.downloader(topic, await bench.newFolder("output"));
  await uploader.waitFor(/: successfully processed/, files);
  await downloader.waitFor(/: merge complete/, files);
  await Bun.sleep(calmMs);
  const pids = [uploader.pid, downloader.pid];
  const before = pids.map(cpuSeconds);
  await Bun.sleep(seconds * 1000);
  const percent = pids.map((pid, at) => ((cpuSeconds(pid) - (before[at] ?? 0)) / seconds) * 100);
  const resident = pids.map((pid) => residentBytes(pid) / 2 ** 20);
  printTable(
    `Idle: ${files} files watched, over ${seconds} s`,
    ["", "% of a core", "resident MiB"],
    [`uploader (goal ${goalPercent} %)`, "downloader"].map((name, at) => [
      name,
      percent[at]?.toFixed(2) ?? "",
      resident[at]?.toFixed(1) ?? "",
    ]),
  );
}
