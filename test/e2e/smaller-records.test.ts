import { expect, test } from "bun:test";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { expectSameTree, run } from "../support/compare.ts";
import { type Scene, useScenes } from "../support/scene.ts";
import { randomTree, writeLargeFile, writeTree } from "../support/tree.ts";
import { waitUntil } from "../support/wait.ts";

const openScene = useScenes();
const kafkaScript = join(import.meta.dir, "../../scripts/kafka");

async function limit(scene: Scene, topic: string, bytes: number): Promise<void> {
  const what = ["--entity-type", "topics", "--entity-name", topic, "--alter"];
  const setting = ["--add-config", `max.message.bytes=${bytes}`];
  const command = ["kafka.admin.ConfigCommand", "--bootstrap-server", scene.brokers, ...what, ...setting];
  const { code, output, errors } = await run([kafkaScript, "run", ...command]);
  if (code !== 0) throw new Error(output + errors);
}

test("chunks are as large as the topic takes, and no larger", async () => {
  const scene = await openScene();
  const source = await scene.folder("source");
  const output = await scene.folder("output");
  const kafka = await scene.kafka();
  await kafka.createTopic(scene.topic, 1, { "max.message.bytes": "100000" });
  await writeLargeFile(join(source, "video.avi"), 2_000_000);
  const agents = [await scene.uploader(source), await scene.downloader(output)];
  await expectSameTree(source, join(output, "uploader"), agents);
  const values = (await kafka.readAll(scene.topic)).map((record) => record.value?.length ?? 0);
  expect(Math.max(...values)).toBeLessThan(100_000);
  expect(Math.max(...values)).toBeGreaterThan(95_000);
});

test("a chunk that is set larger than the topic takes fails no file", async () => {
  const scene = await openScene();
  const source = await scene.folder("source");
  const output = await scene.folder("output");
  await (await scene.kafka()).createTopic(scene.topic, 1, { "max.message.bytes": "50000" });
  await writeTree(source, randomTree(91, { count: 10, levels: 2, maxBytes: 300_000 }));
  const uploader = await scene.uploader(source, { uploader: { chunk: "256KiB" }, args: ["--once"] });
  expect(await uploader.waitForExit()).toBe(0);
  const downloader = await scene.downloader(output);
  await expectSameTree(source, join(output, "uploader"), [uploader, downloader]);
});

test("a limit that is lowered while it runs, in the middle of a file, fails no file, large or small", async () => {
  const scene = await openScene();
  const source = await scene.folder("source");
  const output = await scene.folder("output");
  await writeLargeFile(join(source, "video.avi"), 16 << 20);
  const uploader = await scene.uploader(source, { uploader: { rate: "2MB/s" } });
  const downloader = await scene.downloader(output);
  await downloader.waitForLine(/video\.avi \(00002\//);
  await limit(scene, scene.topic, 60_000);
  await writeTree(source, randomTree(92, { count: 100, levels: 2, maxBytes: 20_000 }));
  await expectSameTree(source, join(output, "uploader"), [uploader, downloader]);
  const sizes = (await (await scene.kafka()).readAll(scene.topic)).map((record) => record.value?.length ?? 0);
  expect(Math.max(...sizes)).toBeGreaterThan(60_000);
  expect(Math.max(...sizes.slice(-20))).toBeLessThan(60_000);
});

test("chunks become larger again when the topic takes more", async () => {
  const scene = await openScene();
  const source = await scene.folder("source");
  const kafka = await scene.kafka();
  await kafka.createTopic(scene.topic, 1, { "max.message.bytes": "60000" });
  const uploader = await scene.uploader(source);
  await writeLargeFile(join(source, "before.avi"), 500_000);
  await uploader.waitForLine(/before\.avi: successfully processed/);
  await limit(scene, scene.topic, 1_000_000);
  // The topic's settings are looked at once a minute.
  let name = 0;
  await waitUntil(
    "chunks become larger",
    async () => {
      await writeFile(join(source, `${name++}.txt`), "small");
      return uploader.output.includes("takes 1000000 bytes at a time now: chunks become larger");
    },
    { timeoutMs: 120_000, pollMs: 1000 },
  );
  await writeLargeFile(join(source, "after.avi"), 500_000);
  await uploader.waitForLine(/after\.avi: \(00001 of 00001\) chunk uploaded/);
});

test("a file of one chunk that comes to several, as the topic takes less by then, arrives", async () => {
  const scene = await openScene();
  const source = await scene.folder("source");
  const output = await scene.folder("output");
  const agents = [await scene.uploader(source), await scene.downloader(output)];
  await writeTree(source, randomTree(93, { count: 1, levels: 1, maxBytes: 1000 }));
  await expectSameTree(source, join(output, "uploader"), agents);
  await limit(scene, scene.topic, 60_000);
  await writeLargeFile(join(source, "photo.jpg"), 900_000);
  await expectSameTree(source, join(output, "uploader"), agents);
});
