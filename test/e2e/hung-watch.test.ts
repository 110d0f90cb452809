/** One of two watches is a mount that does not answer: a FUSE file system whose process is stopped. */
import { expect, test } from "bun:test";
import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { AgentProcess } from "../support/agent-process.ts";
import { run } from "../support/compare.ts";
import { headerOf } from "../support/records.ts";
import { type Scene, type Settings, useScenes } from "../support/scene.ts";
import { writeLargeFile } from "../support/tree.ts";

const openScene = useScenes();
const isRoot = process.getuid?.() === 0;

interface Stage {
  scene: Scene;
  /** What the mount shows. */
  behind: string;
  quick: string;
  start(settings?: Settings): Promise<AgentProcess>;
  /** With a mount that hangs from the beginning. */
  startHung(): Promise<AgentProcess>;
  /** SIGSTOP: the mount hangs; SIGCONT: it goes on. */
  signal(name: string): Promise<void>;
}

async function prepare(): Promise<Stage> {
  const scene = await openScene();
  const [behind, mount, quick, tools] = await Promise.all(
    ["behind", "mount", "quick", "tools"].map((name) => scene.folder(name)),
  );
  if (!behind || !mount || !quick || !tools) throw new Error("no folders");
  const launcher = join(tools, "hanging-fs");
  const source = join(import.meta.dir, "../support/hanging-fs.c");
  expect(await run(["gcc", "-o", launcher, source])).toMatchObject({ code: 0 });
  const pid = join(tools, "pid");
  const watch = [
    { path: mount, as: "mount" },
    { path: quick, as: "quick" },
  ];
  const mounted = [launcher, behind, mount, pid];
  const start = (settings: Settings = {}) =>
    scene.uploader(quick, { uploader: { watch, ...settings }, launcher: mounted });
  const startHung = () =>
    scene.uploader(quick, {
      uploader: { watch },
      launcher: [...mounted, "bash", "-c", 'kill -STOP "$(cat "$0")"; exec "$@"', pid],
      // What the checks of the configuration have asked keeps a thread as well.
      env: { UV_THREADPOOL_SIZE: "8" },
    });
  const signal = async (name: string) => {
    process.kill(Number(await readFile(pid, "utf8")), name);
  };
  return { scene, behind, quick, start, startHung, signal };
}

// Mounting takes root.
test.skipIf(!isRoot)("a watch that hangs holds up no other, and goes on when it answers again", async () => {
  const { behind, quick, start, signal } = await prepare();
  await writeFile(join(behind, "a.txt"), "a");
  const agent = await start();
  await agent.waitForLine(/mount\/a\.txt: successfully processed/);
  await signal("SIGSTOP");
  await agent.waitForLine(/-mount: its file system does not answer/);
  for (let at = 0; at < 20; at++) await writeFile(join(quick, `${at}.txt`), String(at));
  await writeLargeFile(join(quick, "video.avi"), 3 << 20);
  for (let at = 0; at < 20; at++)
    await agent.waitForLine(new RegExp(`quick/${at}\\.txt: successfully processed`));
  await agent.waitForLine(/quick\/video\.avi: successfully processed/);
  await writeFile(join(behind, "b.txt"), "b");
  await signal("SIGCONT");
  await agent.waitForLine(/mount\/b\.txt: successfully processed/);
  const said = agent.messages.filter((message) => message.includes("its file system"));
  expect(said.map((message) => message.replace(/^.*?: its file/, "its file"))).toEqual([
    "its file system does not answer: its files wait until it does",
    "its file system answers again",
  ]);
});

test.skipIf(!isRoot)(
  "files that are being read from a watch that hangs take neither places nor memory from others",
  async () => {
    const { scene, behind, quick, start, signal } = await prepare();
    for (let at = 0; at < 6; at++) await writeLargeFile(join(behind, `${at}.avi`), 1 << 20);
    const agent = await start({ rate: "1MB/s", chunk: 65_536, in_flight: "256KiB", parallel: 2 });
    await agent.waitForLine(/mount\/\d\.avi: \(00003 of 00016\) chunk uploaded/);
    await signal("SIGSTOP");
    await agent.waitForLine(/-mount: its file system does not answer/);
    await writeLargeFile(join(quick, "video.avi"), 300_000);
    await writeFile(join(quick, "small.txt"), "small");
    await agent.waitForLine(/quick\/small\.txt: successfully processed/);
    await agent.waitForLine(/quick\/video\.avi: successfully processed/);
    await signal("SIGCONT");
    for (let at = 0; at < 6; at++)
      await agent.waitForLine(new RegExp(`mount/${at}\\.avi: successfully processed`));
    const records = await (await scene.kafka()).readAll(scene.topic);
    expect(records.filter((record) => headerOf(record, "abandoned") !== undefined)).toEqual([]);
    expect(records).toHaveLength(6 * 16 + 5 + 1);
  },
);

test.skipIf(!isRoot)("a watch that hangs from the start holds up no other", async () => {
  const { behind, quick, startHung, signal } = await prepare();
  await writeFile(join(behind, "a.txt"), "a");
  await writeFile(join(quick, "b.txt"), "b");
  const agent = await startHung();
  await agent.waitForLine(/quick\/b\.txt: successfully processed/);
  await writeFile(join(quick, "c.txt"), "c");
  await agent.waitForLine(/quick\/c\.txt: successfully processed/);
  await signal("SIGCONT");
  await agent.waitForLine(/mount\/a\.txt: successfully processed/);
});
