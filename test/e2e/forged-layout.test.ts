/** What a program that is none of ours records as the ledger's number of partitions stops no agent. */
import { expect, test } from "bun:test";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { useScenes } from "../support/scene.ts";

const openScene = useScenes();

const layoutOf = (partitions: number) => ({
  key: "layout",
  value: Buffer.from(JSON.stringify({ format: 1, partitions })),
  headers: [],
});

test.each([
  ["more partitions than there are", 999],
  ["fewer partitions than there are", 2],
])("a forged layout of %s, in an empty ledger, is put right", async (_, forged) => {
  const scene = await openScene();
  const kafka = await scene.kafka();
  await kafka.createTopic(scene.ledger, 4, { "cleanup.policy": "compact" });
  await kafka.produce(scene.ledger, [layoutOf(forged)]);
  const source = await scene.folder("source");
  await writeFile(join(source, "a.txt"), "a");
  const uploader = await scene.uploader(source, { args: ["--once"] });
  expect(await uploader.waitForExit()).toBe(0);
  const layouts = (await kafka.readAll(scene.ledger)).filter(({ key }) => key === "layout");
  expect(layouts.map(({ value }) => value?.toString())).toEqual([
    `{"format":1,"partitions":${forged}}`,
    '{"format":1,"partitions":4}',
  ]);
  const downloader = await scene.downloader(await scene.folder("output"), { args: ["--once"] });
  expect(await downloader.waitForExit()).toBe(0);
});

test("a forged layout of fewer partitions is not believed where entries stand elsewhere", async () => {
  const scene = await openScene();
  const kafka = await scene.kafka();
  await kafka.createTopic(scene.ledger, 4, { "cleanup.policy": "compact" });
  await kafka.produce(scene.ledger, [layoutOf(2)]);
  // "till" and its claim are where both numbers put them, "uploader" (CRC-32 modulo 4 is 3) only where the present one does.
  const name = { format: 1, instance: "i", host: "h", state: "released", highest: 1 };
  const named = (key: string) => ({ key, value: Buffer.from(JSON.stringify(name)), headers: [] });
  await kafka.produce(scene.ledger, [named("name/till")]);
  await kafka.produce(scene.ledger, [named("name/uploader")], 3);
  const source = await scene.folder("source");
  await writeFile(join(source, "a.txt"), "a");
  const uploader = await scene.uploader(source, { args: ["--once"] });
  expect(await uploader.waitForExit()).toBe(0);
});
