import { expect, test } from "bun:test";
import { existsSync } from "node:fs";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { expectSameTree } from "../support/compare.ts";
import { useScenes } from "../support/scene.ts";
import { randomTree, writeTree } from "../support/tree.ts";

const openScene = useScenes();
const executable = join(import.meta.dir, "../../dist/streamsend-agent-linux-arm64");
const emulator = Bun.which("qemu-aarch64-static") ?? Bun.which("qemu-aarch64");
const canRun = existsSync(executable) && emulator !== null;

// Skipped where `scripts/build --target linux-arm64` has not run or qemu-user is not installed.
test.skipIf(!canRun)("the executable for ARM64 sends files and receives them", async () => {
  const scene = await openScene();
  const source = await scene.folder("source");
  const output = await scene.folder("output");
  await writeTree(source, randomTree(121, { count: 5, levels: 2, maxBytes: 200_000 }));
  const options = { launcher: [emulator ?? ""], executable, args: ["--once"] };
  const uploader = await scene.uploader(source, { ...options, uploader: { chunk: 65_536 } });
  expect(await uploader.waitForExit(120_000), uploader.report()).toBe(0);
  const downloader = await scene.downloader(output, options);
  expect(await downloader.waitForExit(120_000), downloader.report()).toBe(0);
  await expectSameTree(source, join(output, "uploader"), [uploader, downloader]);
});

test.skipIf(!canRun)(
  "code that asks for its architecture is told that of the machine it runs on",
  async () => {
    const folder = await (await openScene()).folder("build");
    const [entry, outfile] = [join(folder, "entry.ts"), join(folder, "entry")];
    await writeFile(entry, 'console.log(process.arch === "arm64" ? "ARM64" : "another", process.arch);');
    const build = [join(import.meta.dir, "../../scripts/build"), "--target", "linux-arm64"];
    expect(
      await Bun.spawn([...build, "--entry", entry, "--outfile", outfile], { stderr: "ignore" }).exited,
    ).toBe(0);
    const told = Bun.spawn([emulator ?? "", outfile], { stdout: "pipe" });
    expect(await told.stdout.text()).toBe("ARM64 arm64\n");
  },
);
