/** `on_change: keep-both`: with names that are as long as can be, and with versions that come all at once. */
import { expect, test } from "bun:test";
import { readdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { chunksOf } from "../support/hand-made.ts";
import { useStages } from "../support/repair-stage.ts";
import { useScenes } from "../support/scene.ts";
import { waitUntil } from "../support/wait.ts";

const openScene = useScenes();
const openStage = useStages();

test("an older version of a file with the longest name is kept, its name shortened between two characters", async () => {
  const scene = await openScene();
  const [source, output] = [await scene.folder("source"), await scene.folder("output")];
  const names = [`${"a".repeat(251)}.txt`, `${"é".repeat(125)}b.txt`, "€".repeat(85)];
  const inbox = join(output, "uploader");
  await scene.uploader(source);
  const downloader = await scene.downloader(output, { downloader: { on_change: "keep-both" } });
  for (const [at, content] of ["first", "second", "third"].entries())
    for (const name of names) {
      await writeFile(join(source, name), content);
      const merges = new RegExp(`(${name.slice(0, 50)}[^/]*: merge complete[^]*){${at + 1}}`);
      await downloader.waitForLine(merges);
    }
  for (const name of names) {
    expect(await readFile(join(inbox, name), "utf8")).toBe("third");
    const ending = name.endsWith(".txt") ? ".txt" : "";
    const kept = (await readdir(inbox)).filter((one) => one !== name && one.startsWith(name.slice(0, 50)));
    expect(kept.every((one) => new RegExp(`\\.~\\d+~${ending}$`).test(one))).toBe(true);
    const contents = await Promise.all(kept.map((one) => readFile(join(inbox, one), "utf8")));
    expect(contents.sort()).toEqual(["first", "second"]);
  }
  expect(downloader.output).not.toContain("failed");
});

test("versions that were sent while the downloader was away are all kept", async () => {
  const scene = await openScene();
  const [source, output] = [await scene.folder("source"), await scene.folder("output")];
  const contents = ["first", "second", "third"];
  for (const content of contents) {
    await writeFile(join(source, "report.txt"), content);
    expect(await (await scene.uploader(source, { args: ["--once"] })).waitForExit()).toBe(0);
  }
  const settings = { args: ["--once"], downloader: { on_change: "keep-both" } };
  expect(await (await scene.downloader(output, settings)).waitForExit()).toBe(0);
  const inbox = join(output, "uploader");
  // The newest has the name itself, which sorts before those with a version.
  const names = (await readdir(inbox)).sort();
  expect(names[0]).toBe("report.txt");
  const found = await Promise.all(names.map((name) => readFile(join(inbox, name), "utf8")));
  expect(found).toEqual(["third", "first", "second"]);
});

test("keep-both keeps each older version beside the newest", async () => {
  const stage = await openStage();
  const { kafka, scene, output } = stage;
  const agent = await scene.downloader(output, { downloader: { on_change: "keep-both" } });
  for (const [at, text] of ["one", "two", "three"].entries()) {
    const file = { uploader: "till", path: "note.txt", content: Buffer.from(text), version: 100 + at };
    await kafka.produce(scene.topic, chunksOf(file));
    await waitUntil(`version ${at} is there`, () => agent.output.split("merge complete").length === at + 2);
  }
  const texts = ["note.txt", "note.~100~.txt", "note.~101~.txt"].map((name) =>
    Bun.file(join(output, "till", name)).text(),
  );
  expect(await Promise.all(texts)).toEqual(["three", "one", "two"]);
});

test("what stands there is kept as of a version that nobody knows, where older ones were replaced for a while", async () => {
  const { kafka, scene, output } = await openStage();
  const ways = ["keep-both", "keep-both", "replace", "keep-both"];
  for (const [at, way] of ways.entries()) {
    const file = { uploader: "till", path: "note.txt", content: Buffer.from(`${at}`), version: 100 + at };
    await kafka.produce(scene.topic, chunksOf(file));
    const agent = await scene.downloader(output, { args: ["--once"], downloader: { on_change: way } });
    expect(await agent.waitForExit()).toBe(0);
  }
  const inbox = join(output, "till");
  const names = await readdir(inbox);
  const found = await Promise.all(
    names.map(async (name) => [name, await readFile(join(inbox, name), "utf8")] as const),
  );
  expect(Object.fromEntries(found)).toEqual({ "note.txt": "3", "note.~100~.txt": "0", "note.~0~.txt": "2" });
});
