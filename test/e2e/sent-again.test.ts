/** Ranges that a group asks for are sent again; the group's part is played by hand. */
import { expect, test } from "bun:test";
import { appendFile, readFile, rename, writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { AgentProcess } from "../support/agent-process.ts";
import { md5sum, run } from "../support/compare.ts";
import { fileAsNoted, request } from "../support/hand-made-ledger.ts";
import type { PlainKafka } from "../support/plain-kafka.ts";
import { compacted, headerOf, type ReadRecord } from "../support/records.ts";
import { type Scene, useScenes } from "../support/scene.ts";
import { writeLargeFile } from "../support/tree.ts";
import { waitUntil } from "../support/wait.ts";

const openScene = useScenes();
const chunkBytes = 65_536;
const fileBytes = 10 * chunkBytes + 1;

interface Entry {
  version: number;
  state: string;
  topic: string;
  partition: number;
  from?: string;
  checksum: string;
  offset: number;
}

interface Stage {
  scene: Scene;
  kafka: PlainKafka;
  source: string;
  file: string;
  start(args?: readonly string[]): Promise<AgentProcess>;
}

/** A file of eleven chunks that is sent. */
async function prepare(): Promise<Stage> {
  const scene = await openScene();
  const source = await scene.folder("source");
  const file = join(source, "video.avi");
  await writeLargeFile(file, fileBytes);
  const start = (args?: readonly string[]) =>
    scene.uploader(source, {
      uploader: { chunk: chunkBytes },
      kafka: { ledger_partitions: 1 },
      ...(args && { args }),
    });
  expect(await (await start(["--once"])).waitForExit()).toBe(0);
  return { scene, kafka: await scene.kafka(), source, file, start };
}

async function entryOf({ kafka, scene }: Stage, path = "video.avi"): Promise<Entry> {
  return compacted(await kafka.readAll(scene.ledger)).get(`file/uploader/${path}`) as Entry;
}

async function ask(
  stage: Stage,
  ranges: [number, number][],
  group = "hub",
  path = "video.avi",
): Promise<number> {
  const { version } = await entryOf(stage, path);
  await stage.kafka.produce(stage.scene.ledger, [
    request(group, { uploader: "uploader", path, version }, ranges),
  ]);
  return version;
}

/** What came after the first sending. */
async function sentAgain({ kafka, scene }: Stage, from = 11): Promise<ReadRecord[]> {
  return (await kafka.readAll(scene.topic)).slice(from);
}

function rangesOf(records: readonly ReadRecord[]): [number, number][] {
  return records.map((record) => {
    const offset = Number(headerOf(record, "offset"));
    return [offset, offset + (record.value?.length ?? 0)];
  });
}

test("a range that a group asks for is sent again as chunks of the same version, and only that", async () => {
  const stage = await prepare();
  const before = await entryOf(stage);
  expect(before.from).toBe(`${before.topic} 0@0`);
  const agent = await stage.start();
  await ask(stage, [[chunkBytes, 3 * chunkBytes + 5]]);
  await agent.waitForLine(/video\.avi: 131077 bytes of version \d+ were sent again/);
  const records = await sentAgain(stage);
  expect(rangesOf(records)).toEqual([
    [chunkBytes, 2 * chunkBytes],
    [2 * chunkBytes, 3 * chunkBytes],
    [3 * chunkBytes, 3 * chunkBytes + 5],
  ]);
  const content = await readFile(stage.file);
  for (const record of records) {
    const offset = Number(headerOf(record, "offset"));
    expect(record.value?.equals(content.subarray(offset, offset + (record.value?.length ?? 0)))).toBe(true);
    expect(headerOf(record, "version")).toBe(String(before.version));
    expect(headerOf(record, "from")).toBe(before.from as string);
    expect(headerOf(record, "last")).toBeUndefined();
  }
  expect(await entryOf(stage)).toMatchObject({ ...before, offset: 13 });
});

test("a range up to the file's end ends with the mark and the checksum of the version", async () => {
  const stage = await prepare();
  const agent = await stage.start();
  await ask(stage, [[fileBytes - 2, fileBytes + 1000]]);
  await agent.waitForLine(/video\.avi: 2 bytes of version \d+ were sent again/);
  const [record, ...more] = await sentAgain(stage);
  expect(more).toEqual([]);
  expect(record && headerOf(record, "last")).toBe("1");
  expect(record && headerOf(record, "checksum")).toBe(`md5:${await md5sum(stage.file)}`);
});

test("what stood in the ledger before the start is answered once, for all groups together, also with --once", async () => {
  const stage = await prepare();
  await ask(stage, [[0, 10]], "hub");
  await ask(
    stage,
    [
      [5, 20],
      [chunkBytes, chunkBytes + 1],
    ],
    "mirror",
  );
  expect(await (await stage.start(["--once"])).waitForExit()).toBe(0);
  expect(rangesOf(await sentAgain(stage))).toEqual([
    [0, 20],
    [chunkBytes, chunkBytes + 1],
  ]);
  // The requests still stand there; they are answered.
  expect(await (await stage.start(["--once"])).waitForExit()).toBe(0);
  expect(await sentAgain(stage)).toHaveLength(2);
});

test("an empty file that is asked for is sent again", async () => {
  const stage = await prepare();
  await writeFile(join(stage.source, "empty"), "");
  const agent = await stage.start();
  await agent.waitForLine(/empty: successfully processed/);
  await ask(stage, [[0, 0]], "hub", "empty");
  await agent.waitForLine(/empty: 0 bytes of version \d+ were sent again/);
  const records = await sentAgain(stage, 12);
  expect(records.map((record) => [record.key, headerOf(record, "last")])).toEqual([["uploader/empty", "1"]]);
});

test("a file that is gone is noted as gone at once, with where its chunks are", async () => {
  const stage = await prepare();
  const before = await entryOf(stage);
  // A rescan would notice it, too.
  const agent = await stage.scene.uploader(stage.source, {
    uploader: { rescan: "1h" },
    kafka: { ledger_partitions: 1 },
  });
  await writeFile(join(stage.source, "ready.txt"), "ready");
  await agent.waitForLine(/ready\.txt: successfully processed/);
  await run(["mv", stage.file, `${stage.source}/.hidden`]);
  const version = await ask(stage, [[0, 10]]);
  await agent.waitForLine(
    new RegExp(`video\\.avi: version ${version} is asked for again by group hub but is gone`),
  );
  expect(await entryOf(stage)).toMatchObject({ ...before, state: "gone" });
  expect(await sentAgain(stage, 12)).toEqual([]);
});

test("a file that has changed is sent as a new version instead", async () => {
  const stage = await prepare();
  await appendFile(stage.file, "more");
  const version = await ask(stage, [[0, 10]]);
  expect(await (await stage.start(["--once"])).waitForExit()).toBe(0);
  const versions = (await sentAgain(stage)).map((record) => Number(headerOf(record, "version")));
  expect(versions.length).toBeGreaterThan(10);
  for (const other of versions) expect(other).toBeGreaterThan(version);
});

test("a file whose content has changed behind its size and times is sent as a new version", async () => {
  const stage = await prepare();
  const other = Buffer.alloc(fileBytes, "x");
  await writeFile(`${stage.source}/.other`, other);
  await run(["touch", "-r", stage.file, `${stage.source}/.other`]);
  await rename(`${stage.source}/.other`, stage.file);
  const version = await ask(stage, [[0, fileBytes]]);
  expect(await (await stage.start(["--once"])).waitForExit()).toBe(0);
  const records = await sentAgain(stage);
  expect(records).toHaveLength(11);
  for (const record of records) expect(Number(headerOf(record, "version"))).toBeGreaterThan(version);
});

test("a file that was only moved there and back is sent again as the same version", async () => {
  const stage = await prepare();
  await run(["cp", "-p", stage.file, join(stage.source, ".copy")]);
  await rename(join(stage.source, ".copy"), stage.file);
  const version = await ask(stage, [[0, 10]]);
  expect(await (await stage.start(["--once"])).waitForExit()).toBe(0);
  const records = await sentAgain(stage);
  expect(rangesOf(records)).toEqual([[0, 10]]);
  expect(records[0] && headerOf(records[0], "version")).toBe(String(version));
});

test("requests for another version, an unknown path, or a path that leads elsewhere are left alone", async () => {
  const stage = await prepare();
  const { scene, kafka } = stage;
  const { version } = await entryOf(stage);
  const agent = await stage.start();
  const asked = [
    { path: "video.avi", version: version + 1 },
    { path: "video.avi", version: version - 1 },
    { path: "other.avi", version },
    { path: "../../etc/passwd", version },
    { path: "/etc/passwd", version },
  ];
  const ranges: [number, number][] = [[0, 10]];
  await kafka.produce(
    scene.ledger,
    asked.map((id) => request("hub", { uploader: "uploader", ...id }, ranges)),
  );
  await ask(stage, [[7, 8]]);
  await agent.waitForLine(/video\.avi: 1 bytes of version \d+ were sent again/);
  expect(rangesOf(await sentAgain(stage))).toEqual([[7, 8]]);
});

test("a request that is taken back before it is answered is not answered", async () => {
  const stage = await prepare();
  const { scene, kafka } = stage;
  const version = await ask(stage, [[0, 10]]);
  const id = { uploader: "uploader", path: "video.avi", version };
  await kafka.produce(scene.ledger, [request("hub", id, undefined)]);
  expect(await (await stage.start(["--once"])).waitForExit()).toBe(0);
  expect(await sentAgain(stage)).toEqual([]);
});

test("after the topic was made again, what is asked for goes into the new one and is found there", async () => {
  const stage = await prepare();
  const { scene, kafka } = stage;
  const agent = await stage.start();
  await agent.waitForLine(/started|uploader/);
  await kafka.deleteTopic(scene.topic);
  await waitUntil("the topic is gone", () =>
    kafka.describeTopic(scene.topic).then(
      () => false,
      () => true,
    ),
  );
  await kafka.createTopic(scene.topic, 1, { "message.timestamp.type": "LogAppendTime" });
  const { id } = await kafka.describeTopic(scene.topic);
  await ask(stage, [[0, fileBytes]]);
  await agent.waitForLine(/video\.avi: \d+ bytes of version \d+ were sent again/);
  const records = await sentAgain(stage, 0);
  expect(records).toHaveLength(11);
  for (const record of records) expect(headerOf(record, "from")).toBe(`${id} 0@0`);
  expect(await entryOf(stage)).toMatchObject({ state: "sent", topic: id, from: `${id} 0@0`, offset: 10 });
});

test("a downloader whose chunks were lost gets the file from the uploader", async () => {
  const stage = await prepare();
  const { scene, kafka, file } = stage;
  await kafka.deleteRecords(scene.topic, 0, 5);
  const output = await scene.folder("output");
  const agents = [await stage.start(), await scene.downloader(output, { kafka: { ledger_partitions: 1 } })];
  await agents[1]?.waitForLine(/uploader\/video\.avi: merge complete/);
  expect(await md5sum(join(output, "uploader/video.avi"))).toBe(await md5sum(file));
});

test("a file whose topic is made again while it is sent is sent anew into the new one, as a new version", async () => {
  const scene = await openScene();
  const kafka = await scene.kafka();
  const source = await scene.folder("source");
  const output = await scene.folder("output");
  await writeLargeFile(join(source, "video.avi"), 20 << 20);
  const uploader = await scene.uploader(source, { uploader: { chunk: chunkBytes, rate: "2MB/s" } });
  await uploader.waitForLine(/video\.avi: \(00010 of 00320\) chunk uploaded/);
  await kafka.deleteTopic(scene.topic);
  await uploader.waitForLine(/topic .* was made again|was deleted and made again/);
  await uploader.waitForLine(/video\.avi: successfully processed/);
  const { id } = await kafka.describeTopic(scene.topic);
  const entry = compacted(await kafka.readAll(scene.ledger)).get("file/uploader/video.avi");
  expect(entry).toMatchObject({ state: "sent", topic: id });
  const downloader = await scene.downloader(output);
  await downloader.waitForLine(/uploader\/video\.avi: merge complete/);
  expect(await md5sum(join(output, "uploader/video.avi"))).toBe(await md5sum(join(source, "video.avi")));
});

test("a version that was acknowledged whole and not noted as sent ends with its last byte once more", async () => {
  const stage = await prepare();
  const { scene, kafka, file } = stage;
  const { checksum, ...entry } = await entryOf(stage);
  const sending = { ...entry, path: "video.avi", state: "sending", acknowledged: fileBytes };
  await kafka.produce(scene.ledger, [fileAsNoted("uploader", sending)]);
  expect(await (await stage.start(["--once"])).waitForExit()).toBe(0);
  const records = await sentAgain(stage);
  expect(rangesOf(records)).toEqual([[fileBytes - 1, fileBytes]]);
  expect(records[0] && headerOf(records[0], "checksum")).toBe(`md5:${await md5sum(file)}`);
  expect(await entryOf(stage)).toMatchObject({ version: entry.version, state: "sent", checksum, offset: 11 });
});
