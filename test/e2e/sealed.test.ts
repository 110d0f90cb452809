import { expect, test } from "bun:test";
import { existsSync } from "node:fs";
import { chmod, mkdir, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import type { AgentProcess } from "../support/agent-process.ts";
import { expectSameTree, run } from "../support/compare.ts";
import { type Scene, useScenes } from "../support/scene.ts";
import { sealed } from "../support/sealed.ts";
import { randomTree, writeTree } from "../support/tree.ts";

const openScene = useScenes();

/** Both sides, one after the other, in a sealed machine; gives what each left in its /tmp. */
async function transferSealed(scene: Scene, tmp: "ro,noexec" | "rw,noexec") {
  const source = await scene.folder("source");
  const output = await scene.folder("output");
  await chmod(output, 0o777);
  await writeTree(source, randomTree(111, { count: 10, levels: 2, maxBytes: 300_000 }));
  const executable = await scene.executableForAll();
  const root = dirname(source);
  await mkdir(join(root, "notes"));
  const start = (role: "uploader" | "downloader", folder: string): Promise<AgentProcess> => {
    const launcher = sealed({ writable: root, tmp, listing: join(root, "notes", role) });
    return scene[role](folder, { launcher, executable, args: ["--once"] });
  };
  const uploader = await start("uploader", source);
  expect(await uploader.waitForExit(), uploader.report()).toBe(0);
  const downloader = await start("downloader", output);
  expect(await downloader.waitForExit(), downloader.report()).toBe(0);
  await expectSameTree(source, join(output, "uploader"), [uploader, downloader]);
  const listing = (role: string) => Bun.file(join(root, "notes", role)).text();
  return [await listing("uploader"), await listing("downloader")];
}

test("the executable works with a read-only root and a read-only /tmp without exec, as another user", async () => {
  await transferSealed(await openScene(), "ro,noexec");
});

test("the executable leaves nothing in /tmp, though it could", async () => {
  expect(await transferSealed(await openScene(), "rw,noexec")).toEqual(["", ""]);
});

test("nothing of the folder that it is started in is loaded", async () => {
  const scene = await openScene();
  const folder = await scene.folder("hostile");
  const loaded = join(folder, "loaded");
  const code = `require("node:fs").writeFileSync(${JSON.stringify(loaded)}, "");`;
  await writeFile(join(folder, "preload.ts"), code);
  await writeFile(join(folder, "index.ts"), code);
  await writeFile(
    join(folder, "bunfig.toml"),
    'preload = ["./preload.ts"]\n[run]\npreload = ["./preload.ts"]\n',
  );
  await writeFile(join(folder, ".env"), "STREAMSEND_NAME=evil\nSTREAMSEND_KAFKA_TOPIC=evil\n");
  await writeFile(join(folder, "tsconfig.json"), "{");
  await writeFile(join(folder, "package.json"), "{");
  const watch = await scene.folder("source");
  const config = await scene.configuration({
    role: "uploader",
    name: "good",
    uploader: { watch: [{ path: watch }] },
  });
  const agent = scene.agent(["check", "--config", config], { cwd: folder });
  expect(await agent.waitForExit(), agent.report()).toBe(0);
  expect(agent.output).toContain("good");
  expect(agent.output).not.toContain("evil");
  expect(existsSync(loaded)).toBe(false);
});

test("it is one file that needs nothing beside it", async () => {
  const scene = await openScene();
  const copy = await scene.executableForAll();
  const agent = scene.agent(["--version"], { executable: copy, env: { PATH: "", HOME: "/nowhere" } });
  expect(await agent.waitForExit()).toBe(0);
  expect(agent.output).toMatch(/^(streamsend-agent )?\d+\.\d+\.\d+\S*\n$/);
  const { output } = await run(["bash", "-c", 'LC_ALL=C ldd "$0" | grep -c "not found" || true', copy]);
  expect(output).toBe("0\n");
});
