/** One downloader an output, and who is waited for in a group: said at once, instead of members that throw each other out. */
import { expect, test } from "bun:test";
import { existsSync } from "node:fs";
import { cp, mkdir, readdir, rm, symlink, writeFile } from "node:fs/promises";
import { hostname } from "node:os";
import { join } from "node:path";
import { AgentHttp, anyPort } from "../support/agent-http.ts";
import type { AgentProcess } from "../support/agent-process.ts";
import { expectSameTree } from "../support/compare.ts";
import { mount } from "../support/mount.ts";
import { type Scene, useScenes } from "../support/scene.ts";
import { randomTree, writeTree } from "../support/tree.ts";
import { waitUntil } from "../support/wait.ts";

const openScene = useScenes();
const count = (text: string, pattern: RegExp) => text.match(new RegExp(pattern, "g"))?.length ?? 0;

test("a second downloader on an output says who has it and waits, and takes over when that one is killed", async () => {
  const scene = await openScene();
  const [source, output] = [await scene.folder("source"), await scene.folder("output")];
  const uploader = await scene.uploader(source);
  const first = await scene.downloader(output, { name: "first", settings: anyPort });
  const firstHttp = await AgentHttp.of(first);
  await storeOf(output, "first");
  const second = await scene.downloader(output, { name: "second", settings: anyPort });
  const secondHttp = await AgentHttp.of(second);
  const who = `in use by first \\(process ${first.pid} on ${hostname()}, group ${scene.group}\\)`;
  await secondHttp.waitForReadiness(false, new RegExp(who));
  await writeTree(source, randomTree(1, { count: 20, levels: 2, maxBytes: 20_000 }));
  await expectSameTree(source, join(output, "uploader"), [uploader, first, second]);
  expect(await firstHttp.waitForReadiness(true)).toEqual([]);
  expect(count(first.output, / (WARN|ERROR) /)).toBe(0);
  expect(count(second.output, /WARN .* in use by/)).toBe(1);
  await first.kill();
  await secondHttp.waitForReadiness(true);
  await writeFile(join(source, "later.txt"), "later");
  await second.waitForLine(/later\.txt: merge complete/);
});

test("with --once a second downloader ends with exit code 1 and one line, by whatever path it comes to the output", async () => {
  const scene = await openScene();
  const output = await scene.folder("output");
  await scene.downloader(output, { name: "first" });
  await storeOf(output, "first");
  const link = `${output}-link`;
  await symlink(output, link);
  const bound = await scene.folder("bound");
  await using _bound = await mount("none", bound, "bind", output);
  for (const path of [output, link, bound]) {
    const second = await scene.downloader(path, {
      args: ["--once"],
      downloader: { group: `${scene.group}-2` },
    });
    expect(await second.waitForExit()).toBe(1);
    expect(second.output).toMatch(/ERROR .* in use by first/);
    expect(count(second.output, / (WARN|ERROR) /)).toBe(1);
  }
  await rm(link);
});

test("when .streamsend is deleted under a downloader it makes another, and is still the only one", async () => {
  const scene = await openScene();
  const [source, output] = [await scene.folder("source"), await scene.folder("output")];
  const uploader = await scene.uploader(source);
  const first = await scene.downloader(output, { name: "first", settings: anyPort });
  await storeOf(output, "first");
  await (await AgentHttp.of(first)).waitForReadiness(true);
  await rm(join(output, ".streamsend"), { recursive: true });
  await first.waitForLine(/WARN .*has lost its \.streamsend/);
  await writeTree(source, randomTree(2, { count: 5, levels: 1, maxBytes: 20_000 }));
  await expectSameTree(source, join(output, "uploader"), [uploader, first]);
  const second = await scene.downloader(output, { args: ["--once"] });
  expect(await second.waitForExit()).toBe(1);
  expect(second.output).toContain("in use by first");
});

test("a store of another that took the place of the deleted one is not written to", async () => {
  const scene = await openScene();
  const output = await scene.folder("output");
  const first = await scene.downloader(output, { name: "first", settings: anyPort });
  const http = await AgentHttp.of(first);
  const store = await storeOf(output, "first");
  await http.waitForReadiness(true);
  await rm(join(output, ".streamsend"), { recursive: true });
  for (const folder of ["partial", "quarantine"])
    await mkdir(join(output, ".streamsend", folder), { recursive: true });
  await writeFile(store, "another\n");
  await first.waitForLine(/WARN .*has lost its \.streamsend, or has another one/);
  await http.waitForReadiness(true);
});

test("a downloader with a copy of another's .streamsend is told that it has taken that one's place", async () => {
  const scene = await openScene();
  const [output, copy] = [await scene.folder("output"), await scene.folder("copy")];
  const first = await scene.downloader(output, { name: "first", settings: anyPort });
  await storeOf(output, "first");
  await arrival(scene, first);
  await cp(join(output, ".streamsend"), join(copy, ".streamsend"), { recursive: true });
  const second = await scene.downloader(copy, { name: "second", settings: anyPort });
  await first.waitForLine(/WARN .*another downloader has taken this one's place in the group: .* a copy of/);
  await second.kill();
});

/** Where its name is, once the downloader has it. */
async function storeOf(output: string, downloader: string): Promise<string> {
  const store = join(output, ".streamsend/store");
  const holders = join(output, ".streamsend/holder");
  const isItsOwn = async () => existsSync(holders) && (await readdir(holders)).join().startsWith(downloader);
  await waitUntil("the store is its own", isItsOwn);
  return store;
}

/** A file has arrived at the downloader: it is a member of the group, and has partitions. */
async function arrival(scene: Scene, downloader: AgentProcess): Promise<void> {
  const source = await scene.folder("source");
  await writeFile(join(source, "first.txt"), "first");
  await scene.uploader(source);
  await downloader.waitForLine(/first\.txt: merge complete/);
}

const sessionMs = 15_000;
const kafka = { options: { "session.timeout.ms": sessionMs, "heartbeat.interval.ms": 1000 } };

test("a member that is killed has its partitions until its session is over: who waits for them says so", async () => {
  const scene = await openScene();
  const [one, two] = [await scene.folder("one"), await scene.folder("two")];
  const first = await scene.downloader(one, { name: "first", kafka, settings: anyPort });
  await arrival(scene, first);
  await first.kill();
  const second = await scene.downloader(two, { name: "second", kafka, settings: anyPort });
  const http = await AgentHttp.of(second);
  const reason = new RegExp(
    `waiting for the group ${scene.group}: member first \\(127\\.0\\.0\\.1\\) has the partitions`,
  );
  await http.waitForReadiness(false, reason);
  await second.waitForLine(new RegExp(`WARN .*${reason.source}`));
  await http.waitForReadiness(true);
  await second.waitForLine(/it has answered/);
  expect(count(second.output, / WARN /)).toBe(1);
});

test("a downloader is not ready before the group has answered", async () => {
  const scene = await openScene();
  const [one, two] = [await scene.folder("one"), await scene.folder("two")];
  const first = await scene.downloader(one, { name: "first", kafka, settings: anyPort });
  await arrival(scene, first);
  await first.kill();
  const second = await scene.downloader(two, { name: "second", kafka, settings: anyPort });
  const http = await AgentHttp.of(second);
  await http.waitForReadiness(false, /joining the group/);
  // For the first time: that is long after it has said whom it waits for.
  await http.waitForReadiness(true);
  expect(second.output).toMatch(/waiting for the group/);
  expect(existsSync(join(two, ".streamsend/store"))).toBe(true);
});

test("a member that is not needed is ready, and says that once", async () => {
  const scene = await openScene();
  const [one, two] = [await scene.folder("one"), await scene.folder("two")];
  const once = { name: "first", kafka: { partitions: 1 }, settings: anyPort };
  await arrival(scene, await scene.downloader(one, once));
  const second = await scene.downloader(two, { ...once, name: "second" });
  const line = /INFO .*no partition is left for this member: member first \(127\.0\.0\.1\) has all of them/;
  await second.waitForLine(line);
  await (await AgentHttp.of(second)).waitForReadiness(true);
  expect(count(second.output, line)).toBe(1);
});
