/** `uploader.partitioning: spread`: the chunks of a file use all partitions at once. */
import { expect, test } from "bun:test";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { AgentHttp, anyPort } from "../support/agent-http.ts";
import { expectSameTree, listFiles } from "../support/compare.ts";
import { compacted, headerOf, type ReadRecord } from "../support/records.ts";
import { type Scene, type Settings, useScenes } from "../support/scene.ts";
import { writeLargeFile } from "../support/tree.ts";
import { waitUntil } from "../support/wait.ts";

const openScene = useScenes();
const partitions = 3;
/** A member that has ended keeps its partitions for so long. */
const sessionMs = 45_000;
const kafka = { partitions };
const spread = { partitioning: "spread", chunk: 65_536 };
/** Slow enough that a process that is hit at the 20th chunk surely is in the middle. */
const slowly = { ...spread, rate: "2MB/s", in_flight: "512KiB" };
/** 128 chunks. */
const fileBytes = 8 << 20;

async function prepare() {
  const scene = await openScene();
  const source = await scene.folder("source");
  const output = await scene.folder("output");
  const upload = (uploader: Settings) => scene.uploader(source, { kafka, uploader });
  return { scene, source, output, upload };
}

async function chunksOf(scene: Scene, path: string): Promise<ReadRecord[]> {
  const records = await (await scene.kafka()).readAll(scene.topic);
  return records.filter((record) => headerOf(record, "path") === path);
}

const partitionsOf = (records: readonly ReadRecord[]) =>
  [...new Set(records.map(({ partition }) => partition))].sort();
const versionsOf = (records: readonly ReadRecord[]) =>
  new Set(records.map((record) => headerOf(record, "version"))).size;

test("a spread file's chunks are in all partitions, one of a single chunk is in one, and both arrive", async () => {
  const { scene, source, output, upload } = await prepare();
  await writeLargeFile(join(source, "video.avi"), fileBytes);
  await writeFile(join(source, "small.txt"), "small");
  const agents = [await upload(spread), await scene.downloader(output, { kafka })];
  await expectSameTree(source, join(output, "uploader"), agents);
  const chunks = await chunksOf(scene, "video.avi");
  expect(chunks).toHaveLength(128);
  const counts = [0, 1, 2].map((one) => chunks.filter(({ partition }) => partition === one).length);
  expect(counts.toSorted()).toEqual([42, 43, 43]);
  const small = await chunksOf(scene, "small.txt");
  expect(small.map((record) => headerOf(record, "from"))).toEqual([undefined]);
  const entry = await waitUntil("it is noted as sent", async () => {
    const entries = compacted(await (await scene.kafka()).readAll(scene.ledger));
    return entries.get("file/uploader/video.avi") as { from: string; to: string } | undefined;
  });
  const lasts = chunks.map(({ partition, offset }) => [partition, offset] as const);
  const [, ...places] = entry.to.split(" ");
  const ends = new Map(places.map((place) => place.split("@").map(Number) as [number, number]));
  expect(ends).toEqual(new Map(lasts));
  for (const record of chunks) expect(headerOf(record, "from")).toBe(entry.from);
});

test("an uploader that is killed in a spread file goes on with it, also when it is to spread no more", async () => {
  const { scene, source, output, upload } = await prepare();
  await writeLargeFile(join(source, "video.avi"), 32 << 20);
  const first = await upload({ ...spread, chunk: "256KiB", rate: "8MB/s" });
  const downloader = await scene.downloader(output, { kafka });
  await downloader.waitForLine(/video\.avi \(00040\/00128\)/);
  await first.kill();
  const second = await upload({ partitioning: "file", chunk: "256KiB" });
  await expectSameTree(source, join(output, "uploader"), [second, downloader]);
  const chunks = await chunksOf(scene, "video.avi");
  expect(versionsOf(chunks)).toBe(1);
  expect(new Set(chunks.map((record) => headerOf(record, "from"))).size).toBe(1);
  await second.waitForLine(/video\.avi: goes on after/);
  expect(partitionsOf(chunks)).toEqual([0, 1, 2]);
});

test("a downloader that is killed in a spread file goes on where it was, and reads nothing of it again", async () => {
  const { scene, source, output, upload } = await prepare();
  await writeLargeFile(join(source, "video.avi"), fileBytes);
  const uploader = await upload(slowly);
  const first = await scene.downloader(output, { kafka });
  await first.waitForLine(/video\.avi \(00020\/00128\)/);
  first.signal("SIGTERM");
  expect(await first.waitForExit()).toBe(0);
  const second = await scene.downloader(output, { kafka });
  await second.waitForLine(/video\.avi \(00040\/00128\)/);
  await second.kill();
  expect(await listFiles(output)).toEqual([]);
  const third = await scene.downloader(output, { kafka });
  await expectSameTree(source, join(output, "uploader"), [uploader, third]);
  await third.waitForLine(/video\.avi: merge complete/);
  for (const agent of [second, third]) expect(agent.output).not.toMatch(/read again from the log/);
  expect(second.output).not.toMatch(/video\.avi \(00001\/00128\)/);
  expect(versionsOf(await chunksOf(scene, "video.avi"))).toBe(1);
});

/** Two members of a group, each with some of the partitions: it has stored a file of them. */
async function twoMembers(scene: Scene, source: string) {
  const outputs = [await scene.folder("one"), await scene.folder("other")] as const;
  const start = (at: 0 | 1) =>
    scene.downloader(outputs[at], { name: `member-${at}`, kafka, settings: anyPort });
  const members = [await start(0), await start(1)] as const;
  const stored = async () => (await Promise.all(outputs.map((output) => listFiles(output)))).flat();
  let written = 0;
  await waitUntil("each has stored something", async () => {
    const counts = await Promise.all(outputs.map(async (output) => (await listFiles(output)).length));
    if (counts[0] && counts[1]) return true;
    if ((counts[0] ?? 0) + (counts[1] ?? 0) === written)
      await writeFile(join(source, `${written++}.txt`), `${written}`);
    return false;
  });
  return { outputs, members, stored };
}

test("two members refuse a spread file, say so, and go on with others; when one stops the other takes it", async () => {
  const { scene, source, upload } = await prepare();
  const uploader = await upload(spread);
  const { members, stored } = await twoMembers(scene, source);
  const https = [await AgentHttp.of(members[0]), await AgentHttp.of(members[1])] as const;
  for (const http of https) await http.waitForReadiness(true);
  await writeLargeFile(join(source, "video.avi"), fileBytes);
  const why =
    /^1 spread file is refused, as this member does not have all partitions: uploader\/video\.avi; taken once one member of the group has all of them/m;
  for (const http of https) await http.waitForReadiness(false, why);
  await uploader.waitForLine(/video\.avi: successfully processed/);
  for (let at = 0; at < 6; at++) await writeFile(join(source, `after-${at}.txt`), `${at}`);
  const before = async () => (await stored()).filter((file) => file.startsWith("uploader/after"));
  await waitUntil("the others arrive", async () => (await before()).length === 6);
  for (const http of https) {
    await http.waitForReadiness(false, why);
    expect(await http.metric("streamsend_parked_files")).toBe(1);
    const reason = expect.stringMatching(
      /^it is spread over 3 partitions, and this member has [12] of them$/,
    );
    expect((await http.status()).parked).toEqual({
      count: 1,
      items: [{ path: "uploader/video.avi", reason }],
    });
  }
  const admin = await scene.kafka();
  await waitUntil("their positions are not held up", async () => {
    const ends = await admin.endOffsets(scene.topic);
    return Bun.deepEquals(await admin.committedBy(scene.group, scene.topic), ends);
  });
  expect(await members[0].stop()).toBe(true);
  await members[1].waitForLine(/uploader\/video\.avi: merge complete/, 3 * sessionMs);
  await https[1].waitForReadiness(true);
  expect((await stored()).filter((file) => file.includes("video.avi"))).toHaveLength(1);
});

test("with --once a member of several names what it refused, and ends with exit code 1", async () => {
  const { scene, source, upload } = await prepare();
  const uploader = await upload(spread);
  const { members, outputs } = await twoMembers(scene, source);
  await members[0].kill();
  await writeLargeFile(join(source, "video.avi"), 1 << 20);
  await uploader.waitForLine(/video\.avi: successfully processed/);
  // It has the same partitions as before.
  const once = await scene.downloader(outputs[0], { name: "member-0", kafka, args: ["--once"] });
  const code = await once.waitForExit();
  expect(once.output).toMatch(/WARN .*uploader\/video\.avi: refused: it is spread over 3 partitions/);
  expect(code).toBe(1);
});

test("a member that loses a partition in the middle of a spread file keeps what it has, and takes the rest once it has all again", async () => {
  const { scene, source, upload } = await prepare();
  const outputs = [await scene.folder("one"), await scene.folder("other")] as const;
  await writeLargeFile(join(source, "video.avi"), fileBytes);
  const uploader = await upload(slowly);
  const one = await scene.downloader(outputs[0], { name: "one", kafka });
  await one.waitForLine(/video\.avi \(00020\/00128\)/);
  uploader.signal("SIGTERM");
  expect(await uploader.waitForExit()).toBe(0);
  const other = await scene.downloader(outputs[1], { name: "other", kafka });
  const small = await scene.folder("small");
  await scene.uploader(small, { name: "small", kafka });
  let written = 0;
  await waitUntil("the other has a partition", async () => {
    const counts = await Promise.all(outputs.map(async (output) => (await listFiles(output)).length));
    if ((counts[0] ?? 0) + (counts[1] ?? 0) === written)
      await writeFile(join(small, `${written++}.txt`), `${written}`);
    return (counts[1] ?? 0) > 0;
  });
  const again = await upload(spread);
  await again.waitForLine(/video\.avi: successfully processed/);
  for (const member of [one, other])
    await member.waitForLine(/WARN .*uploader\/video\.avi: refused: it is spread over 3 partitions/);
  expect(await other.stop()).toBe(true);
  await one.waitForLine(/uploader\/video\.avi: merge complete/, 3 * sessionMs);
  await expectSameTree(source, join(outputs[0], "uploader"), [one]);
  expect(versionsOf(await chunksOf(scene, "video.avi"))).toBe(1);
});

test("partitions that are added while a spread file is under way: it stays where it began, the next one is in all", async () => {
  const { scene, source, output, upload } = await prepare();
  await writeLargeFile(join(source, "video.avi"), fileBytes);
  const uploader = await upload(slowly);
  const downloader = await scene.downloader(output, { kafka });
  await downloader.waitForLine(/video\.avi \(00020\/00128\)/);
  const admin = await scene.kafka();
  await admin.addPartitions(scene.topic, partitions + 2);
  await uploader.waitForLine(/video\.avi: finished/);
  const agents = [uploader, downloader];
  await expectSameTree(source, join(output, "uploader"), agents);
  expect(partitionsOf(await chunksOf(scene, "video.avi"))).toEqual([0, 1, 2]);
  // A version begins in the partitions that its uploader knows of.
  await waitUntil("a file is sent to all five", async () => {
    const name = `after-${crypto.randomUUID()}.avi`;
    await writeLargeFile(join(source, name), 1 << 20);
    await uploader.waitForLine(new RegExp(`${name}: finished`));
    return partitionsOf(await chunksOf(scene, name)).length === partitions + 2;
  });
  await expectSameTree(source, join(output, "uploader"), agents);
});

test("what of a spread file has expired is asked for, and is sent again to its partitions", async () => {
  const { scene, source, output, upload } = await prepare();
  // The group begins before it.
  expect(await (await scene.downloader(output, { kafka, args: ["--once"] })).waitForExit()).toBe(0);
  await writeLargeFile(join(source, "video.avi"), fileBytes);
  const uploader = await upload(spread);
  await uploader.waitForLine(/video\.avi: successfully processed/);
  await (await scene.kafka()).expireAll(scene.topic);
  const downloader = await scene.downloader(output, { kafka });
  await uploader.waitForLine(/bytes of version \d+ were sent again/);
  await expectSameTree(source, join(output, "uploader"), [uploader, downloader]);
  expect(partitionsOf(await chunksOf(scene, "video.avi"))).toEqual([0, 1, 2]);
});

test("a spread file whose topic was made again with fewer partitions is asked for, and is sent to all of these", async () => {
  const { scene, source, output, upload } = await prepare();
  expect(await (await scene.downloader(output, { kafka, args: ["--once"] })).waitForExit()).toBe(0);
  await writeLargeFile(join(source, "video.avi"), fileBytes);
  const uploader = await upload(spread);
  await uploader.waitForLine(/video\.avi: successfully processed/);
  const admin = await scene.kafka();
  await admin.deleteTopic(scene.topic);
  await waitUntil("it is gone", () =>
    admin.describeTopic(scene.topic).then(
      () => false,
      () => true,
    ),
  );
  await admin.createTopic(scene.topic, 2, { "message.timestamp.type": "LogAppendTime" });
  const downloader = await scene.downloader(output, { kafka });
  await expectSameTree(source, join(output, "uploader"), [uploader, downloader]);
  expect(partitionsOf(await chunksOf(scene, "video.avi"))).toEqual([0, 1]);
});
