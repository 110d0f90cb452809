import { afterAll, beforeAll, expect, test } from "bun:test";
import { join } from "node:path";
import { expectSameTree } from "../support/compare.ts";
import { type Kafka, startKafka } from "../support/kafka.ts";
import { headerOf } from "../support/records.ts";
import { useScenes } from "../support/scene.ts";
import { randomTree, writeLargeFile, writeTree } from "../support/tree.ts";
import { waitUntil } from "../support/wait.ts";

const openScene = useScenes(async () => kafka.bootstrap);
const slowly = { chunk: 65_536, rate: "2MB/s", in_flight: "512KiB" };
let kafka: Kafka;

beforeAll(async () => {
  kafka = await startKafka();
});

afterAll(() => kafka.stop());

test("a broker that is killed in the middle of a file and comes back: the file arrives, in one version", async () => {
  const scene = await openScene();
  const source = await scene.folder("source");
  const output = await scene.folder("output");
  await writeLargeFile(join(source, "video.avi"), 8 << 20);
  const uploader = await scene.uploader(source, { uploader: slowly });
  const downloader = await scene.downloader(output);
  await downloader.waitForLine(/video\.avi \(00020\/00128\)/);
  await kafka.kill();
  await writeTree(source, randomTree(81, { count: 20, levels: 2, maxBytes: 100_000 }));
  // The window is full then: nothing is read any more, and nothing is given up.
  await waitUntil("15 s of the outage have passed", elapsed(15_000));
  expect(uploader.isRunning && downloader.isRunning).toBe(true);
  await kafka.restart();
  await expectSameTree(source, join(output, "uploader"), [uploader, downloader]);
  const records = await (await scene.kafka()).readAll(scene.topic);
  const ofVideo = records.filter((record) => record.key === "uploader/video.avi");
  expect(new Set(ofVideo.map((record) => headerOf(record, "version"))).size).toBe(1);
});

test("a broker that refuses connections is tried ever more rarely", async () => {
  const scene = await openScene();
  const [source, output] = [await scene.folder("source"), await scene.folder("output")];
  await writeTree(source, randomTree(84, { count: 3, levels: 1, maxBytes: 1_000 }));
  const uploader = await scene.uploader(source);
  const downloader = await scene.downloader(output, {
    kafka: { options: { debug: "broker" } },
    settings: { log: { level: "debug" } },
  });
  await expectSameTree(source, join(output, "uploader"), [uploader, downloader]);
  await kafka.kill();
  await waitUntil("15 s of the outage have passed", elapsed(15_000));
  const refused = downloader.messages.filter((message) => /Connect to .* failed/.test(message));
  await kafka.restart();
  expect(refused).not.toBeEmpty();
  // Four clients with two or three connections each; without a backoff it is tens of thousands.
  expect(refused.length).toBeLessThan(300);
});

test("agents that start while the broker is away say it once, wait, also with --once, and work when it is there", async () => {
  const scene = await openScene();
  const [source, other] = [await scene.folder("source"), await scene.folder("other")];
  const output = await scene.folder("output");
  await writeTree(source, randomTree(82, { count: 10, levels: 2, maxBytes: 10_000 }));
  await writeTree(other, randomTree(83, { count: 3, levels: 1, maxBytes: 1_000 }));
  await kafka.kill();
  const uploader = await scene.uploader(source);
  const once = await scene.uploader(other, { name: "once", args: ["--once"] });
  const downloader = await scene.downloader(output);
  const agents = [uploader, once, downloader];
  for (const agent of agents) await agent.waitForLine(/no broker can be reached/);
  await kafka.restart();
  await expectSameTree(source, join(output, "uploader"), agents);
  expect(await once.waitForExit()).toBe(0);
  await expectSameTree(other, join(output, "once"), agents);
  for (const agent of agents) {
    const said = agent.messages.filter((message) => message.includes("no broker can be reached"));
    // A broker that begins to listen and does not answer yet is another reason.
    expect(said).toEqual([...new Set(said)]);
    expect(said.length).toBeLessThanOrEqual(2);
  }
});

test("a stop during an outage is bounded by shutdown_timeout, and what was not sent goes on afterwards", async () => {
  const scene = await openScene();
  const source = await scene.folder("source");
  const output = await scene.folder("output");
  await writeLargeFile(join(source, "video.avi"), 8 << 20);
  const settings = { shutdown_timeout: "1s" };
  const first = await scene.uploader(source, { uploader: slowly, settings });
  const downloader = await scene.downloader(output, { settings });
  await downloader.waitForLine(/video\.avi \(00010\/00128\)/);
  await kafka.kill();
  for (const agent of [first, downloader]) agent.signal("SIGTERM");
  for (const agent of [first, downloader]) await agent.waitForExit();
  await kafka.restart();
  const agents = [
    await scene.uploader(source, { uploader: { chunk: 65_536 } }),
    await scene.downloader(output),
  ];
  await expectSameTree(source, join(output, "uploader"), agents);
});

function elapsed(ms: number): () => boolean {
  const end = performance.now() + ms;
  return () => performance.now() >= end;
}
