/** When an uploader forgets a file that is gone, and says so where somebody may still wait for it. */
import { expect, test } from "bun:test";
import { unlink, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { delivered } from "../support/hand-made-ledger.ts";
import { compacted } from "../support/records.ts";
import { type Scene, useScenes } from "../support/scene.ts";

const openScene = useScenes();

interface Entry {
  version: number;
  size: number;
  checksum: string;
  state: string;
}

async function entriesOf(scene: Scene): Promise<Map<string, Entry>> {
  const ledger = compacted(await (await scene.kafka()).readAll(scene.ledger)) as Map<string, Entry>;
  return new Map([...ledger].filter(([key]) => key.startsWith("file/")));
}

async function sendOnce(scene: Scene, source: string): Promise<string> {
  const agent = await scene.uploader(source, { args: ["--once"], kafka: { ledger_partitions: 1 } });
  expect(await agent.waitForExit()).toBe(0);
  return agent.output;
}

/** Two files, a.txt of which a group has, that were sent and are gone. */
async function prepare(retentionMs: number): Promise<{ scene: Scene; source: string; version: number }> {
  const scene = await openScene();
  const kafka = await scene.kafka();
  await kafka.createTopic(scene.topic, 1, { "retention.ms": String(retentionMs) });
  const source = await scene.folder("source");
  for (const name of ["a.txt", "b.txt"]) await writeFile(join(source, name), name);
  await sendOnce(scene, source);
  const entry = (await entriesOf(scene)).get("file/uploader/a.txt") as Entry;
  const id = { uploader: "uploader", path: "a.txt", version: entry.version };
  await kafka.produce(scene.ledger, [delivered("hub", id, entry)]);
  for (const name of ["a.txt", "b.txt"]) await unlink(join(source, name));
  await sendOnce(scene, source);
  const states = [...(await entriesOf(scene)).values()].map(({ state }) => state);
  expect(states).toEqual(["gone", "gone"]);
  return { scene, source, version: (await entriesOf(scene)).get("file/uploader/b.txt")?.version ?? 0 };
}

test("what is gone is remembered as long as its chunks are kept", async () => {
  const { scene, source } = await prepare(3600_000);
  await sendOnce(scene, source);
  expect([...(await entriesOf(scene)).keys()].sort()).toEqual(["file/uploader/a.txt", "file/uploader/b.txt"]);
});

test("what is gone and expired is forgotten, with an error if nobody has said to have it", async () => {
  const { scene, source, version } = await prepare(1);
  await (await scene.kafka()).expireAll(scene.topic);
  const output = await sendOnce(scene, source);
  expect([...(await entriesOf(scene)).keys()]).toEqual([]);
  expect(output).toContain(`b.txt: version ${version} is forgotten`);
  expect(output).not.toContain("a.txt: version");
});
