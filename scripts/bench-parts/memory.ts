/** Peaks of resident memory (VmHWM), each case with new processes: for a small and a large file, and in bad weather. */
import { mkdir, rename, rm } from "node:fs/promises";
import { dirname, join } from "node:path";
import { peakBytes } from "../../test/support/proc.ts";
import type { Agent } from "./agent.ts";
import type { Bench } from "./bench.ts";
import { writeLarge } from "./files.ts";
import { deleteTopic } from "./kafka-tools.ts";
import { makeSlowDisk } from "./slow-disk.ts";
import { printTable } from "./table.ts";

const smallBytes = 100_000_000;
const slowBytesPerSecond = 50_000_000;
const outageSeconds = 60;

interface Peaks {
  uploader: number;
  downloader: number;
  seconds: number;
}

/** What happens while the file is on its way. */
type Weather = (uploader: Agent) => Promise<void>;
const fair: Weather = async () => undefined;

export async function measureMemory(bench: Bench): Promise<void> {
  const kafka = await bench.kafka();
  const sources = await bench.newFolder("sources");
  const [small, large] = [join(sources, "small.bin"), join(sources, "large.bin")];
  writeLarge(small, smallBytes);
  writeLarge(large, bench.largeBytes);
  const rows: string[][] = [];
  const row = (name: string, peaks: Peaks) =>
    rows.push([name, mebibytes(peaks.uploader), mebibytes(peaks.downloader), peaks.seconds.toFixed(1)]);
  const largeName = `${(bench.largeBytes / 1e9).toFixed(1)} GB`;

  row("100 MB", await peaksOf(bench, small, await bench.newFolder("output"), fair));
  row(largeName, await peaksOf(bench, large, await bench.newFolder("output"), fair));
  if (bench.full) {
    const outage: Weather = async (uploader) => {
      await uploader.waitFor(/chunk uploaded/, 200);
      await kafka.halt();
      await Bun.sleep(outageSeconds * 1000);
      await kafka.restart(["--with", String(process.pid)]);
    };
    const peaks = await peaksOf(bench, large, await bench.newFolder("output"), outage);
    row(`${largeName}, the broker stopped for ${outageSeconds} s in the middle`, peaks);
  }
  const slow = await makeSlowDisk(
    dirname(sources),
    Math.ceil(bench.largeBytes * 1.2 + 600e6),
    slowBytesPerSecond,
  );
  if (typeof slow !== "string") {
    try {
      const output = join(slow.path, "output");
      await mkdir(output);
      const name = `${largeName}, an output that takes ${slowBytesPerSecond / 1e6} MB/s`;
      row(name, await peaksOf(bench, large, output, fair));
    } finally {
      await slow.remove();
    }
  }
  printTable(
    "Memory: most that was ever resident, MiB",
    ["", "uploader (goal 80)", "downloader (goal 96)", "seconds for the file"],
    rows,
  );
  if (typeof slow === "string") console.log(`\n  An output on a slow disk is left out: ${slow}.`);
  if (!bench.full) console.log("\n  With --full: 4 GB, and a broker that is stopped in the middle.");
}

async function peaksOf(bench: Bench, file: string, output: string, weather: Weather): Promise<Peaks> {
  const kafka = await bench.kafka();
  const topic = bench.newTopic();
  const watch = await bench.newFolder("watch");
  const watched = join(watch, "file.bin");
  await rename(file, watched);
  const downloader = await bench.downloader(topic, output);
  const uploader = await bench.uploader(topic, watch);
  await weather(uploader);
  const [merged] = await downloader.waitFor(/file\.bin: merge complete/);
  await uploader.waitFor(/file\.bin: successfully processed/);
  const [began] = uploader.lines(/^file\.bin: \d+ bytes, creating/);
  const peaks = {
    uploader: peakBytes(uploader.pid),
    downloader: peakBytes(downloader.pid),
    seconds: ((merged?.atMs ?? Number.NaN) - (began?.atMs ?? Number.NaN)) / 1000,
  };
  await bench.stop(uploader, downloader);
  await rename(watched, file);
  await rm(output, { recursive: true });
  await deleteTopic(kafka.bootstrap, topic);
  return peaks;
}

function mebibytes(bytes: number): string {
  return (bytes / 2 ** 20).toFixed(1);
}
