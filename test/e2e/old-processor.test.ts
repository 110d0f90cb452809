/** The oldest processors for PCs that the runtime knows: their instructions, and none that came later (AVX, AVX2). */
import { test } from "bun:test";
import { sendAndReceive } from "../support/round-trip.ts";
import { useScenes } from "../support/scene.ts";

const openScene = useScenes();
const emulator = Bun.which("qemu-x86_64-static") ?? Bun.which("qemu-x86_64");

// Skipped where qemu-user is not installed.
test.skipIf(emulator === null || process.arch !== "x64")(
  "on a processor of 2008 it sends files and receives them",
  async () => sendAndReceive(await openScene(), { launcher: [emulator ?? "", "-cpu", "Nehalem"] }),
);
