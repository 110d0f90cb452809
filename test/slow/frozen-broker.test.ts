import { afterAll, beforeAll, expect, setDefaultTimeout, test } from "bun:test";
import { join } from "node:path";
import { expectSameTree } from "../support/compare.ts";
import { type Kafka, startKafka } from "../support/kafka.ts";
import { useScenes } from "../support/scene.ts";
import { writeLargeFile } from "../support/tree.ts";
import { waitUntil } from "../support/wait.ts";

const openScene = useScenes(async () => kafka.bootstrap);
/** Longer than any deadline of the client. */
const frozenMs = 600_000;
let kafka: Kafka;

setDefaultTimeout(2 * frozenMs);

beforeAll(async () => {
  kafka = await startKafka();
});

afterAll(() => kafka.stop());

test("a broker that accepts and does not answer for ten minutes costs nothing but time", async () => {
  const scene = await openScene();
  const [source, output] = [await scene.folder("source"), await scene.folder("output")];
  await writeLargeFile(join(source, "video.avi"), 64 << 20);
  const uploader = await scene.uploader(source, { uploader: { rate: "8MB/s" } });
  const downloader = await scene.downloader(output);
  await downloader.waitForLine(/video\.avi \(00010\//);
  process.kill(kafka.pid, "SIGSTOP");
  try {
    const back = performance.now() + frozenMs;
    const passed = () => performance.now() >= back;
    await waitUntil("ten minutes have passed", passed, { timeoutMs: 2 * frozenMs, pollMs: 1000 });
    for (const agent of [uploader, downloader]) {
      expect(agent.isRunning).toBe(true);
      expect(agent.peakMemoryBytes()).toBeLessThan(128 << 20);
      await agent.waitForLine(/no broker can be reached/);
    }
  } finally {
    process.kill(kafka.pid, "SIGCONT");
  }
  await expectSameTree(source, join(output, "uploader"), [uploader, downloader]);
  // Connections that are accepted and never answered are no broken link.
  expect(uploader.output).not.toContain("chunks become smaller");
});
