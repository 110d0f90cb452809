/** Contents that change while size and times stay: seen by reading known files again, and only by that. */
import { expect, test } from "bun:test";
import { lstatSync } from "node:fs";
import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { run } from "../support/compare.ts";
import { Faults } from "../support/faults.ts";
import { mount } from "../support/mount.ts";
import { headerOf } from "../support/records.ts";
import { type Scene, useScenes } from "../support/scene.ts";
import { waitUntil } from "../support/wait.ts";

const openScene = useScenes();
const EACCES = 13;

// Mounting takes root: the times of a file stay on a file system that writes nothing back.
test.skipIf(process.getuid?.() !== 0).each([["while it runs"], ["with --once"]])(
  "what is written through a mapping is sent as a new version: %s",
  async (when) => {
    const scene = await openScene();
    const [source, output, tools] = await Promise.all(
      ["source", "output", "tools"].map((name) => scene.folder(name)),
    );
    if (!source || !output || !tools) throw new Error("no folders");
    await using _ = await mount("tmpfs", source);
    const file = join(source, "data.bin");
    await writeFile(file, "some content");
    await writeFile(join(source, "another.txt"), "another");
    const state = () => {
      const { size, mtimeNs, ctimeNs } = lstatSync(file, { bigint: true });
      return [size, mtimeNs, ctimeNs];
    };
    const writer = await mapped(tools, file, "SOME");
    // Where leases tell, a file that is mapped for writing is not finished.
    const faults = await Faults.make(await scene.folder("faults"));
    await faults.refuse("leases", EACCES);
    const options = { uploader: { rescan_content: "1s" }, env: faults.env };
    const downloader = await scene.downloader(output);
    const once = when === "with --once" ? { args: ["--once"] } : {};
    const first = await scene.uploader(source, { ...options, ...once });
    await downloader.waitForLine(/data\.bin: merge complete/);
    if (when === "with --once") expect(await first.waitForExit()).toBe(0);
    const before = state();
    await writer.write();
    expect(state()).toEqual(before);
    const agent = when === "with --once" ? await scene.uploader(source, { ...options, ...once }) : first;
    await agent.waitForLine(/data\.bin: its content changed, though not its size and time: it is sent again/);
    await waitUntil(
      "the new content has arrived",
      async () => (await readFile(join(output, "uploader/data.bin"), "utf8")) === "SOME content",
      { detail: () => agent.report() + downloader.report() },
    );
    if (when === "with --once") expect(await agent.waitForExit()).toBe(0);
    expect(await versionsOf(scene, "data.bin")).toBe(2);
    expect(await versionsOf(scene, "another.txt")).toBe(1);
  },
);

/** A program that has the file mapped, and writes to it when it is told to. */
async function mapped(tools: string, file: string, text: string): Promise<{ write(): Promise<void> }> {
  const program = join(tools, "map-write");
  const source = join(import.meta.dir, "../support/map-write.c");
  expect(await run(["gcc", "-o", program, source])).toMatchObject({ code: 0 });
  const child = Bun.spawn([program, file, text], { stdin: "pipe", stdout: "pipe" });
  await child.stdout.getReader().read();
  return {
    write: async () => {
      child.stdin.write("\n");
      await child.stdin.end();
      expect(await child.exited).toBe(0);
    },
  };
}

async function versionsOf(scene: Scene, path: string): Promise<number> {
  const records = await (await scene.kafka()).readAll(scene.topic);
  const own = records.filter(
    (record) => record.key.endsWith(path) && headerOf(record, "abandoned") === undefined,
  );
  return new Set(own.map((record) => headerOf(record, "version"))).size;
}
