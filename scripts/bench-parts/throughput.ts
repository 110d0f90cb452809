/** A file of 1 GB through one partition (see transfer.ts), against Kafka's own producer. */
import { join } from "node:path";
import type { Kafka } from "../../test/support/kafka.ts";
import { cpuSeconds } from "../../test/support/proc.ts";
import type { Bench } from "./bench.ts";
import { syncDisks, writeLarge } from "./files.ts";
import { deleteTopic, makeTopic, producerPerformance } from "./kafka-tools.ts";
import { median, printTable, spread } from "./table.ts";
import { sendThenFetch, sendTogether, type Transfer } from "./transfer.ts";

const fileBytes = 1_000_000_000;
const goal = 0.8;

type Run = Pick<Transfer, "seconds" | "cpuSeconds">;

export async function measureThroughput(bench: Bench): Promise<void> {
  const kafka = await bench.kafka();
  const file = join(await bench.newFolder("file"), "large.bin");
  writeLarge(file, fileBytes);
  // Warms the broker up, and tells how large the records are.
  const { recordBytes } = await sendThenFetch(bench, kafka, file);
  await perfTest(bench, kafka, recordBytes);

  const [perf, together, ups, downs]: [Run[], Run[], Run[], Run[]] = [[], [], [], []];
  for (let round = 0; round < bench.rounds; round++) {
    perf.push(await perfTest(bench, kafka, recordBytes));
    together.push(await sendTogether(bench, kafka, file));
    const { up, down } = await sendThenFetch(bench, kafka, file);
    ups.push(up);
    downs.push(down);
  }

  const row = (name: string, runs: readonly Run[]) => {
    const ratios = runs.map(({ seconds }, at) => (perf[at]?.seconds ?? Number.NaN) / seconds);
    const rates = spread(
      runs.map(({ seconds }) => fileBytes / 1e6 / seconds),
      0,
    );
    const cpu = (side: keyof Run["cpuSeconds"]) => median(runs.map((run) => run.cpuSeconds[side])).toFixed(1);
    return [name, ...rates, ...spread(ratios, 2), cpu("uploader"), cpu("downloader"), cpu("broker")];
  };
  printTable(
    `Throughput: 1 GB in records of ${recordBytes} bytes, one partition; medians of ${bench.rounds} rounds after one to warm up`,
    ["", "MB/s", "", "of perf-test", "", "CPU s: uploader", "downloader", "broker"],
    [
      row("kafka-producer-perf-test, acks=all", perf),
      row(`uploader and downloader together (goal ${goal})`, together),
      row("uploader alone", ups),
      row("downloader alone, behind it", downs),
    ],
  );
}

async function perfTest(bench: Bench, kafka: Kafka, recordBytes: number): Promise<Run> {
  const topic = bench.newTopic();
  await makeTopic(kafka.bootstrap, topic);
  await syncDisks();
  const before = cpuSeconds(kafka.pid);
  const records = Math.ceil(fileBytes / recordBytes);
  const { seconds } = await producerPerformance(kafka.bootstrap, topic, records, recordBytes);
  const broker = cpuSeconds(kafka.pid) - before;
  await deleteTopic(kafka.bootstrap, topic);
  return { seconds, cpuSeconds: { uploader: 0, downloader: 0, broker } };
}
