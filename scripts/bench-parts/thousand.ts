/**
 * A thousand uploaders with ten files each, against one with all of them: the same bytes to a downloader of their own, turn by turn,
 * from its first line about one of the files to the "merge complete" of the last. The uploaders are those of test/support/crowd.ts:
 * the agent's own role, a thousand times in one process, as a thousand processes need more memory than this machine has. All hold
 * their names before the first one sends: starting is not what is measured.
 */
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { differences } from "../../test/support/compare.ts";
import { Crowd } from "../../test/support/crowd.ts";
import { cpuSeconds, peakBytes } from "../../test/support/proc.ts";
import type { Bench } from "./bench.ts";
import { syncDisks, writeMany } from "./files.ts";
import { deleteTopic } from "./kafka-tools.ts";
import { median, printTable, spread } from "./table.ts";

const uploaders = 1000;
const files = 10_000;
const fileBytes = 4096;
const goalRatio = 0.5;
const goalMebibytes = 128;

export interface CrowdRun {
  seconds: number;
  /** Of the downloader: what is slower without costing it more waits for the uploaders, which share a process. */
  cpuSeconds: number;
  peakMebibytes: number;
}

export async function measureThousand(bench: Bench): Promise<void> {
  const runs = { one: [] as CrowdRun[], many: [] as CrowdRun[] };
  for (let round = 0; round < bench.rounds; round++) {
    // Which comes first changes, as a machine that becomes slower would favour the first.
    for (const which of round % 2 === 0 ? (["one", "many"] as const) : (["many", "one"] as const))
      runs[which].push(await receiveFrom(bench, which === "one" ? 1 : uploaders, files));
  }
  const seconds = (which: CrowdRun[]) => which.map((one) => one.seconds);
  const peak = (which: CrowdRun[]) => Math.max(...which.map((one) => one.peakMebibytes)).toFixed(1);
  const cpu = (which: CrowdRun[]) => median(which.map((one) => one.cpuSeconds)).toFixed(1);
  const ratios = seconds(runs.one).map((one, at) => one / (runs.many[at]?.seconds ?? Number.NaN));
  printTable(
    `A thousand uploaders: ${files} files of ${fileBytes} bytes in all; ${bench.rounds} rounds`,
    ["", "seconds", "", "downloader's CPU s", `and peak MiB (goal ${goalMebibytes})`],
    [
      ["from one uploader", ...spread(seconds(runs.one), 2), cpu(runs.one), peak(runs.one)],
      [`from ${uploaders}`, ...spread(seconds(runs.many), 2), cpu(runs.many), peak(runs.many)],
      [
        `rate from ${uploaders}, of that from one (goal ${goalRatio})`,
        median(ratios).toFixed(2),
        spread(ratios, 2)[1] ?? "",
        "",
        "",
      ],
    ],
  );
}

/** Files of 4 KiB of so many uploaders, which share them evenly, to one downloader. */
export async function receiveFrom(bench: Bench, count: number, files: number): Promise<CrowdRun> {
  const { bootstrap } = await bench.kafka();
  const topic = bench.newTopic();
  const [sources, output] = [await bench.newFolder("sources"), await bench.newFolder("output")];
  const names = Array.from({ length: count }, (_, at) => `till-${at}`);
  for (const name of names) {
    mkdirSync(join(sources, name));
    writeMany(join(sources, name), files / count, fileBytes);
  }
  await syncDisks();
  const downloader = await bench.downloader(topic, output);
  const crowd = await Crowd.open({ brokers: bootstrap, topic });
  const go = Promise.withResolvers<void>();
  const { failed } = await crowd.uploaders(names, (name) => join(sources, name), go.promise);
  const cpuBefore = cpuSeconds(downloader.pid);
  go.resolve();
  const published = await downloader.waitFor(/: merge complete/, files);
  const began = downloader.lines(/first chunk|final chunk/)[0]?.atMs ?? Number.NaN;
  const problems = `${await failed} files can't be sent; ${await differences(sources, output)}`;
  if (problems !== "0 files can't be sent; ") throw new Error(problems);
  const used = {
    cpuSeconds: cpuSeconds(downloader.pid) - cpuBefore,
    peakMebibytes: peakBytes(downloader.pid) / 2 ** 20,
  };
  await crowd.close();
  await bench.stop(downloader);
  await deleteTopic(bootstrap, topic);
  return { seconds: ((published.at(-1)?.atMs ?? Number.NaN) - began) / 1000, ...used };
}
