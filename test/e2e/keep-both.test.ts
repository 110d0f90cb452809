/** `on_change: keep-both` with names that are as long as can be. */
import { expect, test } from "bun:test";
import { readdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { useScenes } from "../support/scene.ts";

const openScene = useScenes();

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
