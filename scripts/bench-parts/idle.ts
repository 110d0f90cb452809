/** What it costs to watch 10,000 files in which nothing happens, with the default rescan of a minute: the time has a rescan in it. */

import { cpuSeconds, residentBytes } from "../../test/support/proc.ts";
import type { Agent } from "./agent.ts";
import type { Bench } from "./bench.ts";
import { writeMany } from "./files.ts";
import { printTable } from "./table.ts";

const files = 10_000;
const goalPercent = 1;
/** Until nothing of a start, or of a sending, is left to do. */
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
  const costs = await idleCosts([uploader, downloader], seconds);
  printTable(
    `Idle: ${files} files watched, over ${seconds} s`,
    ["", "% of a core", "resident MiB"],
    [`uploader (goal ${goalPercent} %)`, "downloader"].map((name, at) => [
      name,
      costs[at]?.percent.toFixed(2) ?? "",
      costs[at]?.residentMebibytes.toFixed(1) ?? "",
    ]),
  );
}

/** What each takes of a core over so many seconds, once it is calm, and the memory that it has then. */
export async function idleCosts(
  agents: readonly Agent[],
  seconds: number,
): Promise<{ percent: number; residentMebibytes: number }[]> {
  await Bun.sleep(calmMs);
  const before = agents.map(({ pid }) => cpuSeconds(pid));
  await Bun.sleep(seconds * 1000);
  return agents.map(({ pid }, at) => ({
    percent: ((cpuSeconds(pid) - (before[at] ?? 0)) / seconds) * 100,
    residentMebibytes: residentBytes(pid) / 2 ** 20,
  }));
}
