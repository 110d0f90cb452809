/** Reading the log again: on a link where that takes a while, and when strangers ask for it. */
import { afterAll, beforeAll, expect, test } from "bun:test";
import { join } from "node:path";
import { md5sum } from "../support/compare.ts";
import { chunkAt, chunksOf } from "../support/hand-made.ts";
import { fileEntry } from "../support/hand-made-ledger.ts";
import { type Kafka, startKafkaBehind } from "../support/kafka.ts";
import { Random } from "../support/random.ts";
import { compacted } from "../support/records.ts";
import { useScenes } from "../support/scene.ts";
import { type Link, Toxiproxy } from "../support/toxiproxy.ts";
import { waitUntil } from "../support/wait.ts";

const openScene = useScenes(async () => kafka.bootstrap);

let proxy: Toxiproxy;
let link: Link;
let kafka: Kafka;

beforeAll(async () => {
  proxy = await Toxiproxy.start();
  link = await proxy.open("slow");
  kafka = await startKafkaBehind([link]);
});

afterAll(async () => {
  await proxy.stop();
  await kafka.stop();
});

async function prepare() {
  const scene = await openScene();
  const plain = await scene.kafka();
  await plain.createTopic(scene.topic, 1, { "message.timestamp.type": "LogAppendTime" });
  await plain.createTopic(scene.ledger, 1, { "cleanup.policy": "compact" });
  const { id: topicId } = await plain.describeTopic(scene.topic);
  return { scene, plain, topicId, output: await scene.folder("output") };
}

test("a large file whose first part has expired is asked for once, however long it takes to read the rest again", async () => {
  const { scene, plain, topicId, output } = await prepare();
  const content = new Random(1).bytes(6_000_000);
  const file = { uploader: "till", path: "video.avi", content, chunkBytes: 500_000, topicId };
  const chunks = chunksOf(file);
  for (const chunk of chunks) await plain.produce(scene.topic, [chunk]);
  await plain.deleteBefore(scene.topic, 4);
  const from = `${topicId} 0@0`;
  await plain.produce(scene.ledger, [fileEntry(file, { topicId, offset: 11, from })]);
  await link.throttle(1_000_000);
  const kafkaSettings = { brokers: `127.0.0.1:${link.port}` };
  const agent = await scene.downloader(output, { kafka: kafkaSettings });
  const entries = async () => compacted(await plain.readAll(scene.ledger));
  const asked = async () => [...(await entries())].find(([key]) => key.startsWith("needs/"))?.[1];
  const needs = await waitUntil("its first part is asked for", asked, { detail: () => agent.report() });
  expect(needs).toMatchObject({ ranges: [[0, 2_000_000]] });
  await link.mend();
  const answer = [0, 1, 2, 3].map((at) =>
    chunkAt(file, at * 500_000, content.subarray(at * 500_000, (at + 1) * 500_000)),
  );
  for (const chunk of answer) await plain.produce(scene.topic, [chunk]);
  await plain.produce(scene.ledger, [fileEntry(file, { topicId, offset: 15, from })]);
  await agent.waitForLine(/till\/video\.avi: merge complete/);
  const wanted = new Bun.CryptoHasher("md5").update(content).digest("hex");
  expect(await md5sum(join(output, "till/video.avi"))).toBe(wanted);
  expect(agent.output.match(/asking its uploader/g)).toHaveLength(1);
});

test("records that speak of chunks that are nowhere have the log read again a few times, not once each", async () => {
  const { scene, plain, topicId, output } = await prepare();
  const filler = { uploader: "till", path: "filler", content: new Random(2).bytes(5_000_000), topicId };
  for (const chunk of chunksOf({ ...filler, chunkBytes: 500_000 })) await plain.produce(scene.topic, [chunk]);
  const agent = await scene.downloader(output);
  await agent.waitForLine(/till\/filler: merge complete/);
  const content = new Random(3).bytes(20_000);
  for (let at = 0; at < 31; at++) {
    const file = { uploader: "stranger", path: `file-${at}`, content, topicId };
    await plain.produce(scene.topic, [chunkAt(file, 5_000, content.subarray(5_000, 10_000))]);
    await agent.waitForLine(new RegExp(`stranger/file-${at} .*chunk`));
  }
  // It goes on for others, and who has lost something gets it back.
  const last = { uploader: "till", path: "last", content: Buffer.from("last"), topicId };
  await plain.produce(scene.topic, chunksOf(last));
  await agent.waitForLine(/till\/last: merge complete/);
  expect(agent.output.match(/is read again from the log/g)?.length).toBeLessThan(6);
});
