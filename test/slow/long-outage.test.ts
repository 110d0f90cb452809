import { afterAll, beforeAll, expect, setDefaultTimeout, test } from "bun:test";
import { join } from "node:path";
import { expectSameTree } from "../support/compare.ts";
import { type Kafka, startKafka } from "../support/kafka.ts";
import { useScenes } from "../support/scene.ts";
import { writeLargeFile } from "../support/tree.ts";
import { waitUntil } from "../support/wait.ts";

const openScene = useScenes(async () => kafka.bootstrap);
/** Longer than any deadline of the client: the longest, message.timeout.ms and socket.timeout.ms here, are 300 s. */
const outageMs = 360_000;
let kafka: Kafka;

setDefaultTimeout(2 * outageMs);

beforeAll(async () => {
  kafka = await startKafka();
});

afterAll(() => kafka.stop());

test("a broker that is away for six minutes costs nothing but time", async () => {
  const scene = await openScene();
  const source = await scene.folder("source");
  const output = await scene.folder("output");
  await writeLargeFile(join(source, "video.avi"), 64 << 20);
  const uploader = await scene.uploader(source, { uploader: { rate: "8MB/s" } });
  const downloader = await scene.downloader(output);
  await downloader.waitForLine(/video\.avi \(00010\//);
  await kafka.kill();
  const back = performance.now() + outageMs;
  const passed = () => performance.now() >= back;
  await waitUntil("the outage has passed", passed, { timeoutMs: 2 * outageMs, pollMs: 1000 });
  for (const agent of [uploader, downloader]) {
    expect(agent.isRunning).toBe(true);
    expect(agent.peakMemoryBytes()).toBeLessThan(128 << 20);
  }
  await kafka.restart();
  await expectSameTree(source, join(output, "uploader"), [uploader, downloader]);
  expect(uploader.output).not.toContain("chunks become smaller");
});
