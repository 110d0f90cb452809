/** What swallowed chunks, and how a downloader gets them back; the uploader's part is played by hand. */
import { expect, test } from "bun:test";
import { mkdir, rename, writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { AgentProcess } from "../support/agent-process.ts";
import { leftovers, listFiles, md5sum } from "../support/compare.ts";
import { chunkAt, chunksOf, type HandMadeFile, handMadeVersion, withHeader } from "../support/hand-made.ts";
import { fileEntry } from "../support/hand-made-ledger.ts";
import type { PlainKafka } from "../support/plain-kafka.ts";
import { Random } from "../support/random.ts";
import { compacted } from "../support/records.ts";
import { type Scene, useScenes } from "../support/scene.ts";
import { waitUntil } from "../support/wait.ts";

const openScene = useScenes();

interface Stage {
  scene: Scene;
  kafka: PlainKafka;
  topicId: string;
  output: string;
  start(args?: readonly string[]): Promise<AgentProcess>;
}

async function prepare(): Promise<Stage> {
  const scene = await openScene();
  const kafka = await scene.kafka();
  await kafka.createTopic(scene.topic, 1, { "message.timestamp.type": "LogAppendTime" });
  await kafka.createTopic(scene.ledger, 1, { "cleanup.policy": "compact" });
  const { id: topicId } = await kafka.describeTopic(scene.topic);
  const output = await scene.folder("output");
  return { scene, kafka, topicId, output, start: (args) => scene.downloader(output, args ? { args } : {}) };
}

function fileOf(stage: Stage, seed: number, bytes = 20_000): HandMadeFile {
  const content = new Random(seed).bytes(bytes);
  return { uploader: "till", path: "a.bin", content, chunkBytes: 5_000, topicId: stage.topicId };
}

async function ledgerOf({ kafka, scene }: Stage): Promise<Map<string, unknown>> {
  return compacted(await kafka.readAll(scene.ledger));
}

/** What the group asks for now, if it asks. */
async function needsOf(stage: Stage): Promise<unknown> {
  const entries = [...(await ledgerOf(stage))].filter(([key]) =>
    key.startsWith(`needs/${stage.scene.group}/`),
  );
  expect(entries.length).toBeLessThan(2);
  return (entries[0]?.[1] as { ranges: unknown } | undefined)?.ranges;
}

const receiptKey = ({ scene }: Stage, kind: string, version = handMadeVersion) =>
  `${kind}/${scene.group}/till/${version}/a.bin`;

async function expectDelivered(stage: Stage, file: HandMadeFile, agent: AgentProcess): Promise<void> {
  await agent.waitForLine(/till\/a\.bin: merge complete/);
  await waitUntil("the receipt is written and nothing is asked for any more", async () => {
    const entries = await ledgerOf(stage);
    return entries.has(receiptKey(stage, "delivered", file.version)) && (await needsOf(stage)) === undefined;
  });
  const wanted = new Bun.CryptoHasher("md5").update(file.content).digest("hex");
  expect(await md5sum(join(stage.output, "till/a.bin"))).toBe(wanted);
}

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

test("keep-both keeps each older version beside the newest", async () => {
  const stage = await prepare();
  const { kafka, scene, output } = stage;
  const agent = await scene.downloader(output, { downloader: { on_change: "keep-both" } });
  for (const [at, text] of ["one", "two", "three"].entries()) {
    const file = { uploader: "till", path: "note.txt", content: Buffer.from(text), version: 100 + at };
    await kafka.produce(scene.topic, chunksOf(file));
    await waitUntil(`version ${at} is there`, () => agent.output.split("merge complete").length === at + 2);
  }
  const texts = ["note.txt", "note.~100~.txt", "note.~101~.txt"].map((name) =>
    Bun.file(join(output, "till", name)).text(),
  );
  expect(await Promise.all(texts)).toEqual(["three", "one", "two"]);
});

test("redeliver brings back what was delivered and taken away, and what had failed", async () => {
  const stage = await prepare();
  const { kafka, scene, topicId, output } = stage;
  const file = fileOf(stage, 6);
  await kafka.produce(scene.topic, chunksOf(file));
  await kafka.produce(scene.ledger, [fileEntry(file, { topicId, offset: 3, from: `${topicId} 0@0` })]);
  const agent = await stage.start();
  await expectDelivered(stage, file, agent);
  await Bun.file(join(output, "till/a.bin")).delete();
  const config = await scene.configuration({
    role: "downloader",
    kafka: { brokers: scene.brokers, topic: scene.topic, ledger: scene.ledger },
    downloader: { output, group: scene.group },
  });
  const ask = async (...args: string[]) => {
    const command = scene.agent(["redeliver", ...args, "--config", config]);
    expect(await command.waitForExit()).toBe(0);
    return command.output;
  };
  expect(await ask("other/**")).toContain("nothing of group");
  expect(await ask("--since", "2999-01-01")).toContain("nothing of group");
  expect(await ask("till/*.bin", "--since", "1h")).toContain("till/a.bin: version");
  await waitUntil("it is there again", async () => (await listFiles(output)).length === 1, {
    detail: () => agent.report(),
  });
  await expectDelivered(stage, file, agent);
});

test("the receipt of a file that its uploader has forgotten is dropped, and nothing is fetched for that", async () => {
  const stage = await prepare();
  const { kafka, scene, topicId } = stage;
  const file = fileOf(stage, 9);
  await kafka.produce(scene.topic, chunksOf(file));
  const entry = fileEntry(file, { topicId, offset: 3, from: `${topicId} 0@0` });
  await kafka.produce(scene.ledger, [entry]);
  const agent = await stage.start();
  await expectDelivered(stage, file, agent);
  await kafka.produce(scene.ledger, [{ ...entry, value: null }]);
  const isLeft = async () => (await ledgerOf(stage)).has(receiptKey(stage, "delivered"));
  await waitUntil("its receipt is dropped", async () => !(await isLeft()), { detail: () => agent.report() });
  // The next version is delivered as any other, and stays so.
  const next = { ...file, version: handMadeVersion + 1 };
  await kafka.produce(scene.topic, chunksOf(next));
  await kafka.produce(scene.ledger, [fileEntry(next, { topicId, offset: 7, from: `${topicId} 0@4` })]);
  await waitUntil("the next is delivered", async () =>
    (await ledgerOf(stage)).has(receiptKey(stage, "delivered", next.version)),
  );
  expect(agent.output.split("merge complete")).toHaveLength(3);
});

test("what is parked is looked at again after an upgrade also when the first try to begin fails", async () => {
  const stage = await prepare();
  const { kafka, scene, topicId } = stage;
  const file = { ...fileOf(stage, 10, 1_000), chunkBytes: 1_000 };
  await kafka.produce(scene.topic, chunksOf(file));
  // An older agent did not understand it, noted where it is, and went on.
  await kafka.commit(scene.group, scene.topic, 1, JSON.stringify({ store: "elsewhere", topic: topicId }));
  const parked = [{ topic: topicId, partition: 0, from: 0, to: 1, what: "format 0" }];
  const prepared = await scene.folder("prepared");
  await mkdir(join(prepared, ".streamsend"), { mode: 0o700 });
  await writeFile(join(prepared, ".streamsend/parked.json"), JSON.stringify(parked));
  const output = `${prepared}-mounted-later`;
  const agent = await scene.downloader(output);
  await agent.waitForLine(/trying again until it works/);
  await rename(prepared, output);
  await agent.waitForLine(/till\/a\.bin: merge complete/);
});

test("an output without the right to write to one folder fails that folder's files only", async () => {
  const stage = await prepare();
  const { kafka, scene, output } = stage;
  const { mount } = await import("../support/mount.ts");
  const folder = join(output, "till");
  await Bun.$`mkdir ${folder}`;
  await using _mounted = await mount("tmpfs", folder);
  const blocked = { uploader: "till", path: "a.bin", content: Buffer.from("x") };
  const free = { uploader: "other", path: "b.bin", content: Buffer.from("y") };
  await kafka.produce(scene.topic, [...chunksOf(blocked), ...chunksOf(free)]);
  const agent = await stage.start();
  await agent.waitForLine(/other\/b\.bin: merge complete/);
  await agent.waitForLine(/till\/a\.bin: failed: .*its folder is on another file system/);
  expect(await listFiles(output)).toHaveLength(1);
});

test("a version that does not fit is parked, smaller ones go on, and it comes once there is room", async () => {
  const stage = await prepare();
  const { kafka, scene, topicId } = stage;
  const { mount } = await import("../support/mount.ts");
  const output = await scene.folder("small");
  await using _mounted = await mount("tmpfs", output, "size=4m");
  await writeFile(join(output, "filler"), Buffer.alloc(2 << 20));
  const agent = await scene.downloader(output, { downloader: { min_free: "1MiB" } });
  const large = { ...fileOf(stage, 7, 2 << 20), chunkBytes: 256 << 10 };
  await kafka.produce(scene.topic, chunksOf(large));
  await kafka.produce(scene.ledger, [fileEntry(large, { topicId, offset: 7, from: `${topicId} 0@0` })]);
  await agent.waitForLine(/till\/a\.bin: parked/);
  await kafka.produce(scene.topic, chunksOf({ uploader: "till", path: "small", content: Buffer.from("s") }));
  await agent.waitForLine(/till\/small: merge complete/);
  await Bun.file(join(output, "filler")).delete();
  await agent.waitForLine(/till\/a\.bin: merge complete/);
});

test("a file whose entry is forged to an offset beyond the end of the log is got back", async () => {
  const { scene, kafka, start } = await prepare();
  const source = await scene.folder("source");
  await writeFile(join(source, "a.txt"), "a");
  const uploader = await scene.uploader(source);
  await uploader.waitForLine(/a\.txt: successfully processed/);
  const key = "file/uploader/a.txt";
  const own = (await kafka.readAll(scene.ledger)).findLast((record) => record.key === key);
  const forged = { ...JSON.parse(own?.value?.toString() ?? ""), offset: Number.MAX_SAFE_INTEGER };
  await kafka.expireAll(scene.topic);
  await kafka.produce(scene.ledger, [{ key, value: Buffer.from(JSON.stringify(forged)), headers: [] }]);
  const downloader = await start();
  await downloader.waitForLine(/uploader\/a\.txt: merge complete/);
});
