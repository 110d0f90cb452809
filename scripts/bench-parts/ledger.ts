/**
 * What a big ledger costs: starts of both roles, what crosses the network for one, `find`, records a file, and how long a lost file takes that
 * somebody has after all, beside many that nobody has. The ledgers are made up (ledger-entries.ts), their sizes are arguments of
 * scripts/bench; what is measured on them are the executables.
 *
 * A start is measured until the first new file is through: it is there before the agent is started, and its last line tells when.
 */
import { mkdirSync, statSync } from "node:fs";
import { join } from "node:path";
import { type Kafka, startKafka } from "../../test/support/kafka.ts";
import { PlainKafka } from "../../test/support/plain-kafka.ts";
import { peakBytes } from "../../test/support/proc.ts";
import { loadConfigOf } from "../../test/unit/config/loading.ts";
import type { Agent, Settings } from "./agent.ts";
import type { Bench } from "./bench.ts";
import { CountingLink } from "./counting-link.ts";
import { writeMany } from "./files.ts";
import { measureFind } from "./find.ts";
import { LedgerWriter } from "./ledger-entries.ts";
import type { LedgerSizes } from "./ledger-sizes.ts";
import { printTable } from "./table.ts";

const fileBytes = 4096;

interface Start {
  seconds: number;
  peakMebibytes: number;
}

interface Stage {
  bench: Bench;
  kafka: Kafka;
  link: CountingLink;
  client: PlainKafka;
  sizes: LedgerSizes;
}

export async function measureLedger(bench: Bench): Promise<void> {
  const link = await CountingLink.open();
  const kafka = await startKafka({
    settings: { "log.segment.delete.delay.ms": 0 },
    logLevel: "warn",
    listeners: [{ name: "COUNTED", protocol: "PLAINTEXT", advertisedPort: link.port }],
  });
  const client = await PlainKafka.open(kafka.bootstrap);
  link.target.port = Number(kafka.listener("COUNTED").split(":")[1]);
  const stage = { bench, kafka, link, client, sizes: bench.ledgerSizes };
  try {
    await measureStarts(stage);
    await measureRecords(stage);
    await measureRepair(stage);
  } finally {
    await bench.stopAll();
    await client.close();
    await kafka.stop();
    link.close();
  }
}

async function measureStarts(stage: Stage): Promise<void> {
  const { bench, kafka, sizes } = stage;
  const { uploaders, files, own, partitions } = sizes;
  const topic = bench.newTopic();
  const tree = await bench.newFolder("own");
  writeMany(tree, own, 64);
  const writer = await openWriter(kafka, topic, partitions);
  for (let at = 0; at < uploaders; at++) {
    const name = `till-${at}`;
    for (let file = 0; file < files; file++) await writer.settled(name, `2025/${file}.bin`);
    await writer.released(name);
  }
  await writeOwn(writer, tree, own);
  await writer.close();
  const living = await bench.newFolder("living");
  const uploader = await startUploader(stage, topic, living, "living");
  const output = await bench.newFolder("output");
  const empty = await startDownloader(stage, topic, output, await send(uploader, living, "first"));
  const existing = await startDownloader(stage, topic, output, await send(uploader, living, "second"));
  await bench.stop(uploader);
  const { start, bytes } = await startOwn(stage, topic, tree);
  printTable(
    `A ledger of ${writer.count} entries: ${uploaders} uploaders with ${files} settled files each, one more with ${own}; ${partitions} partitions of chunks`,
    ["a start, until the first new file is through", "seconds", "peak MiB"],
    [
      ["downloader, without .streamsend", ...shown(empty)],
      ["downloader, with .streamsend", ...shown(existing)],
      [`uploader that watches its ${own} files`, ...shown(start)],
    ],
  );
  printTable(
    "Network of that uploader's start, both ways (see network)",
    ["", "KiB"],
    [["", kibibytes(bytes)]],
  );
  if (uploaders > 0 && files > 0) await measureFind(bench, kafka.bootstrap, topic, "till-0");
}

/** Both ends of the ledger, before and after. */
async function measureRecords(stage: Stage): Promise<void> {
  const { bench, client, sizes } = stage;
  const topic = bench.newTopic();
  const [first, tree] = [await bench.newFolder("first"), await bench.newFolder("small")];
  writeMany(tree, sizes.small, fileBytes);
  const before = await startUploader(stage, topic, first, "first");
  const downloader = await bench.downloader(topic, await bench.newFolder("output"), settings(stage, topic));
  await send(before, first, "first");
  await downloader.waitFor(/first\.bin: merge complete/);
  await bench.stop(before);
  const entries = async () => (await client.endOffsets(`${topic}.ledger`)).reduce((sum, end) => sum + end, 0);
  const began = await entries();
  const uploader = await startUploader(stage, topic, tree, "many");
  await uploader.waitFor(/: successfully processed/, sizes.small);
  await downloader.waitFor(/^many\/.*: merge complete/, sizes.small);
  await bench.stop(uploader, downloader);
  printTable(
    `Ledger records a file: ${sizes.small} files of ${fileBytes} bytes`,
    ["", "records"],
    [["of both sides, for each file", (((await entries()) - began) / sizes.small).toFixed(2)]],
  );
}

async function measureRepair(stage: Stage): Promise<void> {
  const { dead, unsettled } = stage.sizes;
  const alone = await repair(stage, 0, 0);
  const beside = await repair(stage, dead, unsettled);
  printTable(
    "A file whose chunks were lost from the log, and whose uploader has it: until it is there, from the downloader's start",
    ["", "seconds", "peak MiB"],
    [
      ["alone", ...shown(alone)],
      [`beside ${unsettled} unsettled files of ${dead} dead uploaders`, ...shown(beside)],
    ],
  );
}

async function repair(stage: Stage, dead: number, unsettled: number): Promise<Start> {
  const { bench, kafka, client } = stage;
  const topic = bench.newTopic();
  const writer = await openWriter(kafka, topic, 1);
  for (let at = 0; at < unsettled; at++) await writer.unsettled(`dead-${at % dead}`, `${at}.bin`);
  await writer.close();
  const living = await bench.newFolder("living");
  const uploader = await startUploader(stage, topic, living, "living");
  const lost = await send(uploader, living, "lost");
  await client.expireAll(topic);
  const start = await startDownloader(stage, topic, await bench.newFolder("output"), lost);
  await bench.stop(uploader);
  return start;
}

async function openWriter(kafka: Kafka, topic: string, partitions: number): Promise<LedgerWriter> {
  const config = await loadConfigOf(
    `name: bench\nkafka: { brokers: ["${kafka.bootstrap}"], topic: ${topic}, partitions: ${partitions} }`,
  );
  return LedgerWriter.open(config.kafka);
}

/** What `writeMany` has written is settled, as it stands there now. */
async function writeOwn(writer: LedgerWriter, tree: string, count: number): Promise<void> {
  for (const path of new Bun.Glob("**/*").scanSync(tree)) {
    const { size, mtimeNs, ctimeNs, ino } = statSync(join(tree, path), { bigint: true });
    const times = { mtime: String(mtimeNs), ctime: String(ctimeNs) };
    await writer.settled("own", path, { size: Number(size), ...times, inode: String(ino) });
  }
  if (count > 0) await writer.released("own");
}

function settings({ kafka }: Stage, topic: string, brokers = kafka.bootstrap): Settings {
  return { kafka: { brokers, topic } };
}

function startUploader(stage: Stage, topic: string, watch: string, name: string): Promise<Agent> {
  return stage.bench.uploader(topic, watch, { name, ...settings(stage, topic) });
}

/** Another file for it, which is sent when this resolves. Returns its path at the destination. */
async function send(uploader: Agent, watch: string, name: string): Promise<string> {
  await Bun.write(join(watch, `${name}.bin`), "x".repeat(fileBytes));
  await uploader.waitFor(new RegExp(`^${name}\\.bin: successfully processed`));
  return `${name}.bin`;
}

/** A downloader until it has published the file; stopped again. */
async function startDownloader(stage: Stage, topic: string, output: string, file: string): Promise<Start> {
  const beganMs = Date.now();
  const agent = await stage.bench.downloader(topic, output, settings(stage, topic));
  const [line] = await agent.waitFor(new RegExp(`/${file}: merge complete`));
  const start = startOf(agent, beganMs, line?.atMs);
  await stage.bench.stop(agent);
  return start;
}

async function startOwn(stage: Stage, topic: string, tree: string): Promise<{ start: Start; bytes: number }> {
  const { bench, link } = stage;
  mkdirSync(join(tree, "new"));
  await Bun.write(join(tree, "new", "new.bin"), "new");
  const before = link.carried;
  const beganMs = Date.now();
  const brokers = `127.0.0.1:${link.port}`;
  const agent = await bench.uploader(topic, tree, { name: "own", ...settings(stage, topic, brokers) });
  const [line] = await agent.waitFor(/new\.bin: successfully processed/);
  const start = startOf(agent, beganMs, line?.atMs);
  const bytes = link.carried - before;
  const sent = agent.lines(/: successfully processed/).length;
  if (sent !== 1)
    throw new Error(`${sent} files were sent: those of the ledger are not those that stand there`);
  await bench.stop(agent);
  return { start, bytes };
}

function startOf({ pid }: Agent, beganMs: number, endedMs = Number.NaN): Start {
  return { seconds: (endedMs - beganMs) / 1000, peakMebibytes: peakBytes(pid) / 2 ** 20 };
}

function shown({ seconds, peakMebibytes }: Start): [string, string] {
  return [seconds.toFixed(2), peakMebibytes.toFixed(1)];
}

function kibibytes(bytes: number): string {
  return (bytes / 1024).toFixed(1);
}
