import { expect, test } from "bun:test";
import { existsSync } from "node:fs";
import { chmod, utimes, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { md5sum } from "../support/compare.ts";
import { useScenes } from "../support/scene.ts";
import { randomTree, writeLargeFile, writeTree } from "../support/tree.ts";
import { waitUntil } from "../support/wait.ts";

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

test("a file that was begun is sent to its end, though it is older than max_age by then", async () => {
  const scene = await openScene();
  const source = await scene.folder("source");
  const output = await scene.folder("output");
  const file = join(source, "video.avi");
  // Large enough that its beginning is noted.
  await writeLargeFile(file, 17 << 20);
  await utimes(file, 1_700_000_000, 1_700_000_000);
  const slowly = { chunk: 65_536, rate: "1MB/s", in_flight: "256KiB" };
  const first = await scene.uploader(source, { uploader: slowly });
  const downloader = await scene.downloader(output);
  await downloader.waitForLine(/video\.avi \(00005\/00272\)/);
  await first.kill();
  const second = await scene.uploader(source, { uploader: { max_age: "1d" } });
  await second.waitForLine(/video\.avi: successfully processed/);
  await downloader.waitForLine(/video\.avi: merge complete/);
  expect(await md5sum(join(output, "uploader/video.avi"))).toBe(await md5sum(file));
});

test("a file that was sent is deleted once it is delivered, though it only looks different and is older than max_age by then", async () => {
  const scene = await openScene();
  const source = await scene.folder("source");
  const output = await scene.folder("output");
  const file = join(source, "a.txt");
  await writeFile(file, "sent");
  await utimes(file, 1_700_000_000, 1_700_000_000);
  const after = { after: "delete", after_groups: [scene.group] };
  const first = await scene.uploader(source, { uploader: after });
  await first.waitForLine(/a\.txt: successfully processed/);
  await first.kill();
  await chmod(file, 0o600);
  const second = await scene.uploader(source, { uploader: { ...after, max_age: "1d" } });
  await scene.downloader(output);
  await waitUntil("it is deleted", () => !existsSync(file), { detail: () => second.report() });
  expect((await (await scene.kafka()).readAll(scene.topic)).map(({ key }) => key)).toEqual([
    "uploader/a.txt",
  ]);
});
