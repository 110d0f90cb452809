/**
 * Whether an uploader that stands still in the middle of a large file costs the others anything: a thousand files of another
 * one, with and without it, turn by turn.
 */
import { join } from "node:path";
import type { Agent } from "./agent.ts";
import type { Bench } from "./bench.ts";
import { syncDisks, writeLarge, writeMany } from "./files.ts";
import { deleteTopic } from "./kafka-tools.ts";
import { median, printTable, spread } from "./table.ts";

const files = 1000;
const fileBytes = 256 << 10;
const stalledBytes = 400_000_000;
const goal = 0.95;

export async function measureStalled(bench: Bench): Promise<void> {
  const tree = await bench.newFolder("tree");
  writeMany(tree, files, fileBytes);
  const large = await bench.newFolder("large");
  writeLarge(join(large, "stalled.bin"), stalledBytes);
  await run(bench, tree, undefined);
  const [without, beside]: [number[], number[]] = [[], []];
  for (let round = 0; round < bench.rounds; round++) {
    // Which comes first changes, as a machine that becomes slower would favour the first.
    const order = round % 2 === 0 ? [undefined, large] : [large, undefined];
    for (const stalled of order)
      (stalled === undefined ? without : beside).push(await run(bench, tree, stalled));
  }
  const ratios = beside.map((seconds, at) => (without[at] ?? Number.NaN) / seconds);
  printTable(
    `Stalled: ${files} files of ${fileBytes >> 10} KiB; ${bench.rounds} rounds after one to warm up`,
    ["", "seconds", ""],
    [
      ["alone", ...spread(without, 2)],
      ["beside a stalled file", ...spread(beside, 2)],
      [`rate beside it, of that alone (goal ${goal})`, median(ratios).toFixed(2), spread(ratios, 2)[1] ?? ""],
    ],
  );
}

/** Seconds from the first line about one of the files to the last "merge complete". */
async function run(bench: Bench, tree: string, large: string | undefined): Promise<number> {
  const kafka = await bench.kafka();
  const topic = bench.newTopic();
  const output = await bench.newFolder("output");
  const downloader = await bench.downloader(topic, output);
  let stalled: Agent | undefined;
  if (large !== undefined) {
    stalled = await bench.uploader(topic, large, { name: "stalled" });
    await downloader.waitFor(/stalled\/stalled\.bin .* appended chunk/, 50);
    stalled.signal("SIGSTOP");
  }
  await syncDisks();
  const uploader = await bench.uploader(topic, tree, { name: "many" });
  const published = await downloader.waitFor(/^many\/.*: merge complete/, files);
  const began = uploader.lines(/bytes, creating/)[0]?.atMs ?? Number.NaN;
  stalled?.signal("SIGCONT");
  await bench.stop(...[uploader, downloader, ...(stalled ? [stalled] : [])]);
  await deleteTopic(kafka.bootstrap, topic);
  await bench.clearFolder(output);
  return ((published.at(-1)?.atMs ?? Number.NaN) - began) / 1000;
}
