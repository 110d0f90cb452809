/** What the agent takes as something grows: the file, the number of files that are watched, the number of uploaders. */
import { join } from "node:path";
import { peakBytes } from "../../../test/support/proc.ts";
import type { Bench } from "../bench.ts";
import { writeLarge, writeMany } from "../files.ts";
import { idleCosts } from "../idle.ts";
import { deleteTopic } from "../kafka-tools.ts";
import { receiveFrom } from "../thousand.ts";
import { sendTogether } from "../transfer.ts";
import { runMeasured } from "../usage.ts";
import { lineChart } from "./chart.ts";
import type { Report } from "./report.ts";

const mebibyte = 2 ** 20;
const idleSeconds = 60;
const filesOfEach = 10;

/** @param largest the largest file, bytes; others are as many times as large as the one before, from 100 MB on, or a tenth of it */
export async function growFile(bench: Bench, largest: number): Promise<Report> {
  const kafka = await bench.kafka();
  const smallest = Math.min(100e6, largest / 10);
  const steps = [0, 1 / 4, 1 / 2, 3 / 4, 1];
  const sizes = steps.map((share) => Math.round(smallest * (largest / smallest) ** share));
  const measured: { bytes: number; up: number; down: number }[] = [];
  for (const bytes of sizes) {
    const folder = await bench.newFolder("file");
    const file = join(folder, "file.bin");
    writeLarge(file, bytes);
    const { peakBytes: peaks } = await sendTogether(bench, kafka, file);
    measured.push({ bytes, up: peaks.uploader / mebibyte, down: peaks.downloader / mebibyte });
    await bench.clearFolder(folder);
  }
  const svg = lineChart({
    title: "Peak memory over the size of the file",
    x: "bytes",
    y: "MiB",
    series: [
      { name: "uploader", points: measured.map(({ bytes, up }) => [bytes, up]) },
      { name: "downloader", points: measured.map(({ bytes, down }) => [bytes, down]) },
    ],
  });
  return {
    tables: [
      {
        title: "Memory over the size of the file",
        head: ["MB", "uploader's peak MiB", "downloader's peak MiB"],
        rows: measured.map(({ bytes, up, down }) => [
          (bytes / 1e6).toFixed(0),
          up.toFixed(1),
          down.toFixed(1),
        ]),
      },
    ],
    pictures: [{ name: "file-size.svg", svg, text: "Peak memory of both sides over the size of the file" }],
  };
}

/** @param most of the files that are watched; a tenth and a hundredth of that before */
export async function growWatched(bench: Bench, most: number): Promise<Report> {
  const rows: string[][] = [];
  const [sending, idle]: [[number, number][], [number, number][]] = [[], []];
  for (const files of tenfold(most, 3)) {
    const one = await watched(bench, files);
    sending.push([files, one.peakMebibytes]);
    idle.push([files, one.residentMebibytes]);
    rows.push([
      String(files),
      one.peakMebibytes.toFixed(1),
      one.residentMebibytes.toFixed(1),
      one.lookSeconds.toFixed(2),
      one.percent.toFixed(2),
    ]);
  }
  const series = [
    { name: "most while all are sent", points: sending },
    { name: "started again, idle", points: idle },
  ];
  const svg = lineChart({
    title: "The uploader's memory over the files it watches",
    x: "files",
    y: "MiB",
    series,
  });
  return {
    tables: [
      {
        title: "Uploader, over the files that are watched",
        head: [
          "files",
          "peak MiB, sending all",
          "MiB idle",
          "s for a start and a full look",
          "% of a core, idle",
        ],
        rows,
      },
    ],
    pictures: [
      { name: "watched-files.svg", svg, text: "The uploader's memory over the files that it watches" },
    ],
    remarks: [
      "A start and a full look is all that `--once` does when everything was sent: it reads the ledger, looks at each file and ends. Idle is over a minute, with one rescan.",
    ],
  };
}

async function watched(bench: Bench, files: number) {
  const { bootstrap } = await bench.kafka();
  const topic = bench.newTopic();
  const tree = await bench.newFolder("tree");
  writeMany(tree, files, 64);
  const sender = await bench.uploader(topic, tree);
  await sender.waitFor(/: successfully processed/, files);
  const peakMebibytes = peakBytes(sender.pid) / mebibyte;
  await bench.stop(sender);

  const config = join(await bench.newFolder("once"), "once.yaml");
  const settings = { watch: [{ path: tree }], settle: "100ms" };
  const kafka = { brokers: bootstrap, topic };
  const http = { listen: "off" };
  const once = { role: "uploader", name: "uploader", kafka, http, uploader: settings };
  await Bun.write(config, JSON.stringify(once));
  const { seconds } = await runMeasured([bench.executable, "--config", config, "--once"]);

  const idle = await bench.uploader(topic, tree);
  await idle.waitFor(/watching/);
  const [cost = { percent: Number.NaN, residentMebibytes: Number.NaN }] = await idleCosts(
    [idle],
    idleSeconds,
  );
  await bench.stop(idle);
  await deleteTopic(bootstrap, topic);
  return { peakMebibytes, lookSeconds: seconds, ...cost };
}

/** @param most uploaders; a tenth, a hundredth and a thousandth of that before */
export async function growUploaders(bench: Bench, most: number): Promise<Report> {
  const points: [number, number][] = [];
  const rows: string[][] = [];
  for (const uploaders of tenfold(most, 4)) {
    const files = uploaders * filesOfEach;
    const run = await receiveFrom(bench, uploaders, files);
    points.push([uploaders, run.peakMebibytes]);
    rows.push([String(uploaders), run.peakMebibytes.toFixed(1), (files / run.seconds).toFixed(0)]);
  }
  const title = "The downloader's peak memory over the uploaders that send at once";
  const svg = lineChart({ title, x: "uploaders", y: "MiB", series: [{ name: "downloader", points }] });
  return {
    tables: [
      {
        title: `Downloader, over the uploaders; each sends ${filesOfEach} files of 4 KiB`,
        head: ["uploaders", "peak MiB", "files/s"],
        rows,
      },
    ],
    pictures: [{ name: "uploaders.svg", svg, text: title }],
  };
}

/** So many numbers up to `most`, each ten times the one before; those below 1 are left out. */
function tenfold(most: number, steps: number): number[] {
  const numbers = Array.from({ length: steps }, (_, at) => Math.round(most / 10 ** (steps - 1 - at)));
  return numbers.filter((number) => number >= 1);
}
