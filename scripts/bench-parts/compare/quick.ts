/**
 * scripts/bench --quick: how the agent stands to others, in ratios, which say more than rates on a machine that is not always as fast; and what of
 * that has moved against what is kept in the repository. It judges nothing.
 */
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import type { Bench } from "../bench.ts";
import { median, printTable } from "../table.ts";
import type { Measured, Result } from "./contestant.ts";
import { machineOf } from "./machine.ts";
import { ownRows } from "./own.ts";
import { largeResults, smallResults } from "./sections.ts";

const kept = join(import.meta.dir, "../../../docs/benchmarks/quick.json");
const sizes = { largeBytes: 250e6, smallFiles: 2000, rounds: 3 };
/** What is outside of what was kept, and by more than this, has moved. */
const leastChange = 0.1;

interface Ratio {
  median: number;
  least: number;
  most: number;
}

interface Kept {
  machine: string;
  ratios: Readonly<Record<string, Ratio>>;
}

/** @param write keeps what is measured in place of what was */
export async function measureQuick(bench: Bench, write: boolean): Promise<void> {
  const machine = await machineOf(await bench.newFolder("machine"));
  const wanted = (kind: string) => ["ceiling", "perf-test", "rsync"].includes(kind);
  const large = await largeResults(bench, wanted, sizes);
  const small = await smallResults(bench, wanted, sizes);
  const now: Kept = { machine, ratios: ratiosOf(large, small) };
  const before = existsSync(kept) ? (JSON.parse(readFileSync(kept, "utf8")) as Kept) : undefined;
  print(now, before);
  if (write) await Bun.write(kept, `${JSON.stringify(now, undefined, 2)}\n`);
}

function ratiosOf(large: readonly Result[], small: readonly Result[]): Record<string, Ratio> {
  const rate = ({ seconds }: Measured) => 1 / seconds;
  const sender = (run: Measured) => run.sender?.cpuSeconds ?? Number.NaN;
  const receiver = (run: Measured) => run.receiver?.cpuSeconds ?? Number.NaN;
  const { together, up, down } = ownRows;
  return {
    "rate of both sides, of kafka-producer-perf-test's": ratio(
      large,
      together,
      "kafka-producer-perf-test",
      rate,
    ),
    "rate of both sides, of rsync --fsync's": ratio(large, together, "rsync -a --fsync", rate),
    "rate of the uploader, of librdkafka's in C": ratio(large, up, "librdkafka in C, produce", rate),
    "rate of the downloader, of librdkafka's in C": ratio(large, down, "librdkafka in C, consume", rate),
    "CPU of the uploader, of librdkafka's in C": ratio(large, together, "librdkafka in C, produce", sender),
    "CPU of the downloader, of librdkafka's in C": ratio(
      large,
      together,
      "librdkafka in C, consume",
      receiver,
    ),
    "small files: rate, of rsync --fsync's": ratio(small, "streamsend-agent", "rsync -a --fsync", rate),
    "small files: CPU of the uploader, of rsync's": ratio(
      small,
      "streamsend-agent",
      "rsync -a --fsync",
      sender,
    ),
    "small files: CPU of the downloader, of rsync's": ratio(
      small,
      "streamsend-agent",
      "rsync -a --fsync",
      receiver,
    ),
  };
}

/** Of what the first row has to what the second has, round by round. Rows are named by how they begin. */
function ratio(
  results: readonly Result[],
  one: string,
  other: string,
  value: (run: Measured) => number,
): Ratio {
  const [ours, theirs] = [one, other].map((name) => {
    const found = results.find(({ row }) => row.startsWith(name));
    if (!found) throw new Error(`no ${name} was measured`);
    return found.runs.map(value);
  });
  const ratios = ours?.map((own, round) => own / (theirs?.[round] ?? Number.NaN)) ?? [];
  return { median: median(ratios), least: Math.min(...ratios), most: Math.max(...ratios) };
}

function print(now: Kept, before: Kept | undefined): void {
  const rows = Object.entries(now.ratios).map(([name, ratio]) => {
    const was = before?.ratios[name];
    return [name, shown(ratio), was ? shown(was) : "", was ? change(ratio, was) : ""];
  });
  printTable("Ratios: median (from, to)", ["", "now", "kept", "moved"], rows);
  console.log(`\n  Now:  ${now.machine}\n  Kept: ${before?.machine ?? "nothing yet; --write keeps this."}`);
}

function shown({ median, least, most }: Ratio): string {
  return `${median.toFixed(2)} (${least.toFixed(2)}, ${most.toFixed(2)})`;
}

/** Nothing when it is within what was seen then, or nearly the same. */
function change(now: Ratio, was: Ratio): string {
  const by = now.median / was.median - 1;
  const isWithin = now.median >= was.least && now.median <= was.most;
  return isWithin || Math.abs(by) < leastChange ? "" : `${by > 0 ? "+" : ""}${(by * 100).toFixed(0)} %`;
}
