/** Files with holes: they arrive as they are, and take no more space than before where the destination has holes. */
import { expect, test } from "bun:test";
import { open, stat } from "node:fs/promises";
import { join } from "node:path";
import { expectSameTree, md5sum } from "../support/compare.ts";
import { useScenes } from "../support/scene.ts";
import { SimpleDisk } from "../support/simple-disk.ts";

const openScene = useScenes();
const mib = 1 << 20;

/** A file of so many bytes with a little in its middle and at its end. */
async function writeSparseFile(path: string, size: number): Promise<void> {
  const file = await open(path, "w");
  await file.write(Buffer.alloc(4096, "middle"), 0, 4096, size / 2);
  await file.write(Buffer.from("end"), 0, 3, size - 3);
  await file.close();
}

test("a sparse file is sparse at the destination", async () => {
  const scene = await openScene();
  const [source, output] = [await scene.folder("source"), await scene.folder("output")];
  await writeSparseFile(join(source, "disk.img"), 64 * mib);
  const agents = [await scene.uploader(source), await scene.downloader(output)];
  await expectSameTree(source, join(output, "uploader"), agents);
  expect((await stat(join(output, "uploader/disk.img"))).blocks * 512).toBeLessThan(mib);
});

test("a sparse file arrives on a memory card, which has no holes", async () => {
  await using disk = await SimpleDisk.make();
  const scene = await openScene();
  const [source, output] = [await scene.folder("source"), await scene.folder("output")];
  await disk.mount(output);
  await writeSparseFile(join(source, "disk.img"), 8 * mib);
  const uploader = await scene.uploader(source, { uploader: { chunk: "300KiB" } });
  const downloader = await scene.downloader(output, { downloader: { min_free: "1MiB" } });
  await downloader.waitForLine(/disk\.img: merge complete/);
  expect(await md5sum(join(output, "uploader/disk.img"))).toBe(await md5sum(join(source, "disk.img")));
  await Promise.all([uploader.kill(), downloader.kill()]);
});
