/** What swallowed chunks, and how a downloader gets them back; the uploader's part is played by hand. */
import { expect, test } from "bun:test";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { leftovers, listFiles } from "../support/compare.ts";
import { chunkAt, chunksOf, withHeader } from "../support/hand-made.ts";
import { fileAsNoted, fileEntry } from "../support/hand-made-ledger.ts";
import { compacted } from "../support/records.ts";
import {
  expectDelivered,
  fileOf,
  ledgerOf,
  needsOf,
  receiptKey,
  useStages,
} from "../support/repair-stage.ts";
import { waitUntil } from "../support/wait.ts";

const prepare = useStages();

test("a chunk that is corrupt in the log is asked for, and only its bytes", async () => {
  const stage = await prepare();
  const { kafka, scene, topicId } = stage;
  const file = fileOf(stage, 1);
  const chunks = chunksOf(file);
  const bad = { ...chunks[1], value: Buffer.alloc(5_000, "x") } as (typeof chunks)[number];
  await kafka.produce(scene.topic, [chunks[0], bad, ...chunks.slice(2)] as typeof chunks);
  const from = `${topicId} 0@0`;
  await kafka.produce(scene.ledger, [fileEntry(file, { topicId, offset: 3, from })]);
  const agent = await stage.start();
  await waitUntil("the missing bytes are asked for", async () => (await needsOf(stage)) !== undefined, {
    detail: () => agent.report(),
  });
  expect(await needsOf(stage)).toEqual([[5_000, 10_000]]);
  expect(await listFiles(stage.output)).toEqual([]);
  await kafka.produce(scene.topic, [chunkAt(file, 5_000, file.content.subarray(5_000, 10_000))]);
  await kafka.produce(scene.ledger, [fileEntry(file, { topicId, offset: 4, from })]);
  await expectDelivered(stage, file, agent);
  await waitUntil("the store is empty", async () => (await leftovers(stage.output)).length === 0);
});

test("a version behind the committed position is read again from the log by whoever lacks it", async () => {
  const stage = await prepare();
  const { kafka, scene, topicId } = stage;
  const file = fileOf(stage, 2);
  await kafka.produce(scene.topic, chunksOf(file));
  await kafka.produce(scene.ledger, [fileEntry(file, { topicId, offset: 3, from: `${topicId} 0@0` })]);
  // Another member had all of it and was lost, with its disk, before it published.
  await kafka.commit(scene.group, scene.topic, 4, JSON.stringify({ store: "elsewhere", topic: topicId }));
  const agent = await stage.start(["--once"]);
  expect(await agent.waitForExit()).toBe(0);
  await expectDelivered(stage, file, agent);
  expect(agent.output).not.toContain("asking its uploader");
});

test("what an uploader no longer has, and the log neither, is failed with the reason", async () => {
  const stage = await prepare();
  const { kafka, scene, topicId } = stage;
  const file = fileOf(stage, 3);
  await kafka.produce(scene.topic, chunksOf(file).slice(1));
  await kafka.produce(scene.ledger, [
    fileEntry(file, { topicId, offset: 2, from: `${topicId} 0@0`, state: "gone" }),
  ]);
  const agent = await stage.start();
  await agent.waitForLine(/till\/a\.bin: failed: its uploader no longer has it/);
  const failed = await waitUntil("the ledger says so", async () =>
    (await ledgerOf(stage)).get(receiptKey(stage, "failed")),
  );
  expect(failed).toMatchObject({ reason: expect.stringContaining("no longer has it") });
  await waitUntil("its bytes are dropped", async () => (await leftovers(stage.output)).length === 0);
});

test("what had failed is got back when its uploader has it after all", async () => {
  const stage = await prepare();
  const { kafka, scene, topicId } = stage;
  const file = fileOf(stage, 8);
  const from = `${topicId} 0@0`;
  await kafka.produce(scene.topic, chunksOf(file).slice(1));
  await kafka.produce(scene.ledger, [fileEntry(file, { topicId, offset: 2, from, state: "gone" })]);
  const agent = await stage.start();
  await waitUntil("it is failed", async () => (await ledgerOf(stage)).has(receiptKey(stage, "failed")), {
    detail: () => agent.report(),
  });
  await kafka.produce(scene.ledger, [fileEntry(file, { topicId, offset: 2, from })]);
  await waitUntil("it is asked for", async () => (await needsOf(stage)) !== undefined, {
    detail: () => agent.report(),
  });
  await kafka.produce(scene.topic, [chunkAt(file, 0, file.content.subarray(0, 5_000))]);
  await kafka.produce(scene.ledger, [fileEntry(file, { topicId, offset: 3, from })]);
  await expectDelivered(stage, file, agent);
  expect((await ledgerOf(stage)).has(receiptKey(stage, "failed"))).toBe(false);
});

test("a file that never has its uploader's checksum is fetched again twice, then failed", async () => {
  const stage = await prepare();
  const { kafka, scene, topicId } = stage;
  const file = { ...fileOf(stage, 4, 1_000), chunkBytes: 1_000 };
  const wrong = `md5:${"0".repeat(32)}`;
  const record = () => chunksOf(file).map((chunk) => withHeader(chunk, "checksum", wrong));
  await kafka.produce(scene.topic, record());
  await kafka.produce(scene.ledger, [fileEntry(file, { topicId, offset: 0 })]);
  const agent = await stage.start();
  // Once as it came, once from the log; then it is asked for.
  await waitUntil("it is asked for", async () => (await needsOf(stage)) !== undefined, {
    detail: () => agent.report(),
  });
  expect(await needsOf(stage)).toEqual([[0, 1_000]]);
  await kafka.produce(scene.topic, record());
  await waitUntil("it is failed", async () => (await ledgerOf(stage)).has(receiptKey(stage, "failed")), {
    detail: () => agent.report(),
  });
  expect(agent.output.match(/verification failed/g)).toHaveLength(3);
  expect(await listFiles(stage.output)).toEqual([]);
});

test("files of a topic that was deleted are asked for in the one that took its place", async () => {
  const stage = await prepare();
  const { kafka, scene, topicId } = stage;
  const file = fileOf(stage, 5);
  await kafka.produce(scene.topic, chunksOf(file).slice(0, 2));
  const agent = await stage.start();
  await agent.waitForLine(/\(00002\/00004\): appended chunk/);
  await kafka.deleteTopic(scene.topic);
  await agent.waitForLine(/was deleted and made again/);
  const { id: newId } = await kafka.describeTopic(scene.topic);
  expect(newId).not.toBe(topicId);
  // The uploader had sent the rest to the topic that is no more.
  await kafka.produce(scene.ledger, [fileEntry(file, { topicId, offset: 3, from: `${topicId} 0@0` })]);
  await waitUntil("the rest is asked for", async () => (await needsOf(stage)) !== undefined, {
    detail: () => agent.report(),
  });
  expect(await needsOf(stage)).toEqual([[10_000, 20_000]]);
  const rest = [10_000, 15_000].map((at) =>
    chunkAt({ ...file, topicId: newId }, at, file.content.subarray(at, at + 5_000)),
  );
  await kafka.produce(scene.topic, rest);
  const from = `${newId} 0@0`;
  await kafka.produce(scene.ledger, [fileEntry(file, { topicId: newId, offset: 1, from })]);
  await expectDelivered(stage, file, agent);
});

test("a file whose entry is forged to an offset beyond the end of the log is got back", async () => {
  const { scene, kafka, start } = await prepare();
  const source = await scene.folder("source");
  await writeFile(join(source, "a.txt"), "a");
  const uploader = await scene.uploader(source);
  await uploader.waitForLine(/a\.txt: successfully processed/);
  const own = compacted(await kafka.readAll(scene.ledger)).get("file/uploader/a.txt") as { version: number };
  const forged = { ...own, path: "a.txt", offset: Number.MAX_SAFE_INTEGER };
  await kafka.expireAll(scene.topic);
  await kafka.produce(scene.ledger, [fileAsNoted("uploader", forged)]);
  const downloader = await start();
  await downloader.waitForLine(/uploader\/a\.txt: merge complete/);
});
