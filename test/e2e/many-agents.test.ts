import { expect, test } from "bun:test";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { expectSameTree, listFiles, run } from "../support/compare.ts";
import { useScenes } from "../support/scene.ts";
import { randomTree, writeTree } from "../support/tree.ts";
import { waitUntil } from "../support/wait.ts";

const openScene = useScenes();

test("eight uploaders send through one topic to one downloader, each into its own folder", async () => {
  const scene = await openScene();
  const output = await scene.folder("output");
  const downloader = await scene.downloader(output);
  const sources = await Promise.all(
    Array.from({ length: 8 }, async (_, at) => {
      const source = await scene.folder(`source-${at}`);
      await writeTree(source, randomTree(30 + at, { count: 20, levels: 3, maxBytes: 200_000 }));
      const agent = await scene.uploader(source, { name: `till-${at}`, uploader: { chunk: 65_536 } });
      return { source, agent, name: `till-${at}` };
    }),
  );
  for (const { source, agent, name } of sources) {
    await expectSameTree(source, join(output, name), [agent, downloader]);
  }
});

test("two groups mirror: each gets its own full copy", async () => {
  const scene = await openScene();
  const source = await scene.folder("source");
  const [left, right] = [await scene.folder("left"), await scene.folder("right")];
  await writeTree(source, randomTree(41, { count: 40, levels: 3, maxBytes: 100_000 }));
  const agents = [
    await scene.uploader(source),
    await scene.downloader(left, { name: "left", downloader: { group: `left-${scene.group}` } }),
    await scene.downloader(right, { name: "right", downloader: { group: `right/50%-${scene.group}` } }),
  ];
  await expectSameTree(source, join(left, "uploader"), agents);
  await expectSameTree(source, join(right, "uploader"), agents);
});

test("downloaders of one group share the work: each file is stored by exactly one of them", async () => {
  const scene = await openScene();
  const source = await scene.folder("source");
  const outputs = [await scene.folder("one"), await scene.folder("two")];
  const kafka = { partitions: 4 };
  const agents = await Promise.all(
    outputs.map((output, at) => scene.downloader(output, { name: `hub-${at}`, kafka })),
  );
  await writeTree(source, randomTree(42, { count: 60, levels: 2, maxBytes: 20_000 }));
  agents.push(await scene.uploader(source, { kafka }));
  const wanted = await listFiles(source);
  const stored = async () => (await Promise.all(outputs.map((at) => listFiles(at)))).flat();
  await waitUntil("all files are stored", async () => (await stored()).length >= wanted.length, {
    pollMs: 200,
    detail: () => agents.map((agent) => agent.report()).join("\n"),
  });
  expect((await stored()).sort()).toEqual(wanted.map((line) => `uploader/${line}`));
});

test("an agent that starts under a name that is taken says which host has it, and exits 1", async () => {
  const scene = await openScene();
  const source = await scene.folder("source");
  await writeFile(join(source, "a.txt"), "a");
  const first = await scene.uploader(source, { name: "till-7" });
  await first.waitForLine(/a\.txt: successfully processed/);
  const second = await scene.uploader(source, { name: "till-7" });
  expect(await second.waitForExit()).toBe(1);
  const host = (await run(["hostname"])).output.trim();
  expect(`${second.output}${second.errors}`).toContain(host);
  expect(first.isRunning).toBe(true);
});

test("with --once, too, an agent under a name that is taken sends nothing and exits 1", async () => {
  const scene = await openScene();
  const [source, other] = [await scene.folder("source"), await scene.folder("other")];
  await writeFile(join(source, "a.txt"), "a");
  await writeFile(join(other, "b.txt"), "b");
  const first = await scene.uploader(source, { name: "till-7" });
  await first.waitForLine(/a\.txt: successfully processed/);
  const second = await scene.uploader(other, { name: "till-7", args: ["--once"] });
  expect(await second.waitForExit()).toBe(1);
  expect(second.output).toContain(`in use by an agent on ${(await run(["hostname"])).output.trim()}`);
  expect((await (await scene.kafka()).readAll(scene.topic)).map(({ key }) => key)).toEqual(["till-7/a.txt"]);
});

test("a group that begins with the latest gets only what is sent from then on", async () => {
  const scene = await openScene();
  const source = await scene.folder("source");
  const output = await scene.folder("output");
  await writeFile(join(source, "before.txt"), "before");
  const uploader = await scene.uploader(source);
  await uploader.waitForLine(/before\.txt: successfully processed/);
  const downloader = await scene.downloader(output, { downloader: { start: "latest" } });
  const kafka = await scene.kafka();
  await waitUntil("the group has noted where it begins", async () =>
    (await kafka.readAll(scene.ledger)).some((record) => record.key === `start/${scene.group}`),
  );
  await writeFile(join(source, "after.txt"), "after");
  await downloader.waitForLine(/after\.txt: merge complete/);
  const paths = (await listFiles(output)).map((line) => line.split(" ")[0]);
  expect(paths).toEqual(["uploader/after.txt"]);
});
