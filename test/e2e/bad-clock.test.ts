/** Clocks that stand at 1970, in the future, or jump: nothing that matters may hang on the time of day. */
import { describe, expect, test } from "bun:test";
import { appendFile, utimes, writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { AgentProcess } from "../support/agent-process.ts";
import { expectSameTree } from "../support/compare.ts";
import { Faults } from "../support/faults.ts";
import { compacted } from "../support/records.ts";
import { type Scene, useScenes } from "../support/scene.ts";
import { randomTree, writeLargeFile, writeTree } from "../support/tree.ts";
import { waitUntil } from "../support/wait.ts";

const openScene = useScenes();
const chunkBytes = 64 << 10;
const slowly = { chunk: chunkBytes, rate: "4MB/s", in_flight: "512KiB" };
const yearSeconds = 365 * 86_400;
const sessionMs = 6000;
const kafka = { options: { "session.timeout.ms": sessionMs, "heartbeat.interval.ms": 1000 } };

interface Stage {
  scene: Scene;
  source: string;
  output: string;
  faults: Faults;
  startUploader(): Promise<AgentProcess>;
  startDownloader(): Promise<AgentProcess>;
}

async function prepare(): Promise<Stage> {
  const scene = await openScene();
  const [source, output] = [await scene.folder("source"), await scene.folder("output")];
  const faults = await Faults.make(await scene.folder("faults"));
  const { env } = faults;
  return {
    scene,
    source,
    output,
    faults,
    startUploader: () => scene.uploader(source, { env, uploader: slowly }),
    startDownloader: () => scene.downloader(output, { env, kafka }),
  };
}

/** The version of a file that its uploader has sent last. */
async function versionOf({ scene }: Stage, path: string): Promise<number> {
  const ledger = compacted(await (await scene.kafka()).readAll(scene.ledger));
  return (ledger.get(`file/uploader/${path}`) as { version: number }).version;
}

describe.each([
  { clock: "at 1970", offset: () => -Date.now() / 1000 + 5 },
  { clock: "50 years ahead", offset: () => 50 * yearSeconds },
])("with a clock $clock on both sides", ({ offset }) => {
  test("files arrive with their times, and later versions are newer, also after a restart", async () => {
    const stage = await prepare();
    const { source, output, faults } = stage;
    await faults.setClock(offset());
    const uploader = await stage.startUploader();
    const downloader = await stage.startDownloader();
    await uploader.waitForLine(/^\[(1970|20[67]\d)/);
    await writeTree(source, randomTree(1, { count: 10, levels: 2, maxBytes: 100_000 }));
    // As a device with such a clock writes it.
    await writeFile(join(source, "note.txt"), "one");
    await utimes(join(source, "note.txt"), 7.25, 7.25);
    await expectSameTree(source, join(output, "uploader"), [uploader, downloader]);
    const first = await versionOf(stage, "note.txt");
    await Promise.all([uploader, downloader].map((agent) => agent.kill()));
    await writeFile(join(source, "note.txt"), "three");
    await utimes(join(source, "note.txt"), 3.5, 3.5);
    const agents = [await stage.startUploader(), await stage.startDownloader()];
    await agents[1]?.waitForLine(/note\.txt: merge complete/);
    await expectSameTree(source, join(output, "uploader"), agents);
    expect(await versionOf(stage, "note.txt")).toBeGreaterThan(first);
    // The brokers' time, in microseconds.
    expect(Math.abs(first / 1e6 - Date.now() / 1000)).toBeLessThan(3600);
  });
});

test("a clock that jumps back and forth by years in the middle of files changes nothing", async () => {
  const stage = await prepare();
  const { source, output, faults } = stage;
  const agents = [await stage.startUploader(), await stage.startDownloader()];
  const [, downloader] = agents as [AgentProcess, AgentProcess];
  for (const [round, years] of [30, -30, 0].entries()) {
    const name = `video-${round}.avi`;
    await writeLargeFile(join(source, name), 64 * chunkBytes);
    await downloader.waitForLine(new RegExp(`${name} \\(00010/00064\\)`));
    await faults.setClock(years * yearSeconds);
    await writeTree(source, randomTree(10 + round, { count: 10, levels: 2, maxBytes: 100_000 }));
    await downloader.waitForLine(new RegExp(`${name}: merge complete`));
    await expectSameTree(source, join(output, "uploader"), agents);
  }
});

test("a clock that is set back while nothing happens: the group keeps its member, and files arrive at once", async () => {
  const stage = await prepare();
  const { source, output, faults } = stage;
  await faults.setClock(30 * yearSeconds);
  const agents = [await stage.startUploader(), await stage.startDownloader()];
  const [, downloader] = agents as [AgentProcess, AgentProcess];
  await writeTree(source, randomTree(20, { count: 3, levels: 1, maxBytes: 1000 }));
  await expectSameTree(source, join(output, "uploader"), agents);
  await faults.setClock(0);
  // Longer than the session: a member that says nothing meanwhile is put out.
  const passed = performance.now() + 2 * sessionMs;
  await waitUntil("two sessions have passed", () => performance.now() > passed);
  await writeTree(source, randomTree(21, { count: 3, levels: 1, maxBytes: 1000 }));
  await expectSameTree(source, join(output, "uploader"), agents);
  expect(downloader.output).not.toContain("WARN");
});

test.each([
  { clock: "an hour ahead of the file system's", offset: () => 3600 },
  { clock: "at 1970", offset: () => -Date.now() / 1000 + 5 },
])("with a clock $clock a file that is being written is not taken for finished", async ({ offset }) => {
  const { scene, source, faults } = await prepare();
  await faults.setClock(offset());
  const growing = join(source, "growing.txt");
  await writeFile(growing, "begun\n");
  const uploader = await scene.uploader(source, { env: faults.env, uploader: { settle: "3s" } });
  await writeFile(join(source, "finished.txt"), "finished");
  // It was first seen with the other one: for as long as a file settles, and longer.
  await waitUntil("a finished file is sent", async () => {
    await appendFile(growing, "more\n");
    return uploader.output.includes("finished.txt: successfully processed");
  });
  expect(uploader.output).not.toMatch(/growing\.txt: \d+ bytes/);
  await uploader.waitForLine(/growing\.txt: successfully processed/);
  expect(uploader.messages.filter((message) => /growing\.txt: \d+ bytes/.test(message))).toHaveLength(1);
});

test.each([
  { clock: "at 1970", offset: () => -Date.now() / 1000 + 5 },
  { clock: "a year behind the file system's", offset: () => -yearSeconds },
  { clock: "a year ahead of it", offset: () => yearSeconds },
])(
  "with a clock $clock and existing: false, what was there is left alone, what comes is sent",
  async ({ offset }) => {
    const { scene, source, faults } = await prepare();
    await faults.setClock(offset());
    await writeFile(join(source, "old.txt"), "old");
    const settings = { env: faults.env, uploader: { existing: false, rescan: "1s" } };
    const uploader = await scene.uploader(source, settings);
    // When it has had its first look is not seen from outside: files are added until one is taken for new.
    let added = 0;
    await waitUntil(
      "a new file is sent",
      async () => {
        await writeFile(join(source, `new-${added++}.txt`), "new");
        return uploader.output.includes("successfully processed");
      },
      { detail: () => uploader.report() },
    );
    await writeFile(join(source, "last.txt"), "last");
    await uploader.waitForLine(/last\.txt: successfully processed/);
    expect(uploader.output.includes("old.txt")).toBe(false);
  },
);

test("with a clock that is a year ahead max_age leaves no new file", async () => {
  const { scene, source, faults } = await prepare();
  await faults.setClock(yearSeconds);
  await writeFile(join(source, "new.txt"), "new");
  const settings = { env: faults.env, uploader: { max_age: "1h" } };
  const uploader = await scene.uploader(source, settings);
  await uploader.waitForLine(/new\.txt: successfully processed/);
  await writeFile(join(source, "newer.txt"), "newer");
  await uploader.waitForLine(/newer\.txt: successfully processed/);
});
