/** Arrivals as events: what a service that reads Kafka learns of files, and when. */
import { expect, test } from "bun:test";
import { readFile, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { AgentHttp, anyPort } from "../support/agent-http.ts";
import { md5sum } from "../support/compare.ts";
import { headerOf, type ReadRecord } from "../support/records.ts";
import { type Scene, useScenes } from "../support/scene.ts";
import { waitUntil } from "../support/wait.ts";

const openScene = useScenes();

interface Event {
  type: string;
  source: string;
  subject: string;
  id: string;
  data: { path: string; version: number; location?: string; reason?: string; [more: string]: unknown };
}

const topicOf = (scene: Scene) => `${scene.topic}.events`;
const settings = (scene: Scene) => ({ downloader: { events: { topic: topicOf(scene) } } });

async function eventsOf(scene: Scene): Promise<{ record: ReadRecord; event: Event }[]> {
  const records = await (await scene.kafka()).readAll(topicOf(scene));
  return records.map((record) => ({ record, event: JSON.parse(record.value?.toString() ?? "") as Event }));
}

test("a stored file is told of, with where it is and what it had", async () => {
  const scene = await openScene();
  const [source, output] = [await scene.folder("source"), await scene.folder("output")];
  await writeFile(join(source, "näme with blanks.txt"), "hello");
  const attributes = { store: "0042" };
  const uploader = await scene.uploader(source, { uploader: { watch: [{ path: source, attributes }] } });
  const downloader = await scene.downloader(output, settings(scene));
  await downloader.waitForLine(/merge complete/);
  const [only, ...others] = await eventsOf(scene);
  expect(others).toEqual([]);
  const path = "uploader/näme with blanks.txt";
  expect(only?.record.key).toBe(path);
  expect(headerOf(only?.record as ReadRecord, "content-type")).toBe("application/cloudevents+json");
  const place = fileURLToPath(only?.event.data.location ?? "");
  expect(await readFile(place, "utf8")).toBe("hello");
  expect(only?.event).toMatchObject({
    specversion: "1.0",
    type: "streamsend.file.delivered",
    source: `/streamsend/${scene.group}`,
    subject: path,
    id: `${scene.group}/uploader/${only?.event.data.version}/näme with blanks.txt`,
    data: { uploader: "uploader", size: 5, checksum: `md5:${await md5sum(place)}`, attributes },
  });
  const { mtimeNs } = await stat(place, { bigint: true });
  expect(String(only?.event.data.mtime)).toEndWith(`${mtimeNs % 1_000_000_000n}Z`.padStart(10, "0"));
  expect(await uploader.stop()).toBe(true);
});

test("a file that can't be stored is told of, with the reason", async () => {
  const scene = await openScene();
  const [source, output] = [await scene.folder("source"), await scene.folder("output")];
  await writeFile(join(output, "uploader"), "a file where a folder must be");
  await writeFile(join(source, "a.txt"), "a");
  await scene.uploader(source);
  const downloader = await scene.downloader(output, settings(scene));
  await downloader.waitForLine(/a\.txt: failed/);
  const events = await eventsOf(scene);
  expect(events.map(({ event }) => [event.type, event.subject])).toEqual([
    ["streamsend.file.failed", "uploader/a.txt"],
  ]);
  expect(events[0]?.event.data.reason).toContain("stands where the folder");
});

test("while nothing can be told nothing counts as delivered, and it is said why; after that it is told of", async () => {
  const scene = await openScene();
  const kafka = await scene.kafka();
  const topic = topicOf(scene);
  await kafka.createTopic(scene.topic, 1, { "message.timestamp.type": "LogAppendTime" });
  await kafka.createTopic(scene.ledger, 1, { "cleanup.policy": "compact" });
  await kafka.createTopic(topic);
  const [source, output] = [await scene.folder("source"), await scene.folder("output")];
  const options = { ...settings(scene), kafka: { create_topics: false }, settings: anyPort };
  const downloader = await scene.downloader(output, options);
  const http = await AgentHttp.of(downloader);
  await waitUntil("it is ready", async () => (await http.get("/readyz")).status === 200);
  await kafka.deleteTopic(topic);
  await scene.uploader(source, { uploader: { after: "delete", after_groups: [scene.group] } });
  await writeFile(join(source, "a.txt"), "a");
  const why = `topic ${topic} is missing`;
  await waitUntil("it says why", async () => (await (await http.get("/readyz")).text()).includes(why), {
    detail: () => downloader.report(),
  });
  // It has its name, as what is told has to be there.
  expect(await readFile(join(output, "uploader/a.txt"), "utf8")).toBe("a");
  expect(downloader.output).not.toContain("merge complete");
  expect(await readFile(join(source, "a.txt"), "utf8")).toBe("a");
  await kafka.createTopic(topic);
  await downloader.waitForLine(/a\.txt: merge complete/);
  const events = await eventsOf(scene);
  expect(events.length).toBeGreaterThan(0);
  expect(new Set(events.map(({ event }) => event.subject))).toEqual(new Set(["uploader/a.txt"]));
});

test("a topic that is missing and may not be made is one line", async () => {
  const scene = await openScene();
  const kafka = await scene.kafka();
  await kafka.createTopic(scene.topic, 1, { "message.timestamp.type": "LogAppendTime" });
  await kafka.createTopic(scene.ledger, 1, { "cleanup.policy": "compact" });
  const options = { ...settings(scene), kafka: { create_topics: false }, args: ["--once"] };
  const downloader = await scene.downloader(await scene.folder("output"), options);
  expect(await downloader.waitForExit()).toBe(1);
  expect(downloader.output).toContain(
    `topic ${topicOf(scene)} is missing, and kafka.create_topics is false: make it first`,
  );
});
