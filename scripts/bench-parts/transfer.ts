/**
 * A large file through one partition. Its time is counted from the uploader's line about the file, which is logged just before its first
 * chunk is read, to the downloader's "merge complete", when the file is verified, synced and has its name.
 */
import { readdirSync, statSync } from "node:fs";
import { rename, rm } from "node:fs/promises";
import { join } from "node:path";
import type { Kafka } from "../../test/support/kafka.ts";
import { cpuSeconds, peakBytes } from "../../test/support/proc.ts";
import type { Agent, Settings } from "./agent.ts";
import type { Bench } from "./bench.ts";
import { syncDisks } from "./files.ts";
import { deleteTopic } from "./kafka-tools.ts";

/** Of a side that took no part: 0. */
export interface Transfer {
  seconds: number;
  cpuSeconds: Record<"uploader" | "downloader" | "broker", number>;
  peakBytes: Record<"uploader" | "downloader", number>;
}

/** The agents' settings beside those of the benchmark, section by section. */
export interface Given {
  kafka?: Settings;
  uploader?: Settings;
}

/** Both sides are running and have moved a small file when the large one comes. */
export async function sendTogether(
  bench: Bench,
  kafka: Kafka,
  file: string,
  given: Given = {},
): Promise<Transfer & { storedBytes: number }> {
  const topic = bench.newTopic();
  const [watch, output] = [await bench.newFolder("watch"), await bench.newFolder("output")];
  await Bun.write(join(watch, "first.txt"), "first");
  const reach = { kafka: { brokers: kafka.bootstrap, ...given.kafka } };
  const uploader = await bench.uploader(topic, watch, { ...reach, uploader: given.uploader });
  const downloader = await bench.downloader(topic, output, reach);
  await downloader.waitFor(/first\.txt: merge complete/);
  await syncDisks();
  const measured = startMeasuring(kafka, uploader, downloader);
  await rename(file, join(watch, "large.bin"));
  const [merged] = await downloader.waitFor(/large\.bin: merge complete/);
  const [began] = await uploader.waitFor(/^large\.bin: \d+ bytes, creating/);
  const transfer = measured(began?.atMs, merged?.atMs);
  await bench.stop(uploader, downloader);
  await rename(join(watch, "large.bin"), file);
  await rm(output, { recursive: true });
  const storedBytes = logBytes(kafka, topic);
  await deleteTopic(kafka.bootstrap, topic);
  return { ...transfer, storedBytes };
}

/** The uploader alone; then a downloader, for which all of it is there. */
export async function sendThenFetch(
  bench: Bench,
  kafka: Kafka,
  file: string,
): Promise<{ up: Transfer; down: Transfer; recordBytes: number }> {
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
  return { up, down, recordBytes };
}

/** CPU from now on; the function that it returns takes the rest when it is called. */
export function startMeasuring(kafka: Kafka, uploader: Agent | undefined, downloader: Agent | undefined) {
  const pids = [uploader?.pid, downloader?.pid, kafka.pid];
  const cpuNow = () => pids.map((pid) => (pid === undefined ? 0 : cpuSeconds(pid)));
  const peakOf = (agent: Agent | undefined) => (agent ? peakBytes(agent.pid) : 0);
  const before = cpuNow();
  return (fromMs = Number.NaN, toMs = Number.NaN): Transfer => {
    const [up = 0, down = 0, broker = 0] = cpuNow().map((seconds, at) => seconds - (before[at] ?? 0));
    return {
      seconds: (toMs - fromMs) / 1000,
      cpuSeconds: { uploader: up, downloader: down, broker },
      peakBytes: { uploader: peakOf(uploader), downloader: peakOf(downloader) },
    };
  };
}

/** What the topic's only partition takes on the broker's disk. */
function logBytes(kafka: Kafka, topic: string): number {
  const folder = join(kafka.dir, "data", `${topic}-0`);
  const logs = readdirSync(folder).filter((name) => name.endsWith(".log"));
  return logs.reduce((sum, name) => sum + statSync(join(folder, name)).size, 0);
}
