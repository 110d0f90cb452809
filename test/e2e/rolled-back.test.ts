/** An output that is put back to a copy of an earlier state: what was delivered to it since comes again. */
import { expect, test } from "bun:test";
import { createHash } from "node:crypto";
import { mkdir, readdir, readFile, rm, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { AgentProcess } from "../support/agent-process.ts";
import { expectSameTree, run } from "../support/compare.ts";
import { compacted, headerOf } from "../support/records.ts";
import { type Scene, useScenes } from "../support/scene.ts";

const openScene = useScenes();

async function stop(agent: AgentProcess): Promise<void> {
  agent.signal("SIGTERM");
  expect(await agent.waitForExit()).toBe(0);
}

/** Delivers what is in the folder, with an uploader and a downloader that then end. */
async function deliver(scene: Scene, source: string, output: string): Promise<void> {
  const uploader = await scene.uploader(source);
  const downloader = await scene.downloader(output);
  await expectSameTree(source, join(output, "uploader"), [uploader, downloader]);
  await Promise.all([stop(uploader), stop(downloader)]);
}

/** As backups do: with all that is in it, its times and modes. */
async function copy(from: string, to: string): Promise<void> {
  await run(["cp", "-a", `${from}/.`, to]);
}

/** An output with a file of before the copy and one of after, put back to the copy. */
async function rolledBack(scene: Scene): Promise<{ source: string; output: string }> {
  const [source, output] = [await scene.folder("source"), await scene.folder("output")];
  const snapshot = await scene.folder("snapshot");
  await writeFile(join(source, "before.txt"), "before");
  await writeFile(join(source, "changed.txt"), "old");
  await deliver(scene, source, output);
  await copy(output, snapshot);
  await writeFile(join(source, "changed.txt"), "changed");
  await mkdir(join(source, "folder"));
  for (const name of ["after.txt", "folder/after.txt"]) await writeFile(join(source, name), name);
  await deliver(scene, source, output);
  for (const name of await readdir(output)) await rm(join(output, name), { recursive: true });
  await copy(snapshot, output);
  return { source, output };
}

test("what was delivered to an output since it was copied comes again when the copy is put back, and is said", async () => {
  const scene = await openScene();
  const { source, output } = await rolledBack(scene);
  const before = await stat(join(output, "uploader/before.txt"));
  const downloader = await scene.downloader(output);
  await downloader.waitForLine(
    /WARN .*was rolled back: 3 files that were delivered to it since are fetched again/,
  );
  await expectSameTree(source, join(output, "uploader"), [downloader]);
  await stop(downloader);
  // What was in the copy is as it was.
  expect((await stat(join(output, "uploader/before.txt"))).ino).toBe(before.ino);
  expect(downloader.output).not.toContain("before.txt: merge complete");
  const kafka = await scene.kafka();
  const receipts = [...compacted(await kafka.readAll(scene.ledger)).keys()].filter((key) =>
    key.startsWith("delivered/"),
  );
  expect(receipts).toHaveLength(4);
  // It is noticed once.
  const next = await scene.downloader(output, { args: ["--once"] });
  expect(await next.waitForExit()).toBe(0);
  expect(next.output).not.toContain("rolled back");
  expect(next.output).not.toContain("merge complete");
});

test("what was delivered to an output since it was copied comes again with --once, too", async () => {
  const scene = await openScene();
  const { source, output } = await rolledBack(scene);
  const downloader = await scene.downloader(output, { args: ["--once"] });
  expect(await downloader.waitForExit()).toBe(0);
  await expectSameTree(source, join(output, "uploader"), [downloader]);
});

test("an output whose .streamsend was deleted gets nothing twice", async () => {
  const scene = await openScene();
  const [source, output] = [await scene.folder("source"), await scene.folder("output")];
  await writeFile(join(source, "a.txt"), "a");
  await deliver(scene, source, output);
  await rm(join(output, ".streamsend"), { recursive: true });
  await rm(join(output, "uploader"), { recursive: true });
  await writeFile(join(source, "b.txt"), "b");
  const uploader = await scene.uploader(source, { args: ["--once"] });
  expect(await uploader.waitForExit()).toBe(0);
  const downloader = await scene.downloader(output, { args: ["--once"] });
  expect(await downloader.waitForExit()).toBe(0);
  expect(await readdir(join(output, "uploader"))).toEqual(["b.txt"]);
  expect(downloader.output).not.toContain("rolled back");
});

test("a list of what was about to be published replaces nothing newer, where a backup has copied it before the files", async () => {
  const scene = await openScene();
  const [source, output] = [await scene.folder("source"), await scene.folder("output")];
  const backup = await scene.folder("backup");
  const once = async () => {
    const uploader = await scene.uploader(source, { args: ["--once"] });
    expect(await uploader.waitForExit(), uploader.report()).toBe(0);
    const downloader = await scene.downloader(output, { args: ["--once"] });
    return { code: await downloader.waitForExit(), downloader };
  };
  await writeFile(join(source, "a.txt"), "old");
  await once();
  await copy(join(output, ".streamsend"), backup);
  // As it was in the moment before the file got its name.
  const kafka = await scene.kafka();
  const [chunk] = await kafka.readAll(scene.topic);
  if (!chunk) throw new Error("no chunk");
  const version = Number(headerOf(chunk, "version"));
  const partial = `${version}-00`;
  await writeFile(join(backup, "partial", partial), "old");
  const { ino: inode } = await stat(join(backup, "partial", partial));
  const checksum = `md5:${createHash("md5").update("old").digest("hex")}`;
  const listed = { uploader: "uploader", path: "a.txt", version, partition: 0, size: 3, checksum, partial };
  await writeFile(
    join(backup, "publishing.json"),
    JSON.stringify([{ ...listed, target: "uploader/a.txt", inode }]),
  );
  await rm(join(backup, "marks"));
  await writeFile(join(source, "a.txt"), "newer");
  expect((await once()).code).toBe(0);
  // Nobody has it any more but the output.
  await rm(join(source, "a.txt"));
  await once();
  await kafka.expireAll(scene.topic);
  await rm(join(output, ".streamsend"), { recursive: true });
  await run(["cp", "-a", backup, join(output, ".streamsend")]);
  const { downloader } = await once();
  expect(await readFile(join(output, "uploader/a.txt"), "utf8"), downloader.report()).toBe("newer");
});
