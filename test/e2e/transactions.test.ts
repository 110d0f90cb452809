/** No agent writes transactions, but whoever may write to a topic may: they leave marks in it that nobody can read, or stay open. */
import { expect, test } from "bun:test";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { chunksOf } from "../support/hand-made.ts";
import { useScenes } from "../support/scene.ts";
import { writeInTransaction } from "../support/transaction.ts";

const openScene = useScenes();
const content = Buffer.from("hello");

test("a downloader gets past the end of a transaction, also when nothing comes behind it", async () => {
  const scene = await openScene();
  const kafka = await scene.kafka();
  await kafka.createTopic(scene.topic);
  await kafka.produce(scene.topic, chunksOf({ uploader: "u", path: "a.txt", content }));
  await writeInTransaction(scene.brokers, scene.topic, { commit: true });
  const agent = await scene.downloader(await scene.folder("output"), { args: ["--once"] });
  expect(await agent.waitForExit()).toBe(0);
  // The chunk, the stranger's record, and the end of its transaction.
  expect(await kafka.committedBy(scene.group, scene.topic)).toEqual([3]);
});

test("an uploader that was killed has its name back, whatever transaction is open in the ledger", async () => {
  const scene = await openScene();
  const watch = await scene.folder("watch");
  const kafka = { ledger_partitions: 1 };
  await writeFile(join(watch, "a.txt"), "a");
  const killed = await scene.uploader(watch, { kafka });
  await killed.waitForLine(/a\.txt: successfully processed/);
  await killed.kill();
  await writeInTransaction(scene.brokers, scene.ledger, { commit: false });
  await writeFile(join(watch, "b.txt"), "b");
  const agent = await scene.uploader(watch, { kafka });
  await agent.waitForLine(/b\.txt: successfully processed/);
});
