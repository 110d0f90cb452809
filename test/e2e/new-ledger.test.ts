/** A ledger that is deleted under a running agent; the other role's part is played by hand. */
import { expect, test } from "bun:test";
import { stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { chunksOf, handMadeVersion } from "../support/hand-made.ts";
import { fileEntry } from "../support/hand-made-ledger.ts";
import { compacted } from "../support/records.ts";
import { useScenes } from "../support/scene.ts";
import { waitUntil } from "../support/wait.ts";

const openScene = useScenes();

test("a ledger that was deleted is read from its beginning: what is delivered is noted again, and not stored again", async () => {
  const scene = await openScene();
  const kafka = await scene.kafka();
  const output = await scene.folder("output");
  await kafka.createTopic(scene.topic, 1, { "message.timestamp.type": "LogAppendTime" });
  await kafka.createTopic(scene.ledger, 1, { "cleanup.policy": "compact" });
  const { id: topicId } = await kafka.describeTopic(scene.topic);
  const { id: ledgerId } = await kafka.describeTopic(scene.ledger);
  const entries = async () => compacted(await kafka.readAll(scene.ledger));
  const paths = ["first", "second", "third"];
  const versionOf = (path: string) => handMadeVersion + paths.indexOf(path);
  const receipt = (path: string) => `delivered/${scene.group}/till/${versionOf(path)}/${path}`;
  const file = (path: string) => ({
    uploader: "till",
    path,
    content: Buffer.from(path),
    version: versionOf(path),
  });
  const [first, second, third] = [file("first"), file("second"), file("third")];
  await kafka.produce(scene.topic, chunksOf(first));
  await kafka.produce(scene.ledger, [fileEntry(first, { topicId, offset: 0 })]);
  const agent = await scene.downloader(output, { kafka: { ledger_partitions: 1 } });
  const told = { detail: () => agent.report() };
  await waitUntil("the first is delivered", async () => (await entries()).has(receipt("first")), told);
  const { ino } = await stat(join(output, "till/first"));
  await kafka.deleteTopic(scene.ledger);
  const isNew = async () => {
    const found = await kafka.describeTopic(scene.ledger).catch(() => undefined);
    return found !== undefined && found.id !== ledgerId;
  };
  await waitUntil("the ledger is made again", isNew, told);
  await agent.waitForLine(/the ledger was deleted and made again/);
  await waitUntil(
    "it says where the group began",
    async () => (await entries()).has(`start/${scene.group}`),
    told,
  );
  // Its uploader notes what it knows, and goes on; one chunk never came.
  await kafka.produce(scene.topic, chunksOf(second));
  await kafka.produce(scene.ledger, [
    fileEntry(first, { topicId, offset: 0 }),
    fileEntry(second, { topicId, offset: 1 }),
    fileEntry(third, { topicId, offset: 0 }),
  ]);
  for (const path of ["first", "second"])
    await waitUntil(`${path} has its receipt`, async () => (await entries()).has(receipt(path)), told);
  const asked = `needs/${scene.group}/till/${versionOf("third")}/third`;
  await waitUntil("what never came is asked for", async () => (await entries()).has(asked), told);
  expect((await stat(join(output, "till/first"))).ino).toBe(ino);
});

test("an idle uploader hears of a ledger that was made again in a moment and has more in it than the one before", async () => {
  const scene = await openScene();
  const kafka = await scene.kafka();
  const source = await scene.folder("source");
  await writeFile(join(source, "file"), "content");
  const ledger = { "cleanup.policy": "compact", "message.timestamp.type": "LogAppendTime" };
  await kafka.createTopic(scene.ledger, 1, ledger);
  const agent = await scene.uploader(source, { kafka: { ledger_partitions: 1 } });
  await agent.waitForLine(/file: successfully processed/);
  const { length } = await kafka.readAll(scene.ledger);
  await kafka.deleteTopic(scene.ledger);
  await kafka.createTopic(scene.ledger, 1, ledger);
  // Its client goes on in this one, at the offset that it had.
  const value = Buffer.from("{}");
  const others = Array.from({ length: length + 100 }, (_, at) => ({
    key: `other/${at}`,
    value,
    headers: [],
  }));
  await kafka.produce(scene.ledger, others);
  await agent.waitForLine(/the ledger is written anew/, 90_000);
}, 150_000);
