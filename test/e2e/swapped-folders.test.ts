/** Folders of a watch are swapped for links that lead out of it, at any moment: nothing from there is touched. */
import { expect, test } from "bun:test";
import { existsSync, readFileSync, renameSync, symlinkSync, unlinkSync } from "node:fs";
import { mkdir, readdir, rename, symlink, unlink, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { Random } from "../support/random.ts";
import { type Settings, useScenes } from "../support/scene.ts";
import { writeLargeFile } from "../support/tree.ts";
import { waitUntil } from "../support/wait.ts";

const openScene = useScenes();
const folderCount = 15;
const filesEach = 20;
const swaps = 3000;
const inside = "from inside.";
const outside = "from outside";

test.each<[string, Settings]>([
  ["sent", {}],
  ["sent or deleted", { after: "delete", after_when: "acknowledged" }],
  ["sent or moved away", { after: "move", after_when: "acknowledged" }],
])("nothing outside the watch is %s while its folders are swapped for links", async (_, settings) => {
  const scene = await openScene();
  const [source, elsewhere, parked, moveTo] = await Promise.all(
    ["source", "elsewhere", "parked", "moved"].map((name) => scene.folder(name)),
  );
  if (!source || !elsewhere || !parked || !moveTo) throw new Error("no folders");
  const folders = Array.from({ length: folderCount }, (_, at) => `folder-${at}`);
  const names = Array.from({ length: filesEach }, (_, at) => `${at}.txt`);
  for (const folder of folders) {
    for (const [root, content] of [
      [source, inside],
      [elsewhere, outside],
    ] as const) {
      await mkdir(join(root, folder));
      for (const name of names) await writeFile(join(root, folder, name), content);
    }
  }
  const uploader = settings.after === "move" ? { ...settings, move_to: moveTo } : settings;
  const agent = await scene.uploader(source, { uploader: { ...uploader, rescan: "1s" } });
  await agent.waitForLine(/successfully processed/);
  await swapAtRandom(folders, { source, elsewhere, parked });
  const processed = (path: string) => agent.output.includes(`${path}: successfully processed`);
  await waitUntil(
    "every file inside is dealt with",
    () =>
      folders.every((folder) =>
        names.every((name) =>
          settings.after === undefined
            ? processed(`${folder}/${name}`)
            : !existsSync(join(source, folder, name)),
        ),
      ),
    { pollMs: 200, detail: () => agent.report() },
  );
  for (const folder of folders)
    for (const name of names) expect(readFileSync(join(elsewhere, folder, name), "utf8")).toBe(outside);
  const moved = (await readdir(moveTo, { recursive: true })).filter((name) => name.endsWith(".txt"));
  for (const name of moved) expect(readFileSync(join(moveTo, name), "utf8")).toBe(inside);
  const records = await (await scene.kafka()).readAll(scene.topic);
  expect(records.filter(({ value }) => value?.includes(outside))).toEqual([]);
  expect(agent.output).not.toContain("can't be sent");
});

test.each<[string, (folders: { source: string; elsewhere: string }) => Promise<void>]>([
  ["is gone", ({ source }) => unlink(join(source, "d/second.avi"))],
  [
    "is behind a link",
    async ({ source, elsewhere }) => {
      await rename(join(source, "d"), join(source, "e"));
      await symlink(elsewhere, join(source, "d"));
    },
  ],
])("a file that waits for its turn to be sent and %s by then is passed over", async (_, take) => {
  const scene = await openScene();
  const [source, elsewhere] = [await scene.folder("source"), await scene.folder("elsewhere")];
  await mkdir(join(source, "d"));
  const bytes = 1 << 20;
  for (const name of ["a.avi", "d/second.avi"]) await writeLargeFile(join(source, name), bytes);
  await writeFile(join(elsewhere, "second.avi"), Buffer.alloc(bytes, outside));
  const slowly = { chunk: 65_536, rate: "200kB/s", in_flight: "128KiB", parallel: 1, exclude: ["e/**"] };
  const { exclude, ...uploader } = slowly;
  const watch = [{ path: source, exclude }];
  const agent = await scene.uploader(source, { uploader: { ...uploader, watch }, args: ["--once"] });
  const [, first] = await agent.waitForLine(/(a\.avi|d\/second\.avi): \(00002 of 00016\) chunk uploaded/);
  // Whichever is the first: the other waits.
  if (first === "a.avi") await take({ source, elsewhere });
  expect(await agent.waitForExit()).toBe(0);
  const records = await (await scene.kafka()).readAll(scene.topic);
  expect(records.filter(({ value }) => value?.includes(outside))).toEqual([]);
  expect(agent.output).not.toContain("can't be");
  if (first === "a.avi") expect(records.some(({ key }) => key.includes("second"))).toBe(false);
});

/** Each swap is undone by a later one; in the end all folders are themselves. */
async function swapAtRandom(
  folders: readonly string[],
  { source, elsewhere, parked }: { source: string; elsewhere: string; parked: string },
): Promise<void> {
  const random = new Random(17);
  const away = new Set<string>();
  const swap = (folder: string) => {
    if (away.delete(folder)) {
      unlinkSync(join(source, folder));
      renameSync(join(parked, folder), join(source, folder));
    } else {
      away.add(folder);
      renameSync(join(source, folder), join(parked, folder));
      symlinkSync(join(elsewhere, folder), join(source, folder));
    }
  };
  for (let at = 0; at < swaps; at++) {
    swap(random.pick(folders));
    await new Promise(setImmediate);
  }
  for (const folder of [...away]) swap(folder);
}
