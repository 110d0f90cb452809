/** Taking a retired group out of the ledger, and out of Kafka. */
import { expect, test } from "bun:test";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { AgentHttp, anyPort } from "../support/agent-http.ts";
import { forget, keysOf } from "../support/forget.ts";
import { type Scene, useScenes } from "../support/scene.ts";
import { waitUntil } from "../support/wait.ts";

const openScene = useScenes();

async function send(scene: Scene, source: string): Promise<void> {
  const agent = await scene.uploader(source, { name: "till", args: ["--once"] });
  expect(await agent.waitForExit(), agent.report()).toBe(0);
}

async function fetchAll(scene: Scene, output: string, group: string, start = "earliest"): Promise<string> {
  const agent = await scene.downloader(output, { args: ["--once"], downloader: { group, start } });
  expect(await agent.waitForExit(), agent.report()).toBe(0);
  return agent.output;
}

/** Till has sent a.txt and b.txt; the scene's group has both, and `archive` has a.txt only. */
async function prepare() {
  const scene = await openScene();
  const [source, output, old] = [
    await scene.folder("source"),
    await scene.folder("output"),
    await scene.folder("old"),
  ];
  const archive = `archive-${scene.group}`;
  await writeFile(join(source, "a.txt"), "first");
  await send(scene, source);
  await fetchAll(scene, old, archive);
  await writeFile(join(source, "b.txt"), "second");
  await send(scene, source);
  await fetchAll(scene, output, scene.group);
  return { scene, source, output, old, archive };
}

test("a group is forgotten with its positions, and begins anew if it comes back", async () => {
  const { scene, old, archive } = await prepare();
  const asked = await forget(scene, "group", archive);
  expect([asked.code, asked.err]).toEqual([1, "streamsend-agent: nothing is changed: --yes does it\n"]);
  expect(asked.out).toMatch(new RegExp(`^group ${archive}: 1 receipt, began 20`, "m"));
  expect(asked.out).toContain("it has not got 1 file (till/b.txt)");
  const kafka = await scene.kafka();
  expect(await kafka.committedBy(archive, scene.topic)).toEqual([1]);
  const { code, out, err } = await forget(scene, "group", archive, "--yes");
  expect([code, err]).toEqual([0, ""]);
  expect(out).toMatch(new RegExp(`^group ${archive} is forgotten; entries taken out of the ledger: 2$`, "m"));
  expect(await keysOf(scene, `delivered/${archive}/`, `start/${archive}`)).toEqual([]);
  expect(await keysOf(scene, `delivered/${scene.group}/`)).toHaveLength(2);
  expect(await kafka.committedBy(archive, scene.topic)).toEqual([-1]);
  expect(await forget(scene, "group", archive, "--yes")).toEqual({
    code: 1,
    out: "",
    err: `streamsend-agent: ${scene.ledger} has nothing of group ${archive} to forget\n`,
  });
  const again = await fetchAll(scene, old, archive);
  expect(again.match(/merge complete/g)).toHaveLength(2);
});

test("one that comes back with another start begins there", async () => {
  const { scene, source, old, archive } = await prepare();
  expect((await forget(scene, "group", archive, "--yes")).code).toBe(0);
  expect(await fetchAll(scene, old, archive, "latest")).not.toContain("merge complete");
  await writeFile(join(source, "c.txt"), "third");
  await send(scene, source);
  expect((await fetchAll(scene, old, archive)).match(/merge complete/g)).toHaveLength(1);
});

test("a group whose downloaders work is left alone", async () => {
  const { scene, output } = await prepare();
  const agent = await scene.downloader(output, { settings: anyPort });
  const http = await AgentHttp.of(agent);
  await waitUntil("it works", async () => (await http.get("/readyz")).status === 200);
  const before = await keysOf(scene, "delivered/", "start/");
  const { code, err } = await forget(scene, "group", scene.group, "--yes");
  expect(code).toBe(1);
  expect(err).toBe(
    `streamsend-agent: group ${scene.group} is at work: stop its downloaders first (downloader (127.0.0.1))\n`,
  );
  expect(await keysOf(scene, "delivered/", "start/")).toEqual(before);
  expect(agent.output).not.toContain("merge complete");
});
