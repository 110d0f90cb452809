import { expect, test } from "bun:test";
import { utimes, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { useScenes } from "../support/scene.ts";
import { randomTree, writeTree } from "../support/tree.ts";

const openScene = useScenes();

test("files that are older than max_age are left alone until they change", async () => {
  const scene = await openScene();
  const source = await scene.folder("source");
  // Years old.
  await writeTree(source, randomTree(71, { count: 20, levels: 2, maxBytes: 1000 }));
  await writeFile(join(source, "old.txt"), "old");
  await utimes(join(source, "old.txt"), 1_700_000_000, 1_700_000_000);
  await writeFile(join(source, "new.txt"), "new");
  const settings = { uploader: { max_age: "1d" }, args: ["--once"] };
  const preview = await scene.uploader(source, { ...settings, args: ["--dry-run"] });
  expect(await preview.waitForExit()).toBe(0);
  expect(preview.output).toContain("1 files, 3 bytes would be sent");
  expect(await (await scene.uploader(source, settings)).waitForExit()).toBe(0);
  const kafka = await scene.kafka();
  const keys = async () => (await kafka.readAll(scene.topic)).map(({ key }) => key);
  expect(await keys()).toEqual(["uploader/new.txt"]);
  await writeFile(join(source, "old.txt"), "new again");
  expect(await (await scene.uploader(source, settings)).waitForExit()).toBe(0);
  expect(await keys()).toEqual(["uploader/new.txt", "uploader/old.txt"]);
});
