/** What the system says of an output: what is about one name ends that version, all else pauses; each with the cure. */
import { expect, test } from "bun:test";
import { mkdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { AgentHttp, anyPort } from "../support/agent-http.ts";
import { expectSameTree, run } from "../support/compare.ts";
import { Faults } from "../support/faults.ts";
import { mount } from "../support/mount.ts";
import { useScenes } from "../support/scene.ts";
import { SimpleDisk } from "../support/simple-disk.ts";
import { randomTree, writeTree } from "../support/tree.ts";

const openScene = useScenes();

test("an immutable file is not replaced: that version has failed for this reason, and the others go on", async () => {
  const scene = await openScene();
  const [source, output] = [await scene.folder("source"), await scene.folder("output")];
  await using _disk = await mount("tmpfs", output);
  await writeFile(join(source, "a.txt"), "old");
  const uploader = await scene.uploader(source);
  const downloader = await scene.downloader(output, { downloader: { min_free: 0 } });
  await expectSameTree(source, join(output, "uploader"), [uploader, downloader]);
  const target = join(output, "uploader/a.txt");
  expect((await run(["chattr", "+i", target])).errors).toBe("");
  try {
    await writeFile(join(source, "a.txt"), "newer");
    await writeFile(join(source, "b.txt"), "another");
    const line = await downloader.waitForLine(/ERROR .*a\.txt: failed: (.*)/);
    expect(line[1]).toMatch(/immutable \(`lsattr`, `chattr -i`\)/);
    await downloader.waitForLine(/b\.txt: merge complete/);
    expect(await readFile(target, "utf8")).toBe("old");
  } finally {
    await run(["chattr", "-i", target]);
  }
});

test("a disk without inodes is not said to be without space, and goes on when it has some", async () => {
  const scene = await openScene();
  const [source, output] = [await scene.folder("source"), await scene.folder("output")];
  await using _disk = await mount("tmpfs", output, "size=64m,nr_inodes=30");
  await writeTree(source, randomTree(1, { count: 60, levels: 1, maxBytes: 1000 }));
  const uploader = await scene.uploader(source);
  const downloader = await scene.downloader(output, { settings: anyPort, downloader: { min_free: 0 } });
  const http = await AgentHttp.of(downloader);
  await http.waitForReadiness(false, /no inode is left, though there is space: .*\(ENOSPC\)/);
  expect((await run(["mount", "-o", "remount,nr_inodes=1000", output])).code).toBe(0);
  await expectSameTree(source, join(output, "uploader"), [uploader, downloader]);
  await http.waitForReadiness(true);
});

test("a quota that is used up is waited for, by its name", async () => {
  const scene = await openScene();
  const [source, output] = [await scene.folder("source"), await scene.folder("output")];
  const faults = await Faults.make(await scene.folder("faults"));
  const uploader = await scene.uploader(source);
  const downloader = await scene.downloader(output, { settings: anyPort, env: faults.env });
  await writeFile(join(source, "first.txt"), "first");
  await downloader.waitForLine(/first\.txt: merge complete/);
  await faults.refuseFolders();
  await mkdir(join(source, "folder"));
  await writeFile(join(source, "folder/a.txt"), "a");
  const http = await AgentHttp.of(downloader);
  await http.waitForReadiness(false, /the disk quota is used up: .*\(EDQUOT, mkdir\)/);
  expect(downloader.output).not.toContain("failed");
  await faults.endRefusingFolders();
  await expectSameTree(source, join(output, "uploader"), [uploader, downloader]);
  await http.waitForReadiness(true);
});

test("an output whose mount is dead at the start is waited for", async () => {
  await using disk = await SimpleDisk.make();
  const scene = await openScene();
  const [source, output] = [await scene.folder("source"), await scene.folder("output")];
  await disk.mount(output);
  await disk.killDriver();
  const uploader = await scene.uploader(source);
  await writeFile(join(source, "a.txt"), "a");
  await uploader.waitForLine(/a\.txt: successfully processed/);
  const downloader = await scene.downloader(output, { settings: anyPort, downloader: { min_free: 0 } });
  const http = await AgentHttp.of(downloader);
  await http.waitForReadiness(false, /the mount is dead, its driver has ended: .*\(ENOTCONN/);
  await downloader.waitForLine(/WARN .*the mount is dead/);
  expect((await run(["umount", "--lazy", output])).code).toBe(0);
  await disk.mount(output);
  await downloader.waitForLine(/a\.txt: merge complete/);
  await http.waitForReadiness(true);
  await downloader.kill();
});
