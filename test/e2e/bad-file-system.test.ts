/** Memory cards: file systems without case, modes, second names and fine times, as an output and as a watch. */
import { expect, test } from "bun:test";
import { mkdir, readdir, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { AgentHttp, anyPort } from "../support/agent-http.ts";
import { expectSameTree, leftovers, md5sum } from "../support/compare.ts";
import { Faults } from "../support/faults.ts";
import { useScenes } from "../support/scene.ts";
import { SimpleDisk } from "../support/simple-disk.ts";
import { randomTree, writeLargeFile, writeTree } from "../support/tree.ts";
import { waitUntil } from "../support/wait.ts";

const openScene = useScenes();

test("as an output: what it can hold arrives with its time, what it can't is failed with the reason", async () => {
  await using disk = await SimpleDisk.make();
  const scene = await openScene();
  const [source, output] = [await scene.folder("source"), await scene.folder("output")];
  await disk.mount(output);
  const tree = randomTree(1, { count: 20, levels: 3, maxBytes: 100_000 });
  await writeTree(source, tree);
  await writeLargeFile(join(source, "video.avi"), 4 << 20);
  for (const folder of ["Folder", "folder"]) {
    await mkdir(join(source, folder));
    await writeFile(join(source, folder, "same.txt"), folder);
  }
  for (const name of ["Letter.txt", "letter.txt", "100%.txt", "a:b.txt", "what?.txt"])
    await writeFile(join(source, name), name);
  const uploader = await scene.uploader(source, { uploader: { chunk: "256KiB" } });
  const downloader = await scene.downloader(output, {
    settings: anyPort,
    downloader: { min_free: "1MiB", on_change: "keep-both" },
  });
  for (const name of ["a:b\\.txt", "what\\?\\.txt"])
    await downloader.waitForLine(new RegExp(`${name}: failed: the destination can't hold this name`));
  for (const name of ["Letter\\.txt", "Folder/same\\.txt"])
    await downloader.waitForLine(
      new RegExp(`uploader/${name}: failed: .*a name that differs only in case`, "i"),
    );
  const count = (text: string) => downloader.output.split(text).length - 1;
  await waitUntil("the others are there", () => count("merge complete") === 24, {
    detail: () => downloader.report(),
  });
  expect(count(": failed: ")).toBe(4);
  expect(await md5sum(join(output, "uploader/video.avi"))).toBe(await md5sum(join(source, "video.avi")));
  for (const [name, content] of tree.map(({ path, content }) => [path.toString(), content] as const)) {
    const [from, to] = [join(source, name), join(output, "uploader", name)];
    expect([name, await Bun.file(to).bytes()]).toEqual([name, new Uint8Array(content)]);
    // vfat has every second one.
    expect(Math.abs((await stat(to)).mtimeMs - (await stat(from)).mtimeMs)).toBeLessThan(2001);
  }

  await writeFile(join(source, "100%.txt"), "newer");
  await waitUntil("the newer version is there", () => count("merge complete") === 25, {
    detail: () => downloader.report(),
  });
  const kept = (await readdir(join(output, "uploader"))).filter((name) => name.startsWith("100%"));
  const texts = await Promise.all(kept.map((name) => Bun.file(join(output, "uploader", name)).text()));
  expect(texts.sort()).toEqual(["100%.txt", "newer"]);
  await (await AgentHttp.of(downloader)).waitForReadiness(true);
  await waitUntil("nothing is left over", async () => (await leftovers(output)).length === 0);
  await Promise.all([uploader.kill(), downloader.kill()]);
});

test("an output that takes no modes gets the files all the same", async () => {
  const scene = await openScene();
  const [source, output] = [await scene.folder("source"), await scene.folder("output")];
  const faults = await Faults.make(await scene.folder("faults"));
  await faults.refuseModes();
  await writeTree(source, randomTree(3, { count: 5, levels: 2, maxBytes: 10_000 }));
  const agents = [await scene.uploader(source), await scene.downloader(output, { env: faults.env })];
  await expectSameTree(source, join(output, "uploader"), agents);
  expect(await faults.failedCalls()).toBeGreaterThan(5);
});

test("as a watch: what was sent is not sent again when the card is mounted again", async () => {
  await using disk = await SimpleDisk.make();
  const scene = await openScene();
  const [source, output] = [await scene.folder("source"), await scene.folder("output")];
  await disk.mount(source);
  await writeTree(source, randomTree(2, { count: 10, levels: 2, maxBytes: 100_000 }));
  const before = await scene.uploader(source, { args: ["--once"] });
  expect(await before.waitForExit()).toBe(0);
  await disk.unmount();
  await disk.mount(source);
  await writeFile(join(source, "new.txt"), "new");
  const after = await scene.uploader(source, { args: ["--once"] });
  expect(await after.waitForExit()).toBe(0);
  expect(after.output.match(/chunk uploaded/g)).toHaveLength(1);
  const downloader = await scene.downloader(output, { args: ["--once"] });
  expect(await downloader.waitForExit()).toBe(0);
  expect(downloader.output.match(/merge complete/g)).toHaveLength(11);
});
