/**
 * 10,000 files of 4 KiB, ledger on, everything synced: from the uploader's line about its first file to the downloader's "merge complete"
 * of the last.
 */
import { join } from "node:path";
import type { Bench } from "./bench.ts";
import { syncDisks, writeMany } from "./files.ts";
import { deleteTopic } from "./kafka-tools.ts";
import { median, printTable, spread } from "./table.ts";
import { startMeasuring, type Transfer } from "./transfer.ts";

const files = 10_000;
const fileBytes = 4096;
const goalSeconds = 5;

/** Until the last one is published, and until the uploader has noted it as sent. */
export type SmallFilesRun = Transfer & { sentSeconds: number };

export async function measureSmallFiles(bench: Bench): Promise<void> {
  const tree = await bench.newFolder("tree");
  writeMany(tree, files, fileBytes);
  const runs: SmallFilesRun[] = [];
  for (let round = 0; round <= bench.rounds; round++) runs.push(await moveSmallFiles(bench, tree, files));
  const measured = runs.slice(1);
  const cpu = (side: keyof Transfer["cpuSeconds"]) =>
    median(measured.map((one) => one.cpuSeconds[side])).toFixed(1);
  const peak = (side: keyof Transfer["peakBytes"]) =>
    median(measured.map((one) => one.peakBytes[side] / 2 ** 20)).toFixed(1);
  const published = measured.map((one) => one.seconds);
  const sent = measured.map((one) => one.sentSeconds);
  printTable(
    `Small files: ${files} of ${fileBytes} bytes; medians of ${bench.rounds} rounds after one to warm up`,
    ["", "seconds", "", "CPU s", "peak MiB"],
    [
      [`first chunk to last file published (goal ${goalSeconds})`, ...spread(published, 2), "", ""],
      ["first chunk to last file noted as sent", ...spread(sent, 2), "", ""],
      ["uploader", "", "", cpu("uploader"), peak("uploader")],
      ["downloader", "", "", cpu("downloader"), peak("downloader")],
      ["broker", "", "", cpu("broker"), ""],
    ],
  );
}

/** Moves a tree with so many files. Both sides and the broker are warm; the downloader is running. */
export async function moveSmallFiles(bench: Bench, tree: string, files: number): Promise<SmallFilesRun> {
  const kafka = await bench.kafka();
  const topic = bench.newTopic();
  const [first, output] = [await bench.newFolder("first"), await bench.newFolder("output")];
  await Bun.write(join(first, "first.txt"), "first");
  const before = await bench.uploader(topic, first);
  const downloader = await bench.downloader(topic, output);
  await downloader.waitFor(/first\.txt: merge complete/);
  await bench.stop(before);
  await syncDisks();

  const uploader = await bench.uploader(topic, tree, { name: "many" });
  const measure = startMeasuring(kafka, uploader, downloader);
  const published = await downloader.waitFor(/^many\/.*: merge complete/, files);
  const sent = await uploader.waitFor(/: successfully processed/, files);
  const began = uploader.lines(/bytes, creating/)[0]?.atMs ?? Number.NaN;
  const transfer = measure(began, published.at(-1)?.atMs);
  const sentSeconds = ((sent.at(-1)?.atMs ?? Number.NaN) - began) / 1000;
  await bench.stop(uploader, downloader);
  // What was written stays until the end: for a minute after files were deleted, ext4 searches long for inodes to give to new ones.
  await deleteTopic(kafka.bootstrap, topic);
  return { ...transfer, sentSeconds };
}
