import { expect, test } from "bun:test";
import { appendFile, chmod, mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { AgentProcess } from "../support/agent-process.ts";
import { expectSameTree, listFiles, run } from "../support/compare.ts";
import { type Scene, useScenes } from "../support/scene.ts";
import { randomTree, writeTree } from "../support/tree.ts";
import { waitUntil } from "../support/wait.ts";

const openScene = useScenes();

/** Lines, of both outputs, that say it. */
function linesWith(agent: AgentProcess, pattern: RegExp): string[] {
  return `${agent.output}\n${agent.errors}`.split("\n").filter((line) => pattern.test(line));
}

async function recordsIn(scene: Scene, topic: string): Promise<number> {
  const kafka = await scene.kafka();
  const ends = await kafka.endOffsets(topic).catch((error: Error) => {
    if (!/unknown|not there/i.test(error.message)) throw error;
    return [0];
  });
  return ends.reduce((sum, end) => sum + end, 0);
}

test("with --once the uploader sends what is there and ends, the downloader stores what is there and ends", async () => {
  const scene = await openScene();
  const source = await scene.folder("source");
  const output = await scene.folder("output");
  await writeTree(source, randomTree(71, { count: 40, levels: 3, maxBytes: 200_000 }));
  const uploader = await scene.uploader(source, { args: ["--once"], uploader: { chunk: 65_536 } });
  expect(await uploader.waitForExit()).toBe(0);
  const downloader = await scene.downloader(output, { args: ["--once"] });
  expect(await downloader.waitForExit()).toBe(0);
  await expectSameTree(source, join(output, "uploader"), [uploader, downloader]);
});

test("with --once and nothing to do both end well", async () => {
  const scene = await openScene();
  const uploader = await scene.uploader(await scene.folder("source"), { args: ["--once"] });
  expect(await uploader.waitForExit()).toBe(0);
  const downloader = await scene.downloader(await scene.folder("output"), { args: ["--once"] });
  expect(await downloader.waitForExit()).toBe(0);
});

test("with --once a file that cannot be read is named, the others are sent, and the exit code is 1", async () => {
  const scene = await openScene();
  const source = await scene.folder("source");
  const output = await scene.folder("output");
  await writeFile(join(source, "readable.txt"), "readable");
  await writeFile(join(source, "closed.txt"), "closed");
  await chmod(join(source, "closed.txt"), 0o000);
  // Root may read anything, so somebody else sends.
  const launcher =
    process.getuid?.() === 0 ? ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"] : [];
  const executable = await scene.executableForAll();
  const uploader = await scene.uploader(source, { args: ["--once"], launcher, executable });
  expect(await uploader.waitForExit()).toBe(1);
  expect(linesWith(uploader, /closed\.txt/).length).toBeGreaterThan(0);
  const downloader = await scene.downloader(output, { args: ["--once"] });
  expect(await downloader.waitForExit()).toBe(0);
  expect(await listFiles(join(output, "uploader"))).toHaveLength(1);
});

test("with --once a file that is written to again and again is named, the others are sent, and the exit code is 1", async () => {
  const scene = await openScene();
  const source = await scene.folder("source");
  const output = await scene.folder("output");
  await writeFile(join(source, "finished.txt"), "finished");
  await writeFile(join(source, "growing.txt"), "first");
  const uploader = await scene.uploader(source, { args: ["--once"], uploader: { settle: "500ms" } });
  while (uploader.isRunning) {
    await appendFile(join(source, "growing.txt"), "more");
    await Bun.sleep(50);
  }
  expect(await uploader.waitForExit()).toBe(1);
  expect(linesWith(uploader, /growing\.txt: can't be sent: it was written to again and again/).length).toBe(
    1,
  );
  const downloader = await scene.downloader(output, { args: ["--once"] });
  expect(await downloader.waitForExit()).toBe(0);
  expect((await listFiles(join(output, "uploader"))).join()).toMatch(/^finished\.txt /);
});

test("a dry run of the uploader names what it would send, and sends nothing", async () => {
  const scene = await openScene();
  const source = await scene.folder("source");
  await writeTree(source, randomTree(72, { count: 5, levels: 2, maxBytes: 1000 }));
  const uploader = await scene.uploader(source, { args: ["--once", "--dry-run"] });
  expect(await uploader.waitForExit()).toBe(0);
  for (const line of await listFiles(source)) expect(uploader.output).toContain(line.split(" ")[0] ?? line);
  expect(await recordsIn(scene, scene.topic)).toBe(0);
  expect(await recordsIn(scene, scene.ledger)).toBe(0);
});

test("a dry run of the downloader stores nothing and changes nothing for the next one", async () => {
  const scene = await openScene();
  const source = await scene.folder("source");
  const output = await scene.folder("output");
  await writeFile(join(source, "a.txt"), "a");
  expect(await (await scene.uploader(source, { args: ["--once"] })).waitForExit()).toBe(0);
  const dry = await scene.downloader(output, { args: ["--once", "--dry-run"] });
  expect(await dry.waitForExit()).toBe(0);
  expect((await run(["ls", "-A", output])).output).toBe("");
  const real = await scene.downloader(output, { args: ["--once"] });
  expect(await real.waitForExit()).toBe(0);
  await expectSameTree(source, join(output, "uploader"), [real]);
});

test.each(["uploader", "downloader"] as const)(
  "with --once a missing topic that the %s may not make is one line and exit 1",
  async (role) => {
    const scene = await openScene();
    const folder = await scene.folder("folder");
    const agent = await scene[role](folder, { args: ["--once"], kafka: { create_topics: false } });
    expect(await agent.waitForExit()).toBe(1);
    expect(linesWith(agent, /missing/)).toHaveLength(1);
    expect(linesWith(agent, new RegExp(scene.topic)).some((line) => line.includes("missing"))).toBe(true);
    expect(linesWith(agent, /^ +at |ERROR/).length).toBeLessThanOrEqual(1);
    expect(await recordsIn(scene, scene.topic)).toBe(0);
  },
);

test("without --once a missing topic is said once, and the work begins when it is there", async () => {
  const scene = await openScene();
  const source = await scene.folder("source");
  const output = await scene.folder("output");
  await writeFile(join(source, "a.txt"), "a");
  const kafka = { create_topics: false };
  const agents = [await scene.uploader(source, { kafka }), await scene.downloader(output, { kafka })];
  for (const agent of agents) await agent.waitForLine(new RegExp(`${scene.topic}.* missing`));
  const plain = await scene.kafka();
  await plain.createTopic(scene.topic);
  await plain.createTopic(scene.ledger, 4, { "cleanup.policy": "compact" });
  await expectSameTree(source, join(output, "uploader"), agents);
  for (const agent of agents) {
    expect(linesWith(agent, new RegExp(`topic ${scene.topic} is missing`))).toHaveLength(1);
  }
});

test("the topics are made with the settings that lose no data", async () => {
  const scene = await openScene();
  const source = await scene.folder("source");
  const kafka = { partitions: 3, ledger_partitions: 5, retention: "2d" };
  expect(await (await scene.uploader(source, { args: ["--once"], kafka })).waitForExit()).toBe(0);
  const plain = await scene.kafka();
  expect((await plain.describeTopic(scene.topic)).partitions).toBe(3);
  expect((await plain.describeTopic(scene.ledger)).partitions).toBe(5);
  expect(await plain.settingsOf(scene.topic)).toMatchObject({
    "cleanup.policy": "delete",
    "message.timestamp.type": "LogAppendTime",
    "retention.ms": "172800000",
  });
  expect(await plain.settingsOf(scene.ledger)).toMatchObject({
    "cleanup.policy": "compact",
    "message.timestamp.type": "LogAppendTime",
  });
});

test("a ledger that would forget is refused", async () => {
  const scene = await openScene();
  const plain = await scene.kafka();
  await plain.createTopic(scene.topic);
  await plain.createTopic(scene.ledger, 4, { "cleanup.policy": "delete" });
  const agent = await scene.uploader(await scene.folder("source"), { args: ["--once"] });
  expect(await agent.waitForExit()).toBe(1);
  expect(linesWith(agent, /cleanup\.policy/)).toHaveLength(1);
});

test.each([
  ["that does not exist", { "no.such.property": "1" }, /no\.such\.property/],
  ["with a value that it does not take", { "socket.timeout.ms": "soon" }, /socket\.timeout\.ms/],
])("with --once a property of the client %s is one line and no success", async (_, options, reason) => {
  const scene = await openScene();
  const agent = await scene.uploader(await scene.folder("source"), { args: ["--once"], kafka: { options } });
  expect(await agent.waitForExit()).toBeOneOf([1, 2]);
  expect(linesWith(agent, reason)).toHaveLength(1);
});

test("an output that is not there is never made", async () => {
  const scene = await openScene();
  const source = await scene.folder("source");
  await writeFile(join(source, "a.txt"), "a");
  expect(await (await scene.uploader(source, { args: ["--once"] })).waitForExit()).toBe(0);
  const parent = await scene.folder("parent");
  const downloader = await scene.downloader(join(parent, "output"));
  await waitUntil(
    "the downloader says so",
    () => linesWith(downloader, new RegExp(join(parent, "output"))).length > 1 || !downloader.isRunning,
    { detail: () => downloader.report() },
  );
  expect((await run(["ls", "-A", parent])).output).toBe("");
  if (!downloader.isRunning) return;
  await mkdir(join(parent, "output"));
  await downloader.waitForLine(/a\.txt: merge complete/);
});
