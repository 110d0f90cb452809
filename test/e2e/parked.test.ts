/** What can't be placed, and what becomes of it; the uploader's part is played by hand. */
import { expect, test } from "bun:test";
import { mkdir, rename, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { listFiles } from "../support/compare.ts";
import { chunksOf, handMadeVersion } from "../support/hand-made.ts";
import { fileEntry } from "../support/hand-made-ledger.ts";
import { fileOf, useStages } from "../support/repair-stage.ts";

const prepare = useStages();

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
  const small = { uploader: "till", path: "small", content: Buffer.from("s"), version: handMadeVersion + 1 };
  await kafka.produce(scene.topic, chunksOf(small));
  await agent.waitForLine(/till\/small: merge complete/);
  await Bun.file(join(output, "filler")).delete();
  await agent.waitForLine(/till\/a\.bin: merge complete/);
});
