/** Who is compared, what is measured of each, and that in turn: machines change their speed within minutes. */
import { median, spread } from "../table.ts";
import type { Cost, Ran } from "../usage.ts";
import type { Table } from "./report.ts";

/** One transfer. What is undefined has no such side. */
export interface Measured {
  seconds: number;
  sender?: Cost | undefined;
  receiver?: Cost | undefined;
  brokerCpuSeconds?: number | undefined;
}

export interface Contestant {
  /** What it measures in one go, in this order. */
  rows: readonly string[];
  run(): Promise<readonly Measured[]>;
}

/** A program, or two of a kind, that sends to a topic and reads it again. */
export interface Client {
  produces: string;
  consumes: string;
  produce(topic: string): Promise<Ran>;
  consume(topic: string): Promise<Ran>;
}

export interface Result {
  row: string;
  runs: Measured[];
}

/** A, B, C, A, B, C ..., after one round that warms up what can be warm. */
export async function inTurn(contestants: readonly Contestant[], rounds: number): Promise<Result[]> {
  const results = contestants.map(({ rows }) => rows.map((row): Result => ({ row, runs: [] })));
  for (let round = 0; round <= rounds; round++) {
    for (const [at, contestant] of contestants.entries()) {
      const measured = await contestant.run();
      if (round > 0) for (const [row, one] of measured.entries()) results[at]?.[row]?.runs.push(one);
    }
  }
  return results.flat();
}

export interface Amount {
  count: number;
  /** What a second and the cost of one are given in: MB/s and CPU s a GB, or files/s and CPU ms a file. */
  unit: "bytes" | "files";
}

/** Medians, and of the rate the range. */
export function costTable(title: string, results: readonly Result[], { count, unit }: Amount): Table {
  const isBytes = unit === "bytes";
  const cpuOf = (runs: readonly Measured[], cpu: (run: Measured) => number | undefined) =>
    cell(runs.map(cpu), isBytes ? 1e9 / count : 1000 / count, isBytes ? 2 : 3);
  const peak = (runs: readonly Measured[], side: "sender" | "receiver") =>
    cell(
      runs.map((run) => run[side]?.peakBytes),
      2 ** -20,
      0,
    );
  return {
    title,
    head: [
      "",
      isBytes ? "MB/s" : "files/s",
      "from, to",
      `CPU ${isBytes ? "s a GB" : "ms a file"}: sender`,
      "receiver",
      "broker",
      "peak MiB: sender",
      "receiver",
    ],
    rows: results.map(({ row, runs }) => [
      row,
      ...spread(rates(runs, isBytes ? count / 1e6 : count), 0),
      cpuOf(runs, (run) => run.sender?.cpuSeconds),
      cpuOf(runs, (run) => run.receiver?.cpuSeconds),
      cpuOf(runs, (run) => run.brokerCpuSeconds),
      peak(runs, "sender"),
      peak(runs, "receiver"),
    ]),
  };
}

/** So much a second, of each run. */
export function rates(runs: readonly Measured[], count: number): number[] {
  return runs.map(({ seconds }) => count / seconds);
}

function cell(values: readonly (number | undefined)[], factor: number, digits: number): string {
  const known = values.filter((value) => value !== undefined);
  return known.length === 0 ? "" : (median(known) * factor).toFixed(digits);
}
