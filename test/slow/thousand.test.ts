/**
 * A thousand uploaders and one downloader. The downloader is the executable; the uploaders are the agent's own role a thousand times
 * in one process (test/support/crowd.ts), where it is about connections each with its own. Here, as it takes minutes: ten thousand
 * files, and a thousand names that are claimed.
 */
import { afterEach, beforeEach, expect, setDefaultTimeout, test } from "bun:test";
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import type { AgentProcess } from "../support/agent-process.ts";
import { differences, listFiles } from "../support/compare.ts";
import { Crowd } from "../support/crowd.ts";
import { crowdProcess } from "../support/crowd-process.ts";
import { type Kafka, startKafkaBehind } from "../support/kafka.ts";
import { RequestCounter } from "../support/request-counter.ts";
import { useScenes } from "../support/scene.ts";
import { randomTree, writeTree } from "../support/tree.ts";
import { waitUntil } from "../support/wait.ts";

const uploaders = 1000;
const filesOfEach = 10;
const patienceMs = 600_000;
const openScene = useScenes(async () => kafka.bootstrap);
let kafka: Kafka;
let counter: RequestCounter;

setDefaultTimeout(2 * patienceMs);

beforeEach(async () => {
  counter = await RequestCounter.start();
  kafka = await startKafkaBehind([counter]);
});

afterEach(async () => {
  await counter.stop();
  await kafka.stop();
});

async function prepare() {
  const scene = await openScene();
  const [sources, output] = [await scene.folder("sources"), await scene.folder("output")];
  const names = Array.from({ length: uploaders }, (_, at) => `till-${at}`);
  for (const [at, name] of names.entries()) {
    mkdirSync(join(sources, name));
    await writeTree(join(sources, name), randomTree(at, { count: filesOfEach, levels: 2, maxBytes: 8192 }));
  }
  const downloader = await scene.downloader(output, {
    kafka: { ledger_partitions: 64 },
    settings: { log: { chunks: false } },
  });
  return { scene, names, sources, output, downloader };
}

async function expectAll(sources: string, output: string, downloader: AgentProcess): Promise<void> {
  const wanted = (await listFiles(sources)).length;
  let stored = 0;
  const isAll = async () => {
    stored = (await listFiles(output)).length;
    return stored >= wanted;
  };
  const detail = () => `${stored} of ${wanted}\n${downloader.report()}`;
  await waitUntil("all files are there", isAll, { timeoutMs: patienceMs, pollMs: 1000, detail });
  expect(await differences(sources, output)).toBe("");
  expect(downloader.peakMemoryBytes()).toBeLessThan(128 << 20);
}

test("ten files of each of a thousand uploaders arrive as they are, in the memory that one uploader's take", async () => {
  const { scene, names, sources, output, downloader } = await prepare();
  const crowd = await Crowd.open({ brokers: kafka.bootstrap, topic: scene.topic });
  const { failed } = await crowd.uploaders(names, (name) => join(sources, name), Promise.resolve());
  expect(await failed.finally(() => crowd.close())).toBe(0);
  await expectAll(sources, output, downloader);
});

test("a thousand that wait for the brokers all go on where they were when these are back", async () => {
  const { scene, names, sources, output, downloader } = await prepare();
  let made = 0;
  const crowd = crowdProcess(`127.0.0.1:${counter.port}`, scene.topic, sources, names.length);
  try {
    const says = (line: RegExp) =>
      waitUntil(`the uploaders say ${line}`, () => crowd.says(line), { timeoutMs: patienceMs, pollMs: 200 });
    await says(/ready/);
    await kafka.kill();
    crowd.go();
    const before = counter.connections;
    const haveTried = () => counter.connections - before > 2 * uploaders;
    await waitUntil("all have lost their connections, and try again", haveTried, { timeoutMs: patienceMs });
    made = counter.count("InitProducerId");
    await kafka.restart();
    expect(String(await says(/failed \d+/))).toBe("failed 0");
  } finally {
    await crowd.stop();
  }
  await expectAll(sources, output, downloader);
  // Nobody made its producer anew, asked for its name again, or sent anything twice.
  expect(counter.count("InitProducerId") - made).toBeLessThan(uploaders / 10);
  const plain = await scene.kafka();
  const kinds = (await plain.readAll(scene.ledger)).map(({ key }) => key.split("/")[0]);
  expect(kinds.filter((kind) => kind === "claim")).toEqual([]);
  expect(await plain.endOffsets(scene.topic)).toEqual([uploaders * filesOfEach]);
});
