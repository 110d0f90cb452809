/** A watch that is a mount, and what it means for the ledger that it is unmounted: nothing is gone. */
import { expect, test } from "bun:test";
import { rename, unlink, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { AgentHttp, anyPort } from "../support/agent-http.ts";
import type { AgentProcess } from "../support/agent-process.ts";
import { run } from "../support/compare.ts";
import { request } from "../support/hand-made-ledger.ts";
import { type Mounted, mount } from "../support/mount.ts";
import { compacted } from "../support/records.ts";
import { type Scene, useScenes } from "../support/scene.ts";
import { waitUntil } from "../support/wait.ts";

const openScene = useScenes();
const isRoot = process.getuid?.() === 0;
const names = ["a.txt", "b.txt", "c.txt"];

interface Stage extends AsyncDisposable {
  scene: Scene;
  /** A file system of its own, where it always is; the watch is a mount of the same. */
  disk: string;
  watch: string;
  start(args?: readonly string[]): Promise<AgentProcess>;
  plugIn(device?: string): Promise<void>;
  pullOut(): Promise<void>;
  states(): Promise<string[]>;
  ask(name: string): Promise<void>;
  endOfTopic(): Promise<number>;
}

/** Three files on a disk that is mounted. */
async function prepare(): Promise<Stage> {
  const scene = await openScene();
  const [disk, watch] = [await scene.folder("disk"), await scene.folder("watch")];
  const device = await mount("tmpfs", disk);
  let mounted: Mounted | undefined;
  const plugIn = async (from = disk) => {
    mounted = await mount("none", watch, "bind", from);
  };
  const pullOut = async () => mounted?.unmount();
  await plugIn();
  for (const name of names) await writeFile(join(disk, name), name);
  const kafka = await scene.kafka();
  const entries = async () => {
    const all = compacted(await kafka.readAll(scene.ledger));
    return names.map((name) => all.get(`file/uploader/${name}`) as { state: string; version: number });
  };
  return {
    scene,
    disk,
    watch,
    start: (args = []) => scene.uploader(watch, { kafka: { ledger_partitions: 1 }, settings: anyPort, args }),
    plugIn,
    pullOut,
    states: async () => (await entries()).map(({ state }) => state),
    ask: async (path) => {
      const version = (await entries())[names.indexOf(path)]?.version ?? 0;
      const asked = request("hub", { uploader: "uploader", path, version }, [[0, 1]]);
      await kafka.produce(scene.ledger, [asked]);
    },
    endOfTopic: async () => (await kafka.endOffsets(scene.topic)).reduce((sum, end) => sum + end, 0),
    [Symbol.asyncDispose]: async () => {
      await pullOut();
      await device.unmount();
    },
  };
}

async function startWithAll(stage: Stage): Promise<AgentProcess> {
  const agent = await stage.start();
  for (const name of names) await agent.waitForLine(new RegExp(`${name}: successfully processed`));
  await waitUntil("the ledger has them", async () => (await stage.states()).every((one) => one === "sent"));
  // When something later is sent, too, the look that found the others is over.
  await writeFile(join(stage.disk, "later.txt"), "later");
  await agent.waitForLine(/later\.txt: successfully processed/);
  return agent;
}

test.skipIf(!isRoot)(
  "a watch that is unmounted loses nothing, says so, and goes on when it is mounted again",
  async () => {
    await using stage = await prepare();
    const agent = await startWithAll(stage);
    const http = await AgentHttp.of(agent);
    await stage.pullOut();
    await agent.waitForLine(/-watch: it is on another device than before/);
    await http.waitForReadiness(false);
    await stage.ask("a.txt");
    await agent.waitForLine(/a\.txt: can't be sent again: .*-watch is on another device than before/);
    expect(await stage.states()).toEqual(["sent", "sent", "sent"]);
    const end = await stage.endOfTopic();
    await unlink(join(stage.disk, "b.txt"));
    await stage.plugIn();
    await agent.waitForLine(/-watch: its files are seen again/);
    await http.waitForReadiness(true);
    await waitUntil("what is gone is noted", async () => (await stage.states()).includes("gone"));
    expect(await stage.states()).toEqual(["sent", "gone", "sent"]);
    expect(await stage.endOfTopic()).toBe(end);
    expect(agent.messages.filter((message) => message.includes("it is on another device"))).toHaveLength(1);
  },
);

test.skipIf(!isRoot)("another disk with a file that is known is the watch's from then on", async () => {
  await using stage = await prepare();
  const other = await stage.scene.folder("other");
  await using _device = await mount("tmpfs", other);
  await run(["cp", "-p", join(stage.disk, "a.txt"), other]);
  const agent = await startWithAll(stage);
  const end = await stage.endOfTopic();
  await stage.pullOut();
  await agent.waitForLine(/-watch: it is on another device than before/);
  await stage.plugIn(other);
  await agent.waitForLine(/-watch: its files are seen again/);
  await waitUntil("the others are gone", async () => (await stage.states()).join() === "sent,gone,gone");
  expect(await stage.endOfTopic()).toBe(end);
});

test.skipIf(!isRoot)(
  "what was noted as gone at a start without the mount is sent, and can be asked for, when it is there again",
  async () => {
    await using stage = await prepare();
    await run(["touch", "-d", "2 days ago", join(stage.disk, "a.txt")]);
    expect(await (await stage.start(["--once"])).waitForExit()).toBe(0);
    const end = await stage.endOfTopic();
    await stage.pullOut();
    const agent = await stage.start(["--set", "uploader.max_age=1d"]);
    await waitUntil("they are gone", async () => (await stage.states()).join() === "gone,gone,gone");
    // As a file system numbers its files anew when it is mounted.
    await run(["cp", "-p", join(stage.disk, "b.txt"), join(stage.disk, ".b")]);
    await rename(join(stage.disk, ".b"), join(stage.disk, "b.txt"));
    await writeFile(join(stage.disk, "c.txt"), "changed meanwhile");
    await stage.plugIn();
    await waitUntil("they are back", async () => (await stage.states()).join() === "sent,sent,sent");
    // Of the three, only what has changed was sent once more.
    expect(await stage.endOfTopic()).toBe(end + 1);
    for (const name of ["a.txt", "b.txt"]) {
      await stage.ask(name);
      await agent.waitForLine(new RegExp(`${name}: 1 bytes of version \\d+ were sent again`));
    }
  },
);
