/** From the version before to this one: either role, in the middle of a file, with the ledger that the version before wrote. */
import { beforeAll, expect, test } from "bun:test";
import { existsSync } from "node:fs";
import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { expectSameTree, leftovers, listFiles } from "../support/compare.ts";
import {
  earlierExecutable,
  earlierKeys,
  entriesOf,
  identities,
  ledgerOf,
  prepareTree,
  recordCount,
  sentVersions,
  slowBytes,
  slowly,
  stop,
} from "../support/earlier.ts";
import { useScenes } from "../support/scene.ts";
import { randomTree, writeLargeFile } from "../support/tree.ts";
import { waitUntil } from "../support/wait.ts";

const openScene = useScenes();
const files = randomTree(71, { count: 10, levels: 2, maxBytes: 100_000 });
let executable: string;

beforeAll(async () => {
  executable = await earlierExecutable();
}, 600_000);

const prepare = async () => prepareTree(await openScene(), files);

test("an uploader in the middle of a file: that is sent anew, and nothing that has arrived", async () => {
  const { scene, source, output, received } = await prepare();
  const downloader = await scene.downloader(output);
  const earlier = await scene.uploader(source, { executable, uploader: slowly });
  await expectSameTree(source, received, [earlier, downloader]);
  await writeLargeFile(join(source, "video.avi"), slowBytes);
  await downloader.waitForLine(/video\.avi \(00020\/00080\)/);
  await stop(earlier);
  const before = entriesOf(earlierKeys, await ledgerOf(scene));
  expect(before).toHaveLength(files.length + 1);

  const present = await scene.uploader(source, { uploader: slowly });
  await expectSameTree(source, received, [present, downloader]);
  await stop(present);
  const sent = await sentVersions(scene);
  const [half = 0, whole = 0, ...more] = sent.get("video.avi") ?? [];
  expect(whole).toBeGreaterThan(half);
  expect(more).toEqual([]);
  sent.delete("video.avi");
  expect([...sent.values()].map((versions) => versions.length)).toEqual(files.map(() => 1));

  const records = await recordCount(scene);
  const again = await scene.uploader(source, { args: ["--once"] });
  expect(await again.waitForExit()).toBe(0);
  expect(await recordCount(scene)).toBe(records);
  expect(entriesOf(earlierKeys, await ledgerOf(scene))).toEqual(before);
  await stop(downloader);
  expect(await leftovers(output)).toEqual([]);
});

test("a downloader in the middle of a file: it goes on where that was, and touches nothing that it had stored", async () => {
  const { scene, source, output, received } = await prepare();
  const uploader = await scene.uploader(source, { executable, uploader: slowly });
  const earlier = await scene.downloader(output, { executable });
  await expectSameTree(source, received, [uploader, earlier]);
  await writeLargeFile(join(source, "video.avi"), slowBytes);
  await earlier.waitForLine(/video\.avi \(00020\/00080\)/);
  await stop(earlier);
  expect(await leftovers(output)).not.toEqual([]);
  const stored = await identities(received);
  const before = entriesOf(/^delivered\//, await ledgerOf(scene));
  expect(before).toHaveLength(files.length);

  const present = await scene.downloader(output);
  await expectSameTree(source, received, [uploader, present]);
  await present.waitForLine(/video\.avi: merge complete/);
  expect(present.output).not.toMatch(/video\.avi \(00001\/00080\)/);
  expect((await identities(received)).replace(/^video\.avi .*\n/m, "")).toBe(stored);
  expect((await sentVersions(scene)).get("video.avi")).toHaveLength(1);
  expect(entriesOf(/^delivered\//, await ledgerOf(scene))).toEqual(before);
  await stop(present);
  expect(await leftovers(output)).toEqual([]);
});

test("after: delete: what a group has by the marks is deleted unsent, what it has by an earlier receipt once it has it again", async () => {
  const { scene, source, output, received } = await prepare();
  const uploader = { after: "delete", after_groups: [scene.group] };
  // What the earlier downloader has stored, it would have had deleted: it does not hear of that any more.
  const kept = await scene.uploader(source, { executable });
  const earlier = await scene.downloader(output, { executable });
  await expectSameTree(source, received, [kept, earlier]);
  await stop(kept);
  await stop(earlier);
  const downloader = await scene.downloader(output);
  const before = await scene.uploader(source, { executable, uploader: { after: "keep" } });
  await writeFile(join(source, "by-mark.txt"), "stored by the present downloader");
  await waitUntil("the mark is written", async () =>
    entriesOf(/^done\//, await ledgerOf(scene)).some((mark) => mark.includes("by-mark.txt")),
  );
  await stop(before);
  expect(await listFiles(source)).toEqual(await listFiles(received));

  const present = await scene.uploader(source, { uploader });
  await waitUntil("the source is empty", async () => (await listFiles(source)).length === 0, {
    detail: () => [present, downloader].map((agent) => agent.report()).join("\n"),
  });
  for (const { path, content } of files)
    expect((await readFile(join(received, path.toString()))).equals(content)).toBe(true);
  expect(existsSync(join(received, "by-mark.txt"))).toBe(true);
  const sent = await sentVersions(scene);
  expect(sent.get("by-mark.txt")).toHaveLength(1);
  for (const { path } of files) expect(sent.get(path.toString())).toHaveLength(2);
});
