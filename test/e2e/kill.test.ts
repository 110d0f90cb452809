import { describe, expect, test } from "bun:test";
import { join } from "node:path";
import { expectSameTree, leftovers, listFiles } from "../support/compare.ts";
import { headerOf } from "../support/records.ts";
import { type Scene, useScenes } from "../support/scene.ts";
import { writeLargeFile } from "../support/tree.ts";

const openScene = useScenes();
const chunkBytes = 64 * 1024;
/** 128 chunks. */
const fileBytes = 8 << 20;
/** Slow enough that a process that is hit at the 20th chunk surely is in the middle. */
const slowly = { chunk: chunkBytes, rate: "2MB/s", in_flight: "512KiB" };
const quickly = { chunk: chunkBytes };

async function prepare(bytes = fileBytes) {
  const scene = await openScene();
  const source = await scene.folder("source");
  const output = await scene.folder("output");
  await writeLargeFile(join(source, "video.avi"), bytes);
  return { scene, source, output };
}

async function versionsSent(scene: Scene): Promise<number> {
  const records = await (await scene.kafka()).readAll(scene.topic);
  return new Set(records.map((record) => headerOf(record, "version"))).size;
}

describe.each(["SIGKILL", "SIGTERM"] as const)("%s in the middle of a file", (signal) => {
  test("of the uploader: it goes on when it starts again, and the file arrives whole", async () => {
    const { scene, source, output } = await prepare();
    const first = await scene.uploader(source, { uploader: slowly });
    const downloader = await scene.downloader(output);
    await downloader.waitForLine(/video\.avi \(00020\/00128\)/);
    first.signal(signal);
    expect(await first.waitForExit()).toBe(signal === "SIGTERM" ? 0 : null);
    expect(first.output).not.toContain("video.avi: finished");
    expect(await listFiles(output)).toEqual([]);
    const second = await scene.uploader(source, { uploader: quickly });
    await expectSameTree(source, join(output, "uploader"), [second, downloader]);
    // Of a file of up to 16 MiB the ledger has no progress: killed, it begins again as a new version.
    expect(await versionsSent(scene)).toBe(signal === "SIGTERM" ? 1 : 2);
  });

  test("of the downloader: nothing is published, it goes on when it starts again", async () => {
    const { scene, source, output } = await prepare();
    const uploader = await scene.uploader(source, { uploader: slowly });
    const first = await scene.downloader(output);
    await first.waitForLine(/video\.avi \(00020\/00128\)/);
    first.signal(signal);
    expect(await first.waitForExit()).toBe(signal === "SIGTERM" ? 0 : null);
    expect(await listFiles(output)).toEqual([]);
    const second = await scene.downloader(output);
    await expectSameTree(source, join(output, "uploader"), [uploader, second]);
    await second.waitForLine(/video\.avi: merge complete/);
    expect(await versionsSent(scene)).toBe(1);
    second.signal("SIGTERM");
    expect(await second.waitForExit()).toBe(0);
    expect(await leftovers(output)).toEqual([]);
  });
});

test("an uploader that is killed in a file of more than 16 MiB goes on with the same version", async () => {
  const { scene, source, output } = await prepare(32 << 20);
  const first = await scene.uploader(source, { uploader: { chunk: "256KiB", rate: "8MB/s" } });
  const downloader = await scene.downloader(output);
  await downloader.waitForLine(/video\.avi \(00040\/00128\)/);
  await first.kill();
  const second = await scene.uploader(source, { uploader: { chunk: "256KiB" } });
  await expectSameTree(source, join(output, "uploader"), [second, downloader]);
  expect(await versionsSent(scene)).toBe(1);
});

test("a downloader that was stopped in order goes on where it was, not at the file's beginning", async () => {
  const { scene, source, output } = await prepare();
  const uploader = await scene.uploader(source, { uploader: slowly });
  const first = await scene.downloader(output);
  await first.waitForLine(/video\.avi \(00020\/00128\)/);
  first.signal("SIGTERM");
  expect(await first.waitForExit()).toBe(0);
  const second = await scene.downloader(output);
  await expectSameTree(source, join(output, "uploader"), [uploader, second]);
  expect(second.output).not.toMatch(/video\.avi \(00001\/00128\)/);
});

test("a downloader whose .streamsend was deleted gets the whole file from the topic again", async () => {
  const { scene, source, output } = await prepare();
  const uploader = await scene.uploader(source, { uploader: slowly });
  const first = await scene.downloader(output);
  await first.waitForLine(/video\.avi \(00020\/00128\)/);
  first.signal("SIGTERM");
  expect(await first.waitForExit()).toBe(0);
  const removed = Bun.spawn(["rm", "-rf", join(output, ".streamsend")]);
  expect(await removed.exited).toBe(0);
  const second = await scene.downloader(output);
  await expectSameTree(source, join(output, "uploader"), [uploader, second]);
});

test("both sides killed three times on the way: the file arrives whole, once", async () => {
  const { scene, source, output } = await prepare();
  for (const chunk of ["00010", "00040", "00070"]) {
    const uploader = await scene.uploader(source, { uploader: { ...slowly, rate: "6MB/s" } });
    const downloader = await scene.downloader(output);
    await downloader.waitForLine(new RegExp(`video\\.avi (\\(${chunk}/00128\\)|: merge complete)`));
    await Promise.all([uploader.kill(), downloader.kill()]);
  }
  const agents = [await scene.uploader(source, { uploader: quickly }), await scene.downloader(output)];
  await expectSameTree(source, join(output, "uploader"), agents);
});

test("a second SIGTERM ends an agent at once, though it is still draining", async () => {
  const { scene, source } = await prepare();
  const uploader = await scene.uploader(source, {
    uploader: { ...slowly, rate: "64KiB/s" },
    settings: { shutdown_timeout: "1h" },
  });
  await uploader.waitForLine(/video\.avi: \(00003 of 00128\) chunk uploaded/);
  uploader.signal("SIGTERM");
  uploader.signal("SIGINT");
  await uploader.waitForExit();
  expect(uploader.output).not.toContain("video.avi: finished");
});
