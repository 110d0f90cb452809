/** Brokers that accept and never answer, connections that are cut again and again, and partitions that are added. */
import { afterAll, beforeAll, expect, test } from "bun:test";
import { join } from "node:path";
import { setInterval } from "node:timers/promises";
import { AgentHttp, anyPort } from "../support/agent-http.ts";
import { expectSameTree } from "../support/compare.ts";
import { type Kafka, startKafkaBehind } from "../support/kafka.ts";
import { MetadataProxy } from "../support/metadata-proxy.ts";
import { headerOf } from "../support/records.ts";
import { type AgentOptions, type Scene, useScenes } from "../support/scene.ts";
import { type Link, Toxiproxy } from "../support/toxiproxy.ts";
import { randomTree, writeLargeFile, writeTree } from "../support/tree.ts";
import { waitUntil } from "../support/wait.ts";

const openScene = useScenes(async () => kafka.bootstrap);
const chunkBytes = 64 << 10;
const slowly = { chunk: chunkBytes, rate: "2MB/s", in_flight: "512KiB" };
let proxy: Toxiproxy;
let link: Link;
let mistaken: MetadataProxy;
let kafka: Kafka;
/** The brokers by way of the proxy. */
let proxied: string;

beforeAll(async () => {
  proxy = await Toxiproxy.start();
  link = await proxy.open("link");
  mistaken = await MetadataProxy.start();
  kafka = await startKafkaBehind([link, mistaken]);
  proxied = `127.0.0.1:${link.port}`;
});

afterAll(async () => {
  await proxy.stop();
  await mistaken.stop();
  await kafka.stop();
});

/** How many versions of a file were sent. */
async function versionsOf(scene: Scene, key: string): Promise<number> {
  const records = await (await scene.kafka()).readAll(scene.topic);
  const ofFile = records.filter((record) => record.key === key);
  return new Set(ofFile.map((record) => headerOf(record, "version"))).size;
}

/** Both roles, and a large file of which a part has arrived. */
async function startMidway(own: AgentOptions) {
  const scene = await openScene();
  const [source, output] = [await scene.folder("source"), await scene.folder("output")];
  await writeLargeFile(join(source, "video.avi"), 128 * chunkBytes);
  const uploader = await scene.uploader(source, { ...own, uploader: slowly });
  const downloader = await scene.downloader(output, own);
  await downloader.waitForLine(/video\.avi \(00020\/00128\)/);
  return { scene, source, output, uploader, downloader };
}

/** By the way on which metadata can be wrong, and asking for it five times a second. */
function askingOften(): AgentOptions {
  const options = { "topic.metadata.refresh.interval.ms": 200 };
  return { kafka: { brokers: `127.0.0.1:${mistaken.port}`, options } };
}

/** All connections of the link end so often, and new ones are taken at once. */
async function cutAgainAndAgain(everyMs: number, signal: AbortSignal): Promise<void> {
  for await (const _ of setInterval(everyMs)) {
    if (signal.aborted) return;
    await link.cut();
    await link.mend();
  }
}

test("a broker that freezes in the middle of a file and goes on: the file arrives, in one version", async () => {
  const { scene, source, output, uploader, downloader } = await startMidway({ settings: anyPort });
  const https = [await AgentHttp.of(uploader), await AgentHttp.of(downloader)];
  process.kill(kafka.pid, "SIGSTOP");
  try {
    await writeTree(source, randomTree(1, { count: 20, levels: 2, maxBytes: 50_000 }));
    const back = performance.now() + 15_000;
    await waitUntil("15 s have passed", () => performance.now() > back);
    for (const http of https) expect((await http.get("/healthz")).status).toBe(200);
  } finally {
    process.kill(kafka.pid, "SIGCONT");
  }
  await expectSameTree(source, join(output, "uploader"), [uploader, downloader]);
  for (const http of https) await http.waitForReadiness(true);
  expect(await versionsOf(scene, "uploader/video.avi")).toBe(1);
});

test("a broker that names no broker for a while, as one that is fenced does: both roles go on, and one that starts meanwhile begins", async () => {
  const own = askingOften();
  const { scene, source, output, uploader, downloader } = await startMidway(own);
  mistaken.mistake("no brokers");
  // Before anybody could be taken for lost.
  const isTold = () => mistaken.changedAnswers >= 20;
  await waitUntil("20 answers named no broker", isTold, { timeoutMs: 30_000 });
  const before = mistaken.connections;
  const mirror = await scene.folder("mirror");
  const late = await scene.downloader(mirror, { ...own, name: "late", downloader: { group: "late" } });
  await waitUntil("it has connected", () => mistaken.connections > before);
  mistaken.mistake(undefined);
  await expectSameTree(source, join(output, "uploader"), [uploader, downloader]);
  await expectSameTree(source, join(mirror, "uploader"), [uploader, late]);
  expect(await versionsOf(scene, "uploader/video.avi")).toBe(1);
});

test("brokers that name a wrong address for a while: both roles find back", async () => {
  const { scene, source, output, uploader, downloader } = await startMidway(askingOften());
  mistaken.mistake("wrong address");
  await waitUntil("5 answers named a wrong address", () => mistaken.changedAnswers >= 5);
  mistaken.interrupt();
  const over = performance.now() + 10_000;
  await waitUntil("10 s have passed", () => performance.now() > over);
  mistaken.mistake(undefined);
  // A client that does not find back by itself is made anew after a minute and a half.
  await downloader.waitForLine(/video\.avi: merge complete/, 200_000);
  await expectSameTree(source, join(output, "uploader"), [uploader, downloader]);
  expect(await versionsOf(scene, "uploader/video.avi")).toBe(1);
}, 300_000);

test("agents that start where somebody accepts and never answers wait, say so, and work once there is a broker", async () => {
  const scene = await openScene();
  const [source, output] = [await scene.folder("source"), await scene.folder("output")];
  await writeTree(source, randomTree(2, { count: 10, levels: 2, maxBytes: 50_000 }));
  await link.silence(0);
  const own = { kafka: { brokers: proxied }, settings: anyPort };
  const agents = [await scene.uploader(source, own), await scene.downloader(output, own)];
  try {
    for (const agent of agents) {
      await (await AgentHttp.of(agent)).waitForReadiness(false, /connecting to Kafka/);
      await agent.waitForLine(/no broker can be reached/);
    }
  } finally {
    await link.mend();
  }
  await expectSameTree(source, join(output, "uploader"), agents);
});

test("connections that are cut every two seconds: every file arrives, the large one in one version", async () => {
  const scene = await openScene();
  const [source, output] = [await scene.folder("source"), await scene.folder("output")];
  await writeLargeFile(join(source, "video.avi"), 256 * chunkBytes);
  // Between two cuts there has to be time to connect: by default an agent waits up to 10 s with that.
  const own = { kafka: { brokers: proxied, options: { "reconnect.backoff.max.ms": 300 } } };
  const cutting = new AbortController();
  const cut = cutAgainAndAgain(2000, cutting.signal);
  try {
    const uploader = await scene.uploader(source, { ...own, uploader: slowly });
    const downloader = await scene.downloader(output, own);
    await downloader.waitForLine(/video\.avi \(00100\/00256\)/);
    await writeTree(source, randomTree(3, { count: 20, levels: 2, maxBytes: 50_000 }));
    await expectSameTree(source, join(output, "uploader"), [uploader, downloader]);
    expect(await versionsOf(scene, "uploader/video.avi")).toBe(1);
  } finally {
    cutting.abort();
    await cut;
  }
});

test("partitions that are added in the middle of a file: it stays in its own, and later files use all of them", async () => {
  const scene = await openScene();
  const [source, output] = [await scene.folder("source"), await scene.folder("output")];
  await writeLargeFile(join(source, "video.avi"), 128 * chunkBytes);
  const first = await scene.uploader(source, { uploader: slowly });
  // New partitions are noticed when the client looks at the topic again.
  const own = { kafka: { options: { "topic.metadata.refresh.interval.ms": 1000 } } };
  const downloader = await scene.downloader(output, own);
  await downloader.waitForLine(/video\.avi \(00020\/00128\)/);
  const plain = await scene.kafka();
  await plain.addPartitions(scene.topic, 4);
  await first.waitForLine(/video\.avi: successfully processed/);
  first.signal("SIGTERM");
  await first.waitForExit();
  await writeTree(source, randomTree(4, { count: 40, levels: 2, maxBytes: 20_000 }));
  const second = await scene.uploader(source);
  await expectSameTree(source, join(output, "uploader"), [second, downloader]);
  const records = await plain.readAll(scene.topic);
  const partitionsOf = (isOne: (key: string) => boolean) =>
    new Set(records.filter(({ key }) => isOne(key)).map(({ partition }) => partition));
  expect(partitionsOf((key) => key.endsWith("video.avi"))).toEqual(new Set([0]));
  expect(partitionsOf((key) => !key.endsWith("video.avi")).size).toBe(4);
});
