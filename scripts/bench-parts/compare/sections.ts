/** The sections of the comparison that set the agent beside others: a large file, and many small ones. */
import { join } from "node:path";
import type { Bench } from "../bench.ts";
import { writeLarge, writeMany } from "../files.ts";
import { clients, recordBytes } from "./clients.ts";
import { costTable, inTurn, type Result } from "./contestant.ts";
import { copies } from "./copies.ts";
import { ownLarge, ownSmall } from "./own.ts";
import type { Report } from "./report.ts";

export interface Sizes {
  largeBytes: number;
  smallFiles: number;
  rounds: number;
}

/** Whether others of that kind take part. */
export type Wanted = (kind: string) => boolean;

const smallFileBytes = 4096;

export async function compareLarge(bench: Bench, wanted: Wanted, sizes: Sizes): Promise<Report> {
  const bytes = wholeRecords(sizes.largeBytes);
  const results = await largeResults(bench, wanted, sizes);
  return {
    tables: [
      costTable(`A file of ${bytes / 1e6} MB; medians of ${sizes.rounds} rounds`, results, {
        count: bytes,
        unit: "bytes",
      }),
    ],
    remarks: [
      "The agents, Python's consumer and `rsync --fsync` sync what they have written; the agents verify a checksum, Python computes one, rclone has the other side compute one. The clients in C and Kafka's own tools touch no file at all.",
      "Seconds are without the start of a program, but for rsync and rclone, which are started for each copy; CPU is with it, but for agents that are running already.",
    ],
  };
}

export async function largeResults(bench: Bench, wanted: Wanted, sizes: Sizes): Promise<Result[]> {
  const kafka = await bench.kafka();
  const bytes = wholeRecords(sizes.largeBytes);
  const file = join(await bench.newFolder("file"), "large.bin");
  writeLarge(file, bytes);
  const others = await clients(bench, wanted, file, bytes);
  const { contestants, stop } = await copies(bench, wanted, file);
  try {
    return await inTurn([ownLarge(bench, kafka, file), ...others, ...contestants], sizes.rounds);
  } finally {
    await stop();
  }
}

export async function compareSmall(bench: Bench, wanted: Wanted, sizes: Sizes): Promise<Report> {
  const { smallFiles, rounds } = sizes;
  const results = await smallResults(bench, wanted, sizes);
  const title = `${smallFiles} files of ${smallFileBytes} bytes; medians of ${rounds} rounds`;
  return {
    tables: [costTable(title, results, { count: smallFiles, unit: "files" })],
    remarks: [
      "For the agent from its first file to the last one that is published, each synced, verified and noted in the ledger; for the others from their start to their end. Without `--fsync` nothing of what they write is synced; rclone verifies sizes only here.",
    ],
  };
}

export async function smallResults(bench: Bench, wanted: Wanted, sizes: Sizes): Promise<Result[]> {
  const tree = await bench.newFolder("tree");
  writeMany(tree, sizes.smallFiles, smallFileBytes);
  const { contestants, stop } = await copies(bench, wanted, `${tree}/`);
  try {
    return await inTurn([ownSmall(bench, tree, sizes.smallFiles), ...contestants], sizes.rounds);
  } finally {
    await stop();
  }
}

export function wholeRecords(bytes: number): number {
  return Math.max(1, Math.round(bytes / recordBytes)) * recordBytes;
}
