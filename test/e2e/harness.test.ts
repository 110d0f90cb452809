/** The tests' own tools: what they are to notice, they notice. */
import { describe, expect, test } from "bun:test";
import { appendFile, rename, rm, utimes, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { AgentProcess } from "../support/agent-process.ts";
import { differences, leftovers, listFiles, run } from "../support/compare.ts";
import { chunksOf } from "../support/hand-made.ts";
import { Scene, useScenes } from "../support/scene.ts";
import { oddTree, randomTree, writeTree } from "../support/tree.ts";
import { waitUntil } from "../support/wait.ts";

const openScene = useScenes();

describe("a comparison of two trees notices", () => {
  test.each<[string, (copy: string) => Promise<unknown>]>([
    ["a byte that differs", (copy) => overwriteByte(join(copy, "file"))],
    ["a byte too many", (copy) => appendFile(join(copy, "file"), "x")],
    ["a file that is missing", (copy) => rm(join(copy, "file"))],
    ["a file too many", (copy) => writeFile(join(copy, "more"), "")],
    ["another name", (copy) => rename(join(copy, "file"), join(copy, "File"))],
  ])("%s", async (_, change) => {
    const { source, copy } = await twoTrees();
    expect(await differences(source, copy)).toBe("");
    await change(copy);
    expect(await differences(source, copy)).not.toBe("");
  });

  test("a modification time that differs", async () => {
    const { source, copy } = await twoTrees();
    expect(await listFiles(copy)).toEqual(await listFiles(source));
    await utimes(join(copy, "file"), 1, 1);
    expect(await listFiles(copy)).not.toEqual(await listFiles(source));
  });
});

test("a listing has every file, whatever its name", async () => {
  const scene = await openScene();
  const folder = await scene.folder("odd");
  const files = oddTree(1);
  await writeTree(folder, files);
  const names = (await listFiles(folder)).map((line) => line.split(" ").slice(0, -2).join(" "));
  expect(names).toEqual(files.map((file) => file.path.toString("latin1")).sort());
});

test("leftovers are the files of .streamsend, without the store's name", async () => {
  const scene = await openScene();
  const output = await scene.folder("output");
  await Bun.write(join(output, ".streamsend/store"), "name");
  expect(await leftovers(output)).toEqual([]);
  await Bun.write(join(output, ".streamsend/partial"), "bytes");
  expect(await leftovers(output)).toEqual([".streamsend/partial"]);
});

test("a seed gives the same tree again", () => {
  const options = { count: 20, levels: 3, maxBytes: 100 };
  expect(randomTree(5, options)).toEqual(randomTree(5, options));
  expect(randomTree(5, options)).not.toEqual(randomTree(6, options));
});

test("hand-made records are those of the specification", () => {
  const [golden] = chunksOf({ uploader: "pos-0042", path: "dir/a.txt", content: Buffer.from("hello") });
  expect(golden).toEqual({
    key: "pos-0042/dir/a.txt",
    value: Buffer.from("hello"),
    headers: [
      { streamsend: "1" },
      { uploader: "pos-0042" },
      { path: "dir/a.txt" },
      { version: "1744741849202123" },
      { offset: "0" },
      { size: "5" },
      { mtime: "1744741849.202123456" },
      { crc32: "3610a686" },
      { chunk: "1/1" },
      { checksum: "md5:5d41402abc4b2a76b9719d911017c592" },
      { last: "1" },
    ],
  });
});

test("waiting in vain ends with what was waited for, and an error while waiting ends it at once", async () => {
  const inVain = waitUntil("pigs fly", () => false, { timeoutMs: 50, detail: () => "they walk" });
  expect(await inVain.catch(String)).toMatch(/until pigs fly\nthey walk/);
  const failing = waitUntil("pigs fly", () => Promise.reject(new Error("no pigs")));
  expect(await failing.catch(String)).toBe("Error: no pigs");
});

test("a process that ends without the line that is waited for is reported at once, with what it wrote", async () => {
  const agent = new AgentProcess(["frobnicate"]);
  expect(await agent.waitForLine(/never/).catch(String)).toMatch(
    /ended without saying .*\n.*ended with 2\n.*frobnicate/s,
  );
});

test("a scene that closes takes its agents and its folders with it", async () => {
  const scene = await Scene.open("127.0.0.1:1");
  const folder = await scene.folder("source");
  const agent = await scene.uploader(folder);
  await agent.waitForLine(/uploader/);
  await scene.close();
  expect(agent.isRunning).toBe(false);
  expect((await run(["ls", "-A", folder])).code).not.toBe(0);
});

async function twoTrees(): Promise<{ source: string; copy: string }> {
  const scene = await openScene();
  const [source, copy] = [await scene.folder("source"), await scene.folder("copy")];
  await writeFile(join(source, "file"), "content");
  await run(["cp", "-p", join(source, "file"), copy]);
  return { source, copy };
}

async function overwriteByte(path: string): Promise<void> {
  await writeFile(path, "contenT");
}
