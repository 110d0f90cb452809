/** Attributes that a watch gives to its files: they arrive with them, and a version has one set, whatever happens. */
import { expect, test } from "bun:test";
import { mkdir, readdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { AgentHttp, anyPort } from "../support/agent-http.ts";
import type { AgentProcess } from "../support/agent-process.ts";
import { expectSameTree } from "../support/compare.ts";
import { chunksOf } from "../support/hand-made.ts";
import { fileEntry, request } from "../support/hand-made-ledger.ts";
import { Random } from "../support/random.ts";
import { compacted, headerOf } from "../support/records.ts";
import { fileOf, useStages } from "../support/repair-stage.ts";
import { type AgentOptions, type Scene, type Settings, useScenes } from "../support/scene.ts";
import { writeLargeFile } from "../support/tree.ts";
import { chunksOfPath, versionsSent } from "../support/versions.ts";
import { waitUntil } from "../support/wait.ts";

const openScene = useScenes();
const openStage = useStages();
const json = { log: { format: "json" } };
const once = { args: ["--once"] };

const first = { store: "0042", region: "nörd" };
const second = { store: "0043", kind: "receipts" };

interface Said {
  message: string;
  attributes?: Record<string, string>;
}

/** What a JSON log says of the line with this text. */
function saidIn(agent: AgentProcess, text: string): Said | undefined {
  const lines = agent.output.split("\n").filter((line) => line.startsWith("{"));
  return lines.map((line) => JSON.parse(line) as Said).find(({ message }) => message.includes(text));
}

const watching = (path: string, attributes: Settings): Settings => ({ watch: [{ path, attributes }] });

function uploader(scene: Scene, source: string, attributes: Settings, more: AgentOptions = {}) {
  const options = { ...watching(source, attributes), ...more.uploader };
  return scene.uploader(source, { kafka: { ledger_partitions: 1 }, ...more, uploader: options });
}

/** Of each record of a file that has them. */
async function sentWith(scene: Scene, path: string): Promise<unknown[]> {
  const records = chunksOfPath(await (await scene.kafka()).readAll(scene.topic), path);
  return records.flatMap((record) => headerOf(record, "attributes") ?? []).map((text) => JSON.parse(text));
}

interface Entry {
  version: number;
  size: number;
  attributes?: Record<string, string>;
}

/** The entries of a file, by kind. */
async function entriesOf(scene: Scene, path: string): Promise<{ file?: Entry; delivered?: Entry }> {
  const ledger = [...compacted(await (await scene.kafka()).readAll(scene.ledger))];
  const of = (kind: string) =>
    ledger.find(([key]) => key.startsWith(`${kind}/`) && key.endsWith(`/${path}`))?.[1] as Entry;
  return { file: of("file"), delivered: of("delivered") };
}

test("attributes arrive with each file of their watch, on the record that ends it, and with no other file", async () => {
  const scene = await openScene();
  const [source, other] = [await scene.folder("source"), await scene.folder("other")];
  const output = await scene.folder("output");
  const odd = { store: "0042", empty: "", "a.b_c-d": 'quoted "\n\0 🎬' };
  const files = { "small.txt": Buffer.from("small"), "large.bin": new Random(5).bytes(150_000), empty: "" };
  for (const [name, content] of Object.entries(files)) await writeFile(join(source, name), content);
  await writeFile(join(other, "plain.txt"), "plain");
  const sending = await scene.uploader(source, {
    ...once,
    uploader: {
      chunk: 65_536,
      watch: [
        { path: source, as: "with", attributes: odd },
        { path: other, as: "without" },
      ],
    },
  });
  expect(await sending.waitForExit()).toBe(0);
  const storing = await scene.downloader(output, { ...once, settings: json });
  expect(await storing.waitForExit()).toBe(0);
  await expectSameTree(source, join(output, "uploader/with"), [storing]);
  for (const name of Object.keys(files)) {
    expect(saidIn(storing, `with/${name}: merge complete`)?.attributes).toEqual(odd);
    const { file, delivered } = await entriesOf(scene, `with/${name}`);
    expect([file?.attributes, delivered?.attributes]).toEqual([odd, odd]);
    expect(await sentWith(scene, `with/${name}`)).toEqual([odd]);
  }
  expect(saidIn(storing, "without/plain.txt: merge complete")).not.toHaveProperty("attributes");
  const plain = await entriesOf(scene, "without/plain.txt");
  for (const entry of [plain.file, plain.delivered]) expect(entry).not.toHaveProperty("attributes");
  expect(await sentWith(scene, "without/plain.txt")).toEqual([]);
});

test("an uploader that is killed in mid-file goes on with the attributes that the file had, not with those of the settings by then", async () => {
  const scene = await openScene();
  const [source, output] = [await scene.folder("source"), await scene.folder("output")];
  await writeLargeFile(join(source, "video.avi"), 32 << 20);
  const slowly = { uploader: { chunk: "256KiB", rate: "8MB/s" }, settings: anyPort };
  const killed = await uploader(scene, source, first, slowly);
  const downloader = await scene.downloader(output, { settings: json });
  await downloader.waitForLine(/video\.avi \(00040\/00128\)/);
  const { moving } = (await (await AgentHttp.of(killed)).status()) as { moving: { items: Entry[] } };
  expect(moving.items.map(({ attributes }) => attributes)).toEqual([first]);
  await killed.kill();
  const again = await uploader(scene, source, second, { uploader: { chunk: "256KiB" } });
  await expectSameTree(source, join(output, "uploader"), [again, downloader]);
  await downloader.waitForLine(/video\.avi: merge complete/);
  expect(versionsSent(await (await scene.kafka()).readAll(scene.topic), "video.avi").size).toBe(1);
  expect(saidIn(downloader, "video.avi: merge complete")?.attributes).toEqual(first);
  await writeFile(join(source, "later.txt"), "later");
  await downloader.waitForLine(/later\.txt: merge complete/);
  expect(saidIn(downloader, "later.txt: merge complete")?.attributes).toEqual(second);
});

test("a downloader that is killed between a file's end and its last missing chunk has kept its attributes", async () => {
  const stage = await openStage();
  const { kafka, scene, output } = stage;
  const file = { ...fileOf(stage, 1), attributes: first };
  const [begins, ...others] = chunksOf(file);
  await kafka.produce(scene.topic, others);
  const killed = await scene.downloader(output);
  const committed = () => kafka.committedBy(scene.group, scene.topic);
  await waitUntil("what came is on the disk for good", async () =>
    Bun.deepEquals(await committed().catch(() => []), [others.length]),
  );
  await killed.kill();
  const again = await scene.downloader(output, { settings: anyPort });
  const http = await AgentHttp.of(again);
  await waitUntil("it goes on with the file", async () => {
    const { moving } = (await http.status()) as { moving?: { items: Entry[] } };
    return moving?.items.some(({ attributes }) => Bun.deepEquals(attributes, first)) ?? false;
  });
  await kafka.produce(scene.topic, begins ? [begins] : []);
  await again.waitForLine(/a\.bin: merge complete/);
  await waitUntil(
    "its receipt has them",
    async () => (await entriesOf(scene, "a.bin")).delivered !== undefined,
  );
  expect((await entriesOf(scene, "a.bin")).delivered?.attributes).toEqual(first);
});

test("a changed setting sends nothing again, and what is asked for again has the attributes that it had", async () => {
  const scene = await openScene();
  const [source, output] = [await scene.folder("source"), await scene.folder("output")];
  await writeFile(join(source, "a.txt"), "first content");
  expect(await (await uploader(scene, source, first, once)).waitForExit()).toBe(0);
  await writeFile(join(source, "b.txt"), "second content");
  expect(await (await uploader(scene, source, second, once)).waitForExit()).toBe(0);
  expect([await sentWith(scene, "a.txt"), await sentWith(scene, "b.txt")]).toEqual([[first], [second]]);
  const version = (await entriesOf(scene, "a.txt")).file?.version ?? 0;
  const asked = request("mirror", { uploader: "uploader", path: "a.txt", version }, [[0, 13]]);
  await (await scene.kafka()).produce(scene.ledger, [asked]);
  expect(await (await uploader(scene, source, {}, once)).waitForExit()).toBe(0);
  expect(await sentWith(scene, "a.txt")).toEqual([first, first]);
  // Another time makes a new version of it: that has what the settings say, which is nothing.
  await writeFile(join(source, "a.txt"), "third content");
  expect(await (await uploader(scene, source, {}, once)).waitForExit()).toBe(0);
  expect(await sentWith(scene, "a.txt")).toEqual([first, first]);
  const storing = await scene.downloader(output, { ...once, settings: json });
  expect(await storing.waitForExit()).toBe(0);
  expect(await readFile(join(output, "uploader/a.txt"), "utf8")).toBe("third content");
  expect(saidIn(storing, "b.txt: merge complete")?.attributes).toEqual(second);
  expect((await entriesOf(scene, "a.txt")).file).not.toHaveProperty("attributes");
});

test("what can't be stored, or be had, fails with its attributes in the log", async () => {
  const stage = await openStage();
  const { kafka, scene, output, topicId } = stage;
  const taken = { ...fileOf(stage, 1), path: "taken", attributes: first };
  const lost = { ...fileOf(stage, 2), path: "lost", attributes: second };
  await mkdir(join(output, "till/taken/here"), { recursive: true });
  await kafka.produce(scene.topic, [...chunksOf(taken), ...chunksOf(lost).slice(1)]);
  const from = `${topicId} 0@0`;
  await kafka.produce(scene.ledger, [
    fileEntry(taken, { topicId, offset: 3, from }),
    fileEntry(lost, { topicId, offset: 6, from, state: "gone" }),
  ]);
  const storing = await scene.downloader(output, { settings: json });
  await storing.waitForLine(/till\/taken: failed/);
  await storing.waitForLine(/till\/lost: failed/);
  expect(saidIn(storing, "till/taken: failed")?.attributes).toEqual(first);
  expect(saidIn(storing, "till/lost: failed")?.attributes).toEqual(second);
});

test("a record with attributes that break the rules is skipped, and what follows arrives", async () => {
  const stage = await openStage();
  const { kafka, scene, output } = stage;
  const forged = { ...fileOf(stage, 3), path: "forged", attributes: { Store: "x".repeat(10_000) } };
  await kafka.produce(scene.topic, [...chunksOf(forged), ...chunksOf(fileOf(stage, 4))]);
  const storing = await scene.downloader(output, { settings: json });
  await storing.waitForLine(/a\.bin: merge complete/);
  expect(storing.output).not.toContain("forged: merge complete");
  expect(saidIn(storing, "attributes")?.message).toContain("broken");
  expect(await readdir(join(output, "till"))).toEqual(["a.bin"]);
});

test("values that are wrong are said, all at once, and nothing is sent", async () => {
  const scene = await openScene();
  const source = await scene.folder("source");
  const wrong = await scene.uploader(source, {
    args: ["--set", `uploader.watch.0.attributes={Store: 1, ok: 1, long: ${"x".repeat(257)}}`],
  });
  expect(await wrong.waitForExit()).toBe(2);
  const problems = wrong.errors.trimEnd().split("\n");
  expect(problems.map((line) => line.split(": ")[0])).toEqual([
    "uploader.watch.0.attributes.Store",
    "uploader.watch.0.attributes.long",
  ]);
});
