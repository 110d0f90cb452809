/** What was not synced, or not taken, does not count: a disk whose syncs fail, one that refuses what was written to a file when that is closed, and an agent that has no file handles left. */
import { expect, test } from "bun:test";
import { join } from "node:path";
import { AgentHttp, anyPort } from "../support/agent-http.ts";
import { expectSameTree, listFiles, run } from "../support/compare.ts";
import { Faults } from "../support/faults.ts";
import { useScenes } from "../support/scene.ts";
import { randomTree, writeLargeFile, writeTree } from "../support/tree.ts";
import { waitUntil } from "../support/wait.ts";

const openScene = useScenes();
const chunkBytes = 64 << 10;
const slowly = { chunk: chunkBytes, rate: "2MB/s", in_flight: "512KiB" };

test("while syncs fail nothing is published or committed, and what was placed since the last one is fetched again", async () => {
  const scene = await openScene();
  const [source, output] = [await scene.folder("source"), await scene.folder("output")];
  const faults = await Faults.make(await scene.folder("faults"));
  const uploader = await scene.uploader(source, { uploader: slowly });
  const downloader = await scene.downloader(output, { settings: anyPort, env: faults.env });
  const http = await AgentHttp.of(downloader);
  await writeTree(source, randomTree(1, { count: 5, levels: 1, maxBytes: 10_000 }));
  await expectSameTree(source, join(output, "uploader"), [uploader, downloader]);
  await writeLargeFile(join(source, "video.avi"), 128 * chunkBytes);
  await downloader.waitForLine(/video\.avi \(00010\/00128\)/);
  await faults.failSyncs();
  const kafka = await scene.kafka();
  const committed = await kafka.committedBy(scene.group, scene.topic);
  await writeTree(source, randomTree(2, { count: 20, levels: 2, maxBytes: 50_000 }));
  await http.waitForReadiness(false, /EIO/);
  await waitUntil("syncs have failed in two sessions", async () => (await faults.failedCalls()) >= 2, {
    detail: () => downloader.report(),
  });
  await uploader.waitForLine(/video\.avi: successfully processed/);
  expect(await listFiles(output)).toHaveLength(5);
  expect(await kafka.committedBy(scene.group, scene.topic)).toEqual(committed);
  await faults.endFailingSyncs();
  await expectSameTree(source, join(output, "uploader"), [uploader, downloader]);
  await http.waitForReadiness(true);
  expect(downloader.output.match(/video\.avi \(00010\/00128\)/g)?.length).toBeGreaterThan(1);
});

test("what a disk refuses when a file is closed is neither published nor delivered, and is fetched again", async () => {
  const scene = await openScene();
  const [source, output] = [await scene.folder("source"), await scene.folder("output")];
  const faults = await Faults.make(await scene.folder("faults"));
  const options = { settings: anyPort, env: faults.env };
  const downloader = await scene.downloader(output, options);
  const http = await AgentHttp.of(downloader);
  await http.waitForReadiness(true);
  await faults.refuseClosed();
  await writeTree(source, randomTree(4, { count: 5, levels: 1, maxBytes: 10_000 }));
  await writeLargeFile(join(source, "video.avi"), 3_000_000);
  const copy = await scene.folder("copy");
  await run(["cp", "-a", `${source}/.`, copy]);
  const uploader = await scene.uploader(source, {
    uploader: { after: "delete", after_groups: [scene.group] },
  });
  await http.waitForReadiness(false, /ENOSPC/);
  await waitUntil("it was tried in two sessions", async () => (await faults.failedCalls()) >= 3, {
    detail: () => downloader.report(),
  });
  expect(await listFiles(output)).toEqual([]);
  expect(await listFiles(source)).toHaveLength(6);
  await faults.endRefusingClosed();
  await expectSameTree(copy, join(output, "uploader"), [uploader, downloader]);
  await waitUntil("what is delivered is taken away", async () => (await listFiles(source)).length === 0);
});

test("an agent that has no file handle left waits, says so, and goes on when it may have more", async () => {
  const scene = await openScene();
  const [source, output] = [await scene.folder("source"), await scene.folder("output")];
  const uploader = await scene.uploader(source, { uploader: slowly, settings: anyPort });
  const downloader = await scene.downloader(output, { settings: anyPort });
  const https = [await AgentHttp.of(uploader), await AgentHttp.of(downloader)];
  for (const http of https) await http.waitForReadiness(true);
  await writeLargeFile(join(source, "video.avi"), 128 * chunkBytes);
  await downloader.waitForLine(/video\.avi \(00010\/00128\)/);
  // The descriptors that it has stay; it gets no further one.
  for (const { pid } of [uploader, downloader]) await limitFiles(pid, 10);
  await writeTree(source, randomTree(3, { count: 20, levels: 2, maxBytes: 50_000 }));
  await downloader.waitForLine(/EMFILE/);
  for (const agent of [uploader, downloader]) {
    expect(agent.isRunning).toBe(true);
    await limitFiles(agent.pid, 1024);
  }
  await expectSameTree(source, join(output, "uploader"), [uploader, downloader]);
  for (const http of https) await http.waitForReadiness(true);
});

test("both agents work with as few file handles as a thousand unfinished files leave others", async () => {
  const scene = await openScene();
  const [source, output] = [await scene.folder("source"), await scene.folder("output")];
  const launcher = ["prlimit", "--nofile=128"];
  await writeTree(source, randomTree(4, { count: 300, levels: 3, maxBytes: 20_000 }));
  const agents = [await scene.uploader(source, { launcher }), await scene.downloader(output, { launcher })];
  await expectSameTree(source, join(output, "uploader"), agents);
});

async function limitFiles(pid: number, count: number): Promise<void> {
  const { code, errors } = await run(["prlimit", `--pid=${pid}`, `--nofile=${count}:4096`]);
  if (code !== 0) throw new Error(errors);
}
