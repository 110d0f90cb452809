import { expect, test } from "bun:test";
import { createHash } from "node:crypto";
import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { noteEnding, partialName } from "../../agent/downloader/store/store.ts";
import { differences, expectSameTree, listFiles, run } from "../support/compare.ts";
import { chunksOf, handMadeVersion } from "../support/hand-made.ts";
import { headerOf } from "../support/records.ts";
import { useScenes } from "../support/scene.ts";
import { randomTree, writeTree } from "../support/tree.ts";
import { waitUntil } from "../support/wait.ts";

const openScene = useScenes();

test("files arrive the same with each compression", async () => {
  const scene = await openScene();
  const source = await scene.folder("source");
  const output = await scene.folder("output");
  await writeTree(source, randomTree(131, { count: 5, levels: 2, maxBytes: 100_000 }));
  await writeFile(join(source, "text.txt"), "the same line again and again\n".repeat(5000));
  const compressions = ["none", "gzip", "snappy", "lz4", "zstd"];
  const uploaders = await Promise.all(
    compressions.map((compression) =>
      scene.uploader(source, { name: compression, uploader: { compression, chunk: "32KiB" } }),
    ),
  );
  const downloader = await scene.downloader(output);
  for (const name of compressions)
    await expectSameTree(source, join(output, name), [...uploaders, downloader]);
});

test("with sha256 the last chunk carries that checksum, and both logs name it", async () => {
  const scene = await openScene();
  const source = await scene.folder("source");
  const output = await scene.folder("output");
  await writeFile(join(source, "a.txt"), "hello");
  const uploader = await scene.uploader(source, { uploader: { checksum: "sha256" } });
  const downloader = await scene.downloader(output);
  const sum = (await run(["sha256sum", join(source, "a.txt")])).output.slice(0, 64);
  await uploader.waitForLine(new RegExp(`a\\.txt: successfully processed, sha256 checksum ${sum}`));
  await downloader.waitForLine(new RegExp(`a\\.txt: merge complete, sha256 ok ${sum}`));
  const [record] = await (await scene.kafka()).readAll(scene.topic);
  expect(record && headerOf(record, "checksum")).toBe(`sha256:${sum}`);
});

test("modes and times at the destination are those of the settings", async () => {
  const scene = await openScene();
  const source = await scene.folder("source");
  const output = await scene.folder("output");
  await mkdir(join(source, "sub/deep"), { recursive: true });
  await writeFile(join(source, "sub/deep/a.txt"), "a");
  await run(["touch", "-d", "2001-02-03 04:05:06", join(source, "sub/deep/a.txt")]);
  const modes = { file_mode: "0640", dir_mode: "0750", keep_mtime: false };
  await scene.uploader(source);
  const downloader = await scene.downloader(output, { downloader: modes });
  await downloader.waitForLine(/a\.txt: merge complete/);
  const { output: found } = await run(["find", "uploader", "-printf", "%m %p\\n"], { cwd: output });
  expect(found.trim().split("\n").sort()).toEqual([
    "640 uploader/sub/deep/a.txt",
    "750 uploader",
    "750 uploader/sub",
    "750 uploader/sub/deep",
  ]);
  const [year] = (await run(["date", "-r", join(output, "uploader/sub/deep/a.txt"), "+%Y"])).output.split(
    "\n",
  );
  expect(Number(year)).toBeGreaterThan(2001);
});

test("a file whose mode forbids writing is got whole by another user than root, also after a crash", async () => {
  const scene = await openScene();
  const kafka = await scene.kafka();
  await kafka.createTopic(scene.topic);
  const { id: topicId } = await kafka.describeTopic(scene.topic);
  const output = await scene.folder("output");
  const launcher =
    process.getuid?.() === 0 ? ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"] : [];
  const executable = await scene.executableForAll();
  const partials = join(output, ".streamsend/partial");
  await mkdir(partials, { recursive: true });
  const content = Buffer.from("0123456789");
  const id = { uploader: "till", version: handMadeVersion, partition: 0 };
  // As a crash leaves them: with their mode, one with a note that knows all of it, one with an older note.
  for (const [path, end] of [["known.bin", 10] as const, ["half-known.bin", 6] as const]) {
    const file = { ...id, path, content, chunkBytes: 6, topicId };
    const checksum = end === 10 ? { checksum: `md5:${createHash("md5").update(content).digest("hex")}` } : {};
    const note = { ...id, path, size: 10, mtime: "0", algorithm: "md5", coverage: [[0, end]], ...checksum };
    const partial = join(partials, partialName({ ...id, path }));
    await writeFile(partial, content, { mode: 0o444 });
    await writeFile(partial + noteEnding, JSON.stringify(note));
    await kafka.produce(scene.topic, chunksOf(file));
  }
  if (launcher.length > 0) await run(["chown", "-R", "65534:65534", output]);
  const downloader = await scene.downloader(output, {
    launcher,
    executable,
    downloader: { file_mode: "0444" },
  });
  for (const path of ["known.bin", "half-known.bin"])
    await downloader.waitForLine(new RegExp(`till/${path}: merge complete`));
  const { output: found } = await run(["find", "till", "-type", "f", "-printf", "%m %p\\n"], { cwd: output });
  expect(found.trim().split("\n").sort()).toEqual(["444 till/half-known.bin", "444 till/known.bin"]);
  expect(downloader.output).not.toContain("EACCES");
});

test("files that are there at start are left alone with existing: false, later ones and changed ones are sent", async () => {
  const scene = await openScene();
  const source = await scene.folder("source");
  const output = await scene.folder("output");
  await writeFile(join(source, "old.txt"), "old");
  await writeFile(join(source, "changed.txt"), "old");
  const uploader = await scene.uploader(source, { uploader: { existing: false } });
  const downloader = await scene.downloader(output);
  // When it has had its first look is not seen from outside: files are added until one is taken for new.
  let added = 0;
  await waitUntil("a new file is sent", async () => {
    await writeFile(join(source, `new-${added++}.txt`), "new");
    return uploader.output.includes("successfully processed");
  });
  await writeFile(join(source, "changed.txt"), "changed");
  await downloader.waitForLine(/changed\.txt: merge complete/);
  const paths = (await listFiles(join(output, "uploader"))).map((line) => line.split(" ")[0]);
  expect(paths).toContain("changed.txt");
  expect(paths).not.toContain("old.txt");
});

test("without recursive only the folder's own files are sent", async () => {
  const scene = await openScene();
  const source = await scene.folder("source");
  const output = await scene.folder("output");
  await mkdir(join(source, "sub"));
  await writeFile(join(source, "own.txt"), "own");
  await writeFile(join(source, "sub/not.txt"), "not");
  const uploader = { watch: [{ path: source, recursive: false }] };
  expect(await (await scene.uploader(source, { uploader, args: ["--once"] })).waitForExit()).toBe(0);
  expect(await (await scene.downloader(output, { args: ["--once"] })).waitForExit()).toBe(0);
  expect(await differences(source, join(output, "uploader"))).toBe(`Only in ${source}: sub\n`);
});

test("two watches and a folder that is made while it runs: everything in them arrives", async () => {
  const scene = await openScene();
  const [one, two] = [await scene.folder("one"), await scene.folder("two")];
  const output = await scene.folder("output");
  const watch = [
    { path: one, as: "one" },
    { path: two, as: "the/second" },
  ];
  const uploader = await scene.uploader(one, { uploader: { watch } });
  const downloader = await scene.downloader(output);
  await writeFile(join(one, "first.txt"), "first");
  await downloader.waitForLine(/uploader\/one\/first\.txt: merge complete/);
  await writeTree(join(two, "a/b/c/d"), randomTree(132, { count: 20, levels: 3, maxBytes: 1000 }));
  await run(["mv", join(two, "a/b"), join(two, "moved")]);
  await run(["cp", "-r", join(two, "moved"), join(one, "copied")]);
  const [left, right] = [join(output, "uploader/one"), join(output, "uploader/the/second/moved")];
  const wanted = (await listFiles(one)).length + (await listFiles(join(two, "moved"))).length;
  const arrived = async () => (await listFiles(left)).length + (await listFiles(right)).length >= wanted;
  await waitUntil("both trees have arrived", arrived, { pollMs: 200, detail: () => uploader.report() });
  expect(await differences(one, left)).toBe("");
  expect(await differences(join(two, "moved"), right)).toBe("");
});

test("a watched folder that is not there yet, or goes away for a while, is waited for", async () => {
  const scene = await openScene();
  const source = join(await scene.folder("parent"), "source");
  const output = await scene.folder("output");
  const uploader = await scene.uploader(source);
  const downloader = await scene.downloader(output);
  await uploader.waitForLine(/source.*ENOENT/);
  await mkdir(source);
  await writeFile(join(source, "first.txt"), "first");
  await downloader.waitForLine(/first\.txt: merge complete/);
  await run(["mv", source, `${source}-away`]);
  await mkdir(source);
  await writeFile(join(source, "second.txt"), "second");
  await downloader.waitForLine(/second\.txt: merge complete/);
  expect((await listFiles(output)).length).toBe(2);
});
