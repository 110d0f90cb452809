/**
 * Guards every upgrade of Bun or of the client: under the same work for longer, memory stays the same. A minute as part of scripts/test;
 * STREAMSEND_LEAK_SECONDS=3600 for each of the three when it matters.
 */
import { afterAll, beforeAll, expect, test } from "bun:test";
import { join } from "node:path";
import { type Kafka, startKafka } from "../support/kafka.ts";
import type { Sample } from "./workload.ts";

const seconds = Number(process.env.STREAMSEND_LEAK_SECONDS ?? 20);
const MiB = 2 ** 20;
const root = join(import.meta.dir, "../..");

let kafka: Kafka;

beforeAll(async () => {
  kafka = await startKafka({ settings: { "log.retention.check.interval.ms": 1000 } });
});

afterAll(() => kafka.stop());

async function run(work: string): Promise<Sample[]> {
  const script = join(import.meta.dir, "workload.ts");
  const command = [process.execPath, "--smol", script, kafka.bootstrap, work, String(seconds)];
  const child = Bun.spawn(command, { cwd: root, stdout: "pipe", stderr: "inherit" });
  const output = await child.stdout.text();
  expect(await child.exited).toBe(0);
  const samples = output
    .split("\n")
    .filter((line) => line.startsWith("{"))
    .map((line) => JSON.parse(line) as Sample);
  const last = samples.at(-1);
  console.log(
    `${work}: ${last?.done} in ${seconds} s, MiB resident: ${samples.map(({ residentBytes }) => (residentBytes / MiB).toFixed(0)).join(" ")}`,
  );
  return samples;
}

/** The median of the last third is no more than `bytes` above that of the second: what the start needed is not counted. */
function expectFlat(samples: Sample[], of: (sample: Sample) => number, growth: number): void {
  const third = Math.floor(samples.length / 3);
  const middle = median(samples.slice(third, 2 * third).map(of));
  const end = median(samples.slice(-third).map(of));
  expect(end).toBeLessThanOrEqual(middle + growth);
}

function median(values: number[]): number {
  return values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)] ?? Number.NaN;
}

test.each(["produce", "consume", "reconnect"])(
  "%s: memory, threads and descriptors do not grow with the work done",
  async (work) => {
    const samples = await run(work);
    expect(samples.length).toBeGreaterThanOrEqual(6);
    expectFlat(samples, ({ residentBytes }) => residentBytes, 16 * MiB);
    expectFlat(samples, ({ threads }) => threads, 4);
    expectFlat(samples, ({ descriptors }) => descriptors, 4);
    // A record that is kept costs a megabyte: far above all of this within the first seconds.
    expect(Math.max(...samples.map(({ residentBytes }) => residentBytes))).toBeLessThan(200 * MiB);
  },
  (seconds + 60) * 1000,
);
