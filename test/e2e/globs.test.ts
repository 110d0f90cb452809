import { expect, test } from "bun:test";
import { readdir, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { useScenes } from "../support/scene.ts";

const openScene = useScenes();
const group = "the-group";

/** What is sent of files with these names. */
async function sentOf(
  names: readonly (string | Buffer)[],
  watch: { include?: string[]; exclude?: string[] },
) {
  const scene = await openScene();
  const [source, output] = [await scene.folder("source"), await scene.folder("output")];
  for (const name of names)
    await writeFile(Buffer.concat([Buffer.from(`${source}/`), Buffer.from(name as string)]), "a");
  const uploader = await scene.uploader(source, {
    uploader: { watch: [{ path: source, ...watch }] },
    args: ["--once"],
  });
  expect(await uploader.waitForExit(), uploader.report()).toBe(0);
  const downloader = await scene.downloader(output, { args: ["--once"], downloader: { group } });
  expect(await downloader.waitForExit(), downloader.report()).toBe(0);
  return { scene, output, arrived: (await readdir(join(output, "uploader"))).sort() };
}

test("exclude sees names as people do", async () => {
  const names = [
    "50%off.txt",
    "a%20b",
    "new\nline.log",
    "keep 100%.txt",
    Buffer.from("caf\xe9.txt", "latin1"),
  ];
  const { arrived } = await sentOf(names, { exclude: ["*%off*", "a%20?", "new?line*", "caf?.txt"] });
  expect(arrived).toEqual(["keep 100%.txt"]);
});

test("include takes a name by its own characters, each with a backslash where it means something", async () => {
  const names = ["[1] 100%.txt", "1 100%.txt", "a*b", "axb", "{x,y}.txt", "x.txt"];
  const { arrived } = await sentOf(names, { include: ["\\[1\\] 100%.txt", "a\\*b", "\\{x\\,y\\}.txt"] });
  expect(arrived).toEqual(["[1] 100%.txt", "a*b", "{x,y}.txt"]);
});

test("redeliver finds a name with its own characters", async () => {
  const { scene, output } = await sentOf(["50%off.txt", "50 off.txt"], {});
  const config = await scene.configuration({
    role: "downloader",
    kafka: { brokers: scene.brokers, topic: scene.topic, ledger: scene.ledger, ledger_partitions: 4 },
    downloader: { output, group },
  });
  await rm(join(output, "uploader"), { recursive: true });
  const command = scene.agent(["redeliver", "uploader/50%*", "--config", config]);
  expect(await command.waitForExit(), command.report()).toBe(0);
  expect(command.output).toMatch(/^uploader\/50%off\.txt: version \d+ is fetched again\n$/);
});
