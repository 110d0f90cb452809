/** A file system that keeps times in whole seconds, as ext3 does: a file can change without its size and times. */
import { expect, test } from "bun:test";
import { existsSync } from "node:fs";
import { open, readFile, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { run } from "../support/compare.ts";
import { mount } from "../support/mount.ts";
import { useScenes } from "../support/scene.ts";
import { waitUntil } from "../support/wait.ts";

const openScene = useScenes();

test.each(["keep", "delete"])(
  "a file that is written over within a second after it was sent arrives as it is then (after: %s)",
  async (after) => {
    const scene = await openScene();
    const source = await scene.folder("source");
    const output = await scene.folder("output");
    const image = join(await scene.folder("image"), "image");
    expect((await run(["truncate", "--size=16M", image])).code).toBe(0);
    // Small inodes have no room for nanoseconds.
    expect((await run(["mkfs.ext4", "-q", "-F", "-I", "128", image])).code).toBe(0);
    await using _ = await mount("ext4", source, "loop", image);
    const watch = [{ path: source, exclude: ["lost+found/**"] }];
    const uploader = await scene.uploader(source, {
      uploader: { watch, settle: "0s", after, after_groups: [scene.group] },
    });
    await uploader.waitForLine(/watching/);
    const name = await waitUntil("a file changes without its times", async () => {
      const tried = `${crypto.randomUUID()}.txt`;
      await writeFile(join(source, tried), "first one");
      await uploader.waitForLine(new RegExp(`${tried}: successfully processed`));
      const before = await stat(join(source, tried), { bigint: true });
      await overwrite(join(source, tried), "later one");
      const { mtimeNs, ctimeNs } = await stat(join(source, tried), { bigint: true });
      return before.mtimeNs === mtimeNs && before.ctimeNs === ctimeNs && tried;
    });
    const downloader = await scene.downloader(output);
    const target = join(output, "uploader", name);
    const detail = () => uploader.report() + downloader.report();
    const isThere = async () => existsSync(target) && (await readFile(target, "utf8")) === "later one";
    await waitUntil("it arrives", isThere, { detail });
    if (after === "delete")
      await waitUntil("it is deleted", () => !existsSync(join(source, name)), { detail });
  },
);

async function overwrite(file: string, content: string): Promise<void> {
  const handle = await open(file, "r+");
  await handle.write(content, 0);
  await handle.close();
}
