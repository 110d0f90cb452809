import { expect, test } from "bun:test";
import { existsSync } from "node:fs";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { sendAndReceive } from "../support/round-trip.ts";
import { useScenes } from "../support/scene.ts";

const openScene = useScenes();
const executable = join(import.meta.dir, "../../dist/streamsend-agent-linux-arm64");
const emulator = Bun.which("qemu-aarch64-static") ?? Bun.which("qemu-aarch64");
const canRun = existsSync(executable) && emulator !== null;

// Skipped where `scripts/build --target linux-arm64` has not run or qemu-user is not installed.
test.skipIf(!canRun)("the executable for ARM64 sends files and receives them", async () => {
  // That of a Raspberry Pi 4, which lacks instructions that the emulator would have.
  await sendAndReceive(await openScene(), { launcher: [emulator ?? "", "-cpu", "cortex-a72"], executable });
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
