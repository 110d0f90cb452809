/** An output that goes away, comes back, can't be written to or has no room: the downloader says so, waits, goes on. */
import { describe, expect, test } from "bun:test";
import { existsSync } from "node:fs";
import { mkdir, readdir, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { AgentHttp, anyPort } from "../support/agent-http.ts";
import type { AgentProcess } from "../support/agent-process.ts";
import { differences, expectSameTree, md5sum, run } from "../support/compare.ts";
import { type Mounted, mount } from "../support/mount.ts";
import { type AgentOptions, type Scene, useScenes } from "../support/scene.ts";
import { randomTree, writeLargeFile, writeTree } from "../support/tree.ts";
import { waitUntil } from "../support/wait.ts";

const openScene = useScenes();
const chunkBytes = 64 << 10;
const fileBytes = 128 * chunkBytes;
const slowly = { chunk: chunkBytes, rate: "2MB/s", in_flight: "512KiB" };
/** A store that was lost comes back as another member: the one before keeps its partitions for a session's time. */
const kafka = { options: { "session.timeout.ms": 6000, "heartbeat.interval.ms": 1000 } };

interface Stage extends AsyncDisposable {
  scene: Scene;
  source: string;
  output: string;
  uploader: AgentProcess;
  downloader: AgentProcess;
  http: AgentHttp;
}

/** Both agents, ready; `prepare` makes the output what the test is about. */
async function begin(
  prepare: (output: string) => Promise<Mounted> | undefined,
  options: AgentOptions = {},
): Promise<Stage> {
  const scene = await openScene();
  const source = await scene.folder("source");
  const output = await scene.folder("output");
  const mounted = await prepare(output);
  const uploader = await scene.uploader(source, { uploader: slowly });
  const downloader = await scene.downloader(output, {
    kafka,
    ...options,
    settings: anyPort,
    downloader: { min_free: "1MiB", ...options.downloader },
  });
  const http = await AgentHttp.of(downloader);
  await http.waitForReadiness(true);
  const end = async () => {
    await downloader.kill();
    await mounted?.unmount();
  };
  return { scene, source, output, uploader, downloader, http, [Symbol.asyncDispose]: end };
}

/** Sends a video and small files, until the downloader is in the middle of the video. */
async function fillHalf({ source, downloader }: Stage): Promise<void> {
  await writeTree(source, randomTree(7, { count: 20, levels: 2, maxBytes: 20_000 }));
  await writeLargeFile(join(source, "video.avi"), fileBytes);
  await downloader.waitForLine(/video\.avi \(00020\/00128\)/);
}

async function expectAllArrives({ source, output, uploader, downloader, http }: Stage): Promise<void> {
  await expectSameTree(source, join(output, "uploader"), [uploader, downloader]);
  await http.waitForReadiness(true);
}

test("a disk that becomes read-only: it pauses and commits nothing, and goes on when it can be written to", async () => {
  await using stage = await begin((output) => mount("tmpfs", output));
  const { scene, source, output, uploader, downloader, http } = stage;
  await writeTree(source, randomTree(1, { count: 3, levels: 1, maxBytes: 10_000 }));
  await expectAllArrives(stage);
  await remount(output, "ro");
  await http.waitForReadiness(false, /can't be written to/);
  const kafka = await scene.kafka();
  const before = await kafka.committedBy(scene.group, scene.topic);
  await writeTree(source, randomTree(2, { count: 10, levels: 2, maxBytes: 200_000 }));
  const sent = () => uploader.output.match(/successfully processed/g)?.length === 13;
  await waitUntil("all is sent", sent, { detail: () => uploader.report() });
  expect(await kafka.committedBy(scene.group, scene.topic)).toEqual(before);
  await http.waitForReadiness(false, /can't be written to/);
  expect(downloader.output.match(/WARN .* can't be written to/g)).toHaveLength(1);
  await remount(output, "rw");
  await expectAllArrives(stage);
});

describe.each(["empty", "with a store of its own"])("below the mount point a folder that is %s", (below) => {
  test("gets nothing while the disk is away, and everything arrives when it is back", async () => {
    const folder = await (await openScene()).folder("disk");
    await using _disk = await mount("tmpfs", folder);
    let mounted: Mounted | undefined;
    await using stage = await begin(async (output) => {
      if (below !== "empty") await mkdir(join(output, ".streamsend/partial"), { recursive: true });
      mounted = await mount("none", output, "bind", folder);
      return mounted;
    });
    const { source, output, uploader, downloader, http } = stage;
    await fillHalf(stage);
    await mounted?.unmount();
    await writeTree(source, randomTree(8, { count: 5, levels: 2, maxBytes: 20_000 }));
    await http.waitForReadiness(false, /is not mounted any more/);
    await downloader.waitForLine(/WARN .* is not mounted any more: paused until it is/);
    await uploader.waitForLine(/video\.avi: successfully processed/);
    // Bytes of what is unfinished may have gone to a store that is there, in the moment until it was noticed.
    expect(await readdir(output)).toEqual(below === "empty" ? [] : [".streamsend"]);
    await using _again = await mount("none", output, "bind", folder);
    await expectAllArrives(stage);
  });
});

test("an output that is deleted is not made: it waits, and what was on its way arrives in the new one", async () => {
  await using stage = await begin(() => undefined);
  const { source, output, downloader, http } = stage;
  await fillHalf(stage);
  await rm(output, { recursive: true });
  await http.waitForReadiness(false, /is not there: make it/);
  await writeFile(join(source, "later.txt"), "later");
  await stage.uploader.waitForLine(/later\.txt: successfully processed/);
  await stage.uploader.waitForLine(/video\.avi: successfully processed/);
  expect(existsSync(output)).toBe(false);
  await mkdir(output);
  for (const name of ["video.avi", "later.txt"]) {
    await downloader.waitForLine(new RegExp(`${name}: merge complete`));
    expect(await md5sum(join(output, "uploader", name))).toBe(await md5sum(join(source, name)));
  }
  await http.waitForReadiness(true);
});

describe.each([
  { minFree: "1MiB", reason: /less than downloader\.min_free/ },
  { minFree: "0", reason: /ENOSPC/ },
])("with min_free $minFree", ({ minFree, reason }) => {
  test("a disk that another program fills: it pauses, and goes on when there is room", async () => {
    const prepare = (output: string) => mount("tmpfs", output, "size=24m");
    await using stage = await begin(prepare, { downloader: { min_free: minFree } });
    const { output, downloader, http } = stage;
    await fillHalf(stage);
    const filler = join(output, "filler");
    await run(["dd", "if=/dev/zero", `of=${filler}`, "bs=64k"]);
    await http.waitForReadiness(false, reason);
    expect(downloader.isRunning).toBe(true);
    await rm(filler);
    await expectAllArrives(stage);
  });
});

test("large files that do not fit together end one after the other, as they are taken away", async () => {
  const prepare = (output: string) => mount("tmpfs", output, "size=7m");
  await using stage = await begin(prepare, { kafka: { ...kafka, partitions: 1 } });
  const { scene, source, output, downloader } = stage;
  const names = ["one", "two", "three", "four"].map((name) => `${name}.avi`);
  for (const name of names) await writeLargeFile(join(source, name), fileBytes / 2);
  const taken = await scene.folder("taken");
  const left = new Set(names);
  while (left.size > 0) {
    const next = () => [...left].find((name) => existsSync(join(output, "uploader", name)));
    const name = await waitUntil("another file is there", next, { detail: () => downloader.report() });
    await run(["mv", join(output, "uploader", name), join(taken, name)]);
    left.delete(name);
  }
  expect(await differences(source, taken)).toBe("");
  expect(downloader.output).toContain("parked: there is no room");
});

test("a file that finds no room is waited for while smaller ones go on, and until it is there the agent is not ready", async () => {
  const prepare = (output: string) => mount("tmpfs", output, "size=6m");
  await using stage = await begin(prepare);
  const { scene, source, output, downloader, http } = stage;
  await writeLargeFile(join(source, "video.avi"), fileBytes);
  await downloader.waitForLine(/video\.avi: parked: there is no room for 8388608 bytes/);
  await http.waitForReadiness(false, /1 file waits for room, 8388608 missing bytes/);
  await writeFile(join(source, "small.txt"), "small");
  await downloader.waitForLine(/small\.txt: merge complete/);
  await writeLargeFile(join(source, "another.avi"), fileBytes);
  await http.waitForReadiness(false, /2 files wait for room, 16777216 missing bytes/);
  downloader.signal("SIGTERM");
  expect(await downloader.waitForExit()).toBe(0);

  const once = await scene.downloader(output, { args: ["--once"], downloader: { min_free: "1MiB" } });
  expect(await once.waitForExit()).toBe(1);
  const again = await scene.downloader(output, { settings: anyPort, downloader: { min_free: "1MiB" } });
  const later = await AgentHttp.of(again);
  await later.waitForReadiness(false, /2 files wait for room, 16777216 missing bytes/);
  await remount(output, "size=40m");
  await expectAllArrives({ ...stage, downloader: again, http: later });
});

for (const min_free of ["0", "512KiB"]) {
  test(`a backlog that does not fit, of files of all sizes, is published as far as it does: min_free ${min_free}`, async () => {
    const scene = await openScene();
    const [source, output] = [await scene.folder("source"), await scene.folder("output")];
    const sizes = [0, 1, 5000, 60_000, 65_536, 65_537, 100_000];
    for (let at = 0; at < 150; at++)
      await writeFile(join(source, `file-${at}`), Buffer.alloc(sizes[at % sizes.length] ?? 0, `${at},`));
    const uploader = await scene.uploader(source, { args: ["--once"] });
    expect(await uploader.waitForExit()).toBe(0);
    await using mounted = await mount("tmpfs", output, "size=3m");
    const downloader = await scene.downloader(output, { settings: anyPort, downloader: { min_free } });
    const published = async () => (await readdir(join(output, "uploader")).catch(() => [])).length;
    // Nearly half of them fit.
    await waitUntil("a third is there", async () => (await published()) >= 50, {
      detail: () => downloader.report(),
    });
    await run(["mount", "-o", "remount,size=20m", output]);
    await expectSameTree(source, join(output, "uploader"), [downloader]);
    await downloader.kill();
    await mounted.unmount();
  });
}

test("--once ends where min_free is not left, or nothing at all, and tells of what found no room", async () => {
  const scene = await openScene();
  const source = await scene.folder("source");
  const output = await scene.folder("output");
  await writeFile(join(source, "small.txt"), "small");
  expect(await (await scene.uploader(source, { args: ["--once"] })).waitForExit()).toBe(0);
  const mounted = await mount("tmpfs", output, "size=6m");
  try {
    const once = () => scene.downloader(output, { args: ["--once"], downloader: { min_free: "10MiB" } });
    const low = await once();
    expect([await low.waitForExit(), low.output]).toEqual([
      1,
      expect.stringMatching(/small\.txt: parked: there is no room for 5 bytes/),
    ]);
    const filler = join(output, "filler");
    await rm(join(output, ".streamsend"), { recursive: true });
    await run(["dd", "if=/dev/zero", `of=${filler}`, "bs=4k"]);
    const full = await once();
    expect([await full.waitForExit(), full.report()]).toEqual([1, expect.stringMatching(/no space is left/)]);
    await rm(filler);
    await remount(output, "size=40m");
    expect(await (await once()).waitForExit()).toBe(0);
    expect(await Bun.file(join(output, "uploader/small.txt")).text()).toBe("small");
  } finally {
    await mounted.unmount();
  }
});

async function remount(folder: string, option: string): Promise<void> {
  const { code, errors } = await run(["mount", "-o", `remount,${option}`, folder]);
  if (code !== 0) throw new Error(errors);
}
