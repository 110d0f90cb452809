/** Records as any program might write them that has read docs/protocol.md: no encoder of ours is involved. */
import { expect, test } from "bun:test";
import { createHash } from "node:crypto";
import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { AgentProcess } from "../support/agent-process.ts";
import { leftovers, listFiles, md5sum, run } from "../support/compare.ts";
import { chunkAt, chunksOf, type HandMadeFile, handMadeVersion, withHeader } from "../support/hand-made.ts";
import type { PlainKafka } from "../support/plain-kafka.ts";
import { Random } from "../support/random.ts";
import type { PlainRecord } from "../support/records.ts";
import { type Scene, useScenes } from "../support/scene.ts";

const openScene = useScenes();

async function prepare(): Promise<{ scene: Scene; kafka: PlainKafka; topicId: string; output: string }> {
  const scene = await openScene();
  const kafka = await scene.kafka();
  await kafka.createTopic(scene.topic, 1, { "message.timestamp.type": "LogAppendTime" });
  const { id } = await kafka.describeTopic(scene.topic);
  return { scene, kafka, topicId: id, output: await scene.folder("output") };
}

async function receiveOnce(scene: Scene, output: string): Promise<AgentProcess> {
  const agent = await scene.downloader(output, { args: ["--once"] });
  expect(await agent.waitForExit()).toBe(0);
  return agent;
}

function md5Of(content: Buffer): string {
  return createHash("md5").update(content).digest("hex");
}

function shuffled(records: readonly PlainRecord[], seed: number): PlainRecord[] {
  const random = new Random(seed);
  const left = [...records];
  return records.map(() => left.splice(random.below(left.length), 1)[0] as PlainRecord);
}

test("a file arrives from the records of the specification", async () => {
  const { scene, kafka, output } = await prepare();
  const file = { uploader: "pos-0042", path: "dir/caf%E9 100%25.txt", content: Buffer.from("hello") };
  await kafka.produce(scene.topic, chunksOf(file));
  await receiveOnce(scene, output);
  expect(await listFiles(output)).toEqual(["pos-0042/dir/caf\xe9 100%.txt 5 1744741849.2021234560"]);
});

test("chunks out of order, and each of them twice, make the same file once", async () => {
  const { scene, kafka, topicId, output } = await prepare();
  const content = new Random(61).bytes(200_000);
  const file = { uploader: "pos-0042", path: "video.avi", content, chunkBytes: 9_000, topicId };
  const records = chunksOf(file);
  await kafka.produce(scene.topic, shuffled([...records, ...records], 62));
  const agent = await receiveOnce(scene, output);
  expect(await md5sum(join(output, "pos-0042/video.avi"))).toBe(md5Of(content));
  expect(agent.messages.filter((message) => message.includes("merge complete"))).toHaveLength(1);
  expect(await leftovers(output)).toEqual([]);
});

test("the last chunk first, and the first last, make the same file", async () => {
  const { scene, kafka, topicId, output } = await prepare();
  const content = new Random(63).bytes(100_000);
  const file = { uploader: "pos-0042", path: "video.avi", content, chunkBytes: 9_000, topicId };
  await kafka.produce(scene.topic, chunksOf(file).toReversed());
  await receiveOnce(scene, output);
  expect(await md5sum(join(output, "pos-0042/video.avi"))).toBe(md5Of(content));
});

test("chunks of changing sizes that overlap make the same file", async () => {
  const { scene, kafka, topicId, output } = await prepare();
  const content = new Random(64).bytes(50_000);
  const file: HandMadeFile = { uploader: "pos-0042", path: "video.avi", content, topicId };
  const part = (from: number, to: number) => chunkAt(file, from, content.subarray(from, to), "1/9");
  const records = [part(0, 10_000), part(5_000, 30_000), part(40_000, 50_000), part(29_000, 41_000)];
  await kafka.produce(scene.topic, records);
  await receiveOnce(scene, output);
  expect(await md5sum(join(output, "pos-0042/video.avi"))).toBe(md5Of(content));
});

test("a file that is sent twice is stored once, and what was delivered stays as it is", async () => {
  const { scene, kafka, topicId, output } = await prepare();
  const content = new Random(65).bytes(30_000);
  const file = { uploader: "pos-0042", path: "a.bin", content, chunkBytes: 9_000, topicId };
  await kafka.produce(scene.topic, chunksOf(file));
  await receiveOnce(scene, output);
  const identity = () => run(["stat", "-c", "%i %z", join(output, "pos-0042/a.bin")]);
  const before = await identity();
  await kafka.produce(scene.topic, chunksOf(file));
  const again = await receiveOnce(scene, output);
  expect(again.output).not.toContain("merge complete");
  expect(await identity()).toEqual(before);
  expect(await leftovers(output)).toEqual([]);
});

test("an older version never takes the place of a newer one", async () => {
  const { scene, kafka, output } = await prepare();
  const newer = { uploader: "u", path: "a.txt", content: Buffer.from("newer"), version: handMadeVersion + 1 };
  const older = { uploader: "u", path: "a.txt", content: Buffer.from("older"), version: handMadeVersion };
  await kafka.produce(scene.topic, [...chunksOf(newer), ...chunksOf(older)]);
  await receiveOnce(scene, output);
  expect(await md5sum(join(output, "u/a.txt"))).toBe(md5Of(newer.content));
});

test("a newer version drops what came of an older one", async () => {
  const { scene, kafka, topicId, output } = await prepare();
  const random = new Random(66);
  const older = { uploader: "u", path: "a.bin", content: random.bytes(30_000), chunkBytes: 9_000, topicId };
  const newer = { ...older, content: random.bytes(30_000), version: handMadeVersion + 1 };
  await kafka.produce(scene.topic, [...chunksOf(older).slice(0, 3), ...chunksOf(newer)]);
  await receiveOnce(scene, output);
  expect(await md5sum(join(output, "u/a.bin"))).toBe(md5Of(newer.content));
  expect(await leftovers(output)).toEqual([]);
});

test("a version that was given up is never stored, and leaves nothing behind", async () => {
  const { scene, kafka, topicId, output } = await prepare();
  const content = new Random(67).bytes(30_000);
  const records = chunksOf({ uploader: "u", path: "a.bin", content, chunkBytes: 9_000, topicId });
  const id = (records[0] as PlainRecord).headers.slice(0, 4);
  const abandoned = {
    key: "u/a.bin",
    value: null,
    headers: [...id, { abandoned: "changed while it was read" }],
  };
  await kafka.produce(scene.topic, [...records.slice(0, 2), abandoned]);
  await receiveOnce(scene, output);
  expect(await listFiles(output)).toEqual([]);
  expect(await leftovers(output)).toEqual([]);
});

test("a file whose checksum does not fit is never published", async () => {
  const { scene, kafka, output } = await prepare();
  await mkdir(join(output, "u"));
  await writeFile(join(output, "u/a.txt"), "what was there");
  const [record] = chunksOf({ uploader: "u", path: "a.txt", content: Buffer.from("hello") });
  const wrong = withHeader(record as PlainRecord, "checksum", `md5:${"0".repeat(32)}`);
  await kafka.produce(scene.topic, [
    wrong,
    ...chunksOf({ uploader: "u", path: "b.txt", content: Buffer.from("b") }),
  ]);
  const agent = await scene.downloader(output);
  await agent.waitForLine(/u\/b\.txt: merge complete/);
  expect(await Bun.file(join(output, "u/a.txt")).text()).toBe("what was there");
  expect(agent.output).not.toContain("a.txt: merge complete");
});
