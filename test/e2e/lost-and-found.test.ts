/** What is lost between both sides is found again, or its loss is named: a real uploader, a real downloader. */
import { expect, test } from "bun:test";
import { rm, unlink } from "node:fs/promises";
import { join } from "node:path";
import { expectSameTree, leftovers } from "../support/compare.ts";
import { compacted } from "../support/records.ts";
import { type Scene, useScenes } from "../support/scene.ts";
import { randomTree, writeLargeFile, writeTree } from "../support/tree.ts";
import { waitUntil } from "../support/wait.ts";

const openScene = useScenes();

/** Chunks small enough for files of several. */
const small = { chunk: 65_536 };

/** Sends what is in the folder, and ends. */
async function sendAll(scene: Scene, source: string): Promise<void> {
  const uploader = await scene.uploader(source, { uploader: small, args: ["--once"] });
  expect(await uploader.waitForExit()).toBe(0);
}

/** Has the group begun: what was sent before its start would be none of its business. */
async function beginGroup(scene: Scene, output: string): Promise<void> {
  const first = await scene.downloader(output);
  const kafka = await scene.kafka();
  await waitUntil("the group has begun", async () =>
    compacted(await kafka.readAll(scene.ledger).catch(() => [])).has(`start/${scene.group}`),
  );
  first.signal("SIGTERM");
  expect(await first.waitForExit()).toBe(0);
}

test("what expired before a downloader came is sent again by its uploader", async () => {
  const scene = await openScene();
  const [source, output] = [await scene.folder("source"), await scene.folder("output")];
  await writeTree(source, randomTree(501, { count: 20, levels: 2, maxBytes: 200_000 }));
  const kafka = await scene.kafka();
  await beginGroup(scene, output);
  await sendAll(scene, source);
  await kafka.expireAll(scene.topic);
  const uploader = await scene.uploader(source, { uploader: small });
  const downloader = await scene.downloader(output);
  await expectSameTree(source, join(output, "uploader"), [uploader, downloader]);
  await waitUntil("nothing is asked for any more", async () => {
    const keys = [...compacted(await kafka.readAll(scene.ledger)).keys()];
    return !keys.some((key) => key.startsWith("needs/"));
  });
  await waitUntil("the store is empty", async () => (await leftovers(output)).length === 0);
});

test("what has expired and is gone at its source is failed, and the rest arrives", async () => {
  const scene = await openScene();
  const [source, output] = [await scene.folder("source"), await scene.folder("output")];
  await writeLargeFile(join(source, "gone.bin"), 300_000);
  await writeLargeFile(join(source, "there.bin"), 300_000);
  const kafka = await scene.kafka();
  await beginGroup(scene, output);
  await sendAll(scene, source);
  await kafka.expireAll(scene.topic);
  await unlink(join(source, "gone.bin"));
  const uploader = await scene.uploader(source, { uploader: small });
  const downloader = await scene.downloader(output);
  await downloader.waitForLine(/uploader\/gone\.bin: failed: /);
  await expectSameTree(source, join(output, "uploader"), [uploader, downloader]);
  const failed = [...compacted(await kafka.readAll(scene.ledger)).keys()].filter((key) =>
    key.startsWith(`failed/${scene.group}/`),
  );
  expect(failed).toHaveLength(1);
});

test("a store that is deleted while it runs costs nothing but reading again", async () => {
  const scene = await openScene();
  const [source, output] = [await scene.folder("source"), await scene.folder("output")];
  await writeLargeFile(join(source, "large.bin"), 20 << 20);
  const uploader = await scene.uploader(source, { uploader: { ...small, rate: "4MB/s" } });
  const downloader = await scene.downloader(output);
  await downloader.waitForLine(/large\.bin \(00100\//);
  await rm(join(output, ".streamsend"), { recursive: true });
  await expectSameTree(source, join(output, "uploader"), [uploader, downloader]);
});
