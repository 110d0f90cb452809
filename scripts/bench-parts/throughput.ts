/**
 * A file of 1 GB through one partition. The rate of the agents is counted from the uploader's line about the file, which is logged just
 * before its first chunk is read, to the downloader's "merge complete", when the file is verified, synced and has its name.
 */
import { rename, rm } from "node:fs/promises";
import { join } from "node:path";
import type { Kafka } from "../../test/support/kafka.ts";
import { cpuSeconds } from "../../test/support/proc.ts";
import type { Agent } from "./agent.ts";
import type { Bench } from "./bench.ts";
import { syncDisks, writeLarge } from "./files.ts";
import { deleteTopic, producerPerformance } from "./kafka-tools.ts";
import { median, printTable, spread } from "./table.ts";

const fileBytes = 1_000_000_000;
const goal = 0.8;

interface Run {
  bytesPerSecond: number;
  /** CPU seconds of uploader, downloader and broker. */
  cpu: readonly [number, number, number];
}

export async function measureThroughput(bench: Bench): Promise<void> {
  const kafka = await bench.kafka();
  const file = join(await bench.newFolder("file"), "large.bin");
  writeLarge(file, fileBytes);
  // Warms the broker up, and tells how large the records are.
  const { recordBytes } = await oneAfterTheOther(bench, kafka, file);
  await perfTest(bench, kafka, recordBytes);

  const [perf, together, up, down]: [Run[], Run[], Run[], Run[]] = [[], [], [], []];
  for (let round = 0; round < bench.rounds; round++) {
    perf.push(await perfTest(bench, kafka, recordBytes));
    together.push(await both(bench, kafka, file));
    const { uploader, downloader } = await oneAfterTheOther(bench, kafka, file);
    up.push(uploader);
    down.push(downloader);
  }

  const row = (name: string, runs: readonly Run[]) => {
    const ratios = runs.map(
      ({ bytesPerSecond }, at) => bytesPerSecond / (perf[at]?.bytesPerSecond ?? Number.NaN),
    );
    const rates = spread(
      runs.map(({ bytesPerSecond }) => bytesPerSecond / 1e6),
      0,
    );
    const cpu = [0, 1, 2].map((at) => median(runs.map((run) => run.cpu[at] ?? 0)));
    return [name, ...rates, ...spread(ratios, 2), ...cpu.map((seconds) => seconds.toFixed(1))];
  };
  printTable(
    `Throughput: 1 GB in records of ${recordBytes} bytes, one partition; medians of ${bench.rounds} rounds after one to warm up`,
    ["", "MB/s", "", "of perf-test", "", "CPU s: uploader", "downloader", "broker"],
    [
      row("kafka-producer-perf-test, acks=all", perf),
      row(`uploader and downloader together (goal ${goal})`, together),
      row("uploader alone", up),
      row("downloader alone, behind it", down),
    ],
  );
}

async function perfTest(bench: Bench, kafka: Kafka, recordBytes: number): Promise<Run> {
  const topic = bench.newTopic();
  await syncDisks();
  const before = cpuSeconds(kafka.pid);
  const bytesPerSecond = await producerPerformance(
    kafka.bootstrap,
    topic,
    Math.ceil(fileBytes / recordBytes),
    recordBytes,
  );
  const cpu = [0, 0, cpuSeconds(kafka.pid) - before] as const;
  await deleteTopic(kafka.bootstrap, topic);
  return { bytesPerSecond, cpu };
}

/** Both sides are running and have moved a small file when the large one comes. */
async function both(bench: Bench, kafka: Kafka, file: string): Promise<Run> {
  const topic = bench.newTopic();
  const [watch, output] = [await bench.newFolder("watch"), await bench.newFolder("output")];
  await Bun.write(join(watch, "first.txt"), "first");
  const uploader = await bench.uploader(topic, watch);
  const downloader = await bench.downloader(topic, output);
  await downloader.waitFor(/first\.txt: merge complete/);
  await syncDisks();
  const measured = startMeasuring(kafka, uploader, downloader);
  await rename(file, join(watch, "large.bin"));
  const [merged] = await downloader.waitFor(/large\.bin: merge complete/);
  const [began] = await uploader.waitFor(/^large\.bin: \d+ bytes, creating/);
  const run = measured(began?.atMs, merged?.atMs);
  await bench.stop(uploader, downloader);
  await rename(join(watch, "large.bin"), file);
  await rm(output, { recursive: true });
  await deleteTopic(kafka.bootstrap, topic);
  return run;
}

async function oneAfterTheOther(
  bench: Bench,
  kafka: Kafka,
  file: string,
): Promise<{ uploader: Run; downloader: Run; recordBytes: number }> {
  const topic = bench.newTopic();
  const [watch, output] = [await bench.newFolder("watch"), await bench.newFolder("output")];
  await rename(file, join(watch, "large.bin"));
  await syncDisks();
  const uploader = await bench.uploader(topic, watch);
  const measureUp = startMeasuring(kafka, uploader, undefined);
  const [sent] = await uploader.waitFor(/^large\.bin: successfully processed/);
  const [began] = uploader.lines(/^large\.bin: \d+ bytes, creating/);
  const up = measureUp(began?.atMs, sent?.atMs);
  const recordBytes = Number(/(\d+)-byte chunks/.exec(began?.message ?? "")?.[1]);
  await bench.stop(uploader);
  await rename(join(watch, "large.bin"), file);
  await syncDisks();
  const downloader = await bench.downloader(topic, output);
  const measureDown = startMeasuring(kafka, undefined, downloader);
  const [merged] = await downloader.waitFor(/large\.bin: merge complete/);
  const down = measureDown(downloader.lines(/: first chunk/)[0]?.atMs, merged?.atMs);
  await bench.stop(downloader);
  await rm(output, { recursive: true });
  await deleteTopic(kafka.bootstrap, topic);
  return { uploader: up, downloader: down, recordBytes };
}

function startMeasuring(kafka: Kafka, uploader: Agent | undefined, downloader: Agent | undefined) {
  const pids = [uploader?.pid, downloader?.pid, kafka.pid];
  const cpuNow = () => pids.map((pid) => (pid === undefined ? 0 : cpuSeconds(pid)));
  const before = cpuNow();
  return (fromMs = Number.NaN, toMs = Number.NaN): Run => {
    const [up = 0, down = 0, broker = 0] = cpuNow().map((seconds, at) => seconds - (before[at] ?? 0));
    return { bytesPerSecond: (fileBytes * 1000) / (toMs - fromMs), cpu: [up, down, broker] };
  };
}
