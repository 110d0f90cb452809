import { expect, test } from "bun:test";
import { existsSync } from "node:fs";
import { appendFile, chmod, link, rename, stat, truncate, unlink, utimes } from "node:fs/promises";
import { join } from "node:path";
import { AgentHttp, anyPort } from "../support/agent-http.ts";
import { differences, leftovers, md5sum } from "../support/compare.ts";
import { Faults } from "../support/faults.ts";
import { headerOf } from "../support/records.ts";
import { useScenes } from "../support/scene.ts";
import { writeLargeFile } from "../support/tree.ts";
import { waitUntil } from "../support/wait.ts";

const openScene = useScenes();
const chunkBytes = 64 * 1024;
const fileBytes = 3 << 20;
/** Slow enough that the file is surely still being read when its first chunks are uploaded. */
const slowly = { chunk: chunkBytes, rate: "1MB/s", in_flight: "256KiB" };

test.each<[string, (file: string) => Promise<void>]>([
  ["grows", (file) => appendFile(file, "more")],
  ["shrinks", (file) => truncate(file, fileBytes - chunkBytes)],
  [
    "is replaced",
    async (file) => {
      await writeLargeFile(`${file}.part`, fileBytes);
      await rename(`${file}.part`, file);
    },
  ],
  ["is written over in place", (file) => overwrite(file)],
])("a file that %s while it is read is given up, and the new version arrives whole", async (_, change) => {
  const scene = await openScene();
  const source = await scene.folder("source");
  const output = await scene.folder("output");
  const file = join(source, "video.avi");
  const target = join(output, "uploader/video.avi");
  await writeLargeFile(file, fileBytes);
  const watch = [{ path: source, exclude: ["*.part"] }];
  const uploader = await scene.uploader(source, { uploader: { ...slowly, watch } });
  const downloader = await scene.downloader(output);
  await uploader.waitForLine(/video\.avi: \(00005 of 00048\) chunk uploaded/);
  await change(file);
  const detail = () => uploader.report() + downloader.report();
  await waitUntil("the file is published", () => existsSync(target), { detail });
  // The first thing that is ever seen under the name is the whole new version.
  expect(await md5sum(target)).toBe(await md5sum(file));
  const records = await (await scene.kafka()).readAll(scene.topic);
  const abandoned = records.filter((record) => headerOf(record, "abandoned") !== undefined);
  expect(abandoned).toHaveLength(1);
  const versions = new Set(records.map((record) => headerOf(record, "version")));
  expect(versions.size).toBe(2);
  await waitUntil(
    "the partial of the old version is gone",
    async () => (await leftovers(output)).length === 0,
  );
});

test.each<[string, (file: string, faults: Faults) => Promise<unknown>]>([
  ["has its mode changed", (file) => chmod(file, modes.next().value)],
  ["gets and loses second names", (file) => link(file, `${file}.part`).then(() => unlink(`${file}.part`))],
  ["is numbered anew by its file system", (_, faults) => faults.numberAnew()],
])("a file that %s all the time arrives, as the version that was begun", async (_, change) => {
  const scene = await openScene();
  const source = await scene.folder("source");
  const output = await scene.folder("output");
  const faults = await Faults.make(await scene.folder("faults"));
  const file = join(source, "video.avi");
  await writeLargeFile(file, fileBytes);
  const watch = [{ path: source, exclude: ["*.part"] }];
  const uploader = await scene.uploader(source, { uploader: { ...slowly, watch }, env: faults.env });
  const downloader = await scene.downloader(output);
  await uploader.waitForLine(/video\.avi: \(00003 of 00048\) chunk uploaded/);
  await waitUntil(
    "it is sent",
    () => change(file, faults).then(() => uploader.output.includes("video.avi: successfully processed")),
    { detail: () => uploader.report() },
  );
  await downloader.waitForLine(/video\.avi: merge complete/);
  expect(await md5sum(join(output, "uploader/video.avi"))).toBe(await md5sum(file));
  expect(uploader.output).not.toContain("given up");
  const records = await (await scene.kafka()).readAll(scene.topic);
  expect(new Set(records.map((record) => headerOf(record, "version"))).size).toBe(1);
});

test("a change that hides behind the old time is no part of the version that was begun", async () => {
  const scene = await openScene();
  const source = await scene.folder("source");
  const output = await scene.folder("output");
  const file = join(source, "video.avi");
  await writeLargeFile(file, fileBytes);
  const { atime, mtime } = await stat(file);
  await utimes(file, atime, mtime);
  const uploader = await scene.uploader(source, { uploader: slowly });
  const downloader = await scene.downloader(output);
  await uploader.waitForLine(/video\.avi: \(00010 of 00048\) chunk uploaded/);
  await overwrite(file);
  await utimes(file, atime, mtime);
  await uploader.waitForLine(/video\.avi: given up: /);
  await downloader.waitForLine(/video\.avi: merge complete/);
  expect(await md5sum(join(output, "uploader/video.avi"))).toBe(await md5sum(file));
});

test("a file that vanishes while it is read holds nothing up", async () => {
  const scene = await openScene();
  const source = await scene.folder("source");
  const output = await scene.folder("output");
  await writeLargeFile(join(source, "gone.avi"), fileBytes);
  const uploader = await scene.uploader(source, { uploader: slowly });
  const downloader = await scene.downloader(output);
  await uploader.waitForLine(/gone\.avi: \(00005 of 00048\) chunk uploaded/);
  await unlink(join(source, "gone.avi"));
  await writeLargeFile(join(source, "next.avi"), chunkBytes);
  await downloader.waitForLine(/next\.avi: merge complete/);
  expect(
    await differences(source, join(output, "uploader")).then((text) => text.replaceAll(/.*gone\.avi\n/g, "")),
  ).toBe("");
});

test("a file that vanishes while it waits for its turn is said and counted", async () => {
  const scene = await openScene();
  const source = await scene.folder("source");
  // Both are found, and settle, at the same look: one of them waits while the other one is sent.
  for (const name of ["a.avi", "b.avi"]) await writeLargeFile(join(source, name), fileBytes);
  const uploader = await scene.uploader(source, {
    settings: anyPort,
    uploader: { ...slowly, settle: "10ms", parallel: 1 },
  });
  const http = await AgentHttp.of(uploader);
  const [, sent] = await uploader.waitForLine(/([ab])\.avi: \(00005 of 00048\) chunk uploaded/);
  const waiting = sent === "a" ? "b.avi" : "a.avi";
  await unlink(join(source, waiting));
  await uploader.waitForLine(new RegExp(`${waiting}: vanished before it was sent`));
  const metrics = await (await http.get("/metrics")).text();
  expect(metrics).toMatch(/^streamsend_files_total\{[^}]*result="abandoned"[^}]*\} 1$/m);
  expect(uploader.output).not.toContain(`${waiting}: 3145728 bytes, creating`);
});

test("a file that is rewritten whenever it is sent waits twice as long each time, and is sent once it stands still", async () => {
  const scene = await openScene();
  const source = await scene.folder("source");
  const file = join(source, "video.avi");
  await writeLargeFile(file, fileBytes);
  const uploader = await scene.uploader(source, { uploader: { ...slowly, settle: "100ms" } });
  const given = () => uploader.output.match(/video\.avi: given up/g)?.length ?? 0;
  const begun = () => uploader.output.match(/video\.avi: 3145728 bytes, creating/g)?.length ?? 0;
  const detail = () => uploader.report();
  while (given() < 5) {
    await waitUntil("it is being sent", () => begun() > given(), { detail });
    const attempt = begun();
    await overwrite(file);
    await waitUntil("it is given up", () => given() >= attempt, { detail });
  }
  await uploader.waitForLine(/video\.avi: successfully processed/);
  const records = await (await scene.kafka()).readAll(scene.topic);
  const last = Math.max(...records.map((record) => Number(headerOf(record, "version"))));
  const wasted = records.filter((record) => headerOf(record, "version") !== String(last));
  const value = records.filter((record) => !wasted.includes(record)).map((record) => record.value as Buffer);
  expect(Buffer.concat(value).equals(Buffer.from(await Bun.file(file).arrayBuffer()))).toBe(true);
  // What is read at a time, and a few chunks before the change is noticed, each time; not whole files.
  expect(wasted.length).toBeLessThan(given() * 24);
  const waits = waitsBetween(uploader.output, /video\.avi: given up/, /video\.avi: 3145728 bytes, creating/);
  for (const [at, ms] of waits.entries()) expect(ms).toBeGreaterThanOrEqual(100 * 2 ** (at + 1) - 1);
});

test("a file that keeps growing is sent when it stands still", async () => {
  const scene = await openScene();
  const source = await scene.folder("source");
  const output = await scene.folder("output");
  const file = join(source, "log.txt");
  const uploader = await scene.uploader(source, { uploader: { settle: "2s" } });
  const downloader = await scene.downloader(output);
  await waitUntil("the file has grown a hundred times", async () => {
    await appendFile(file, "one more line\n");
    return Bun.file(file).size >= 100 * 14;
  });
  await downloader.waitForLine(/log\.txt: merge complete/);
  expect(await md5sum(join(output, "uploader/log.txt"))).toBe(await md5sum(file));
  expect(uploader.messages.filter((message) => message.startsWith("log.txt: 1400 bytes"))).toHaveLength(1);
});

const modes = (function* () {
  for (;;) yield* [0o600, 0o644];
})();

async function overwrite(file: string): Promise<void> {
  const child = Bun.spawn([
    "dd",
    "if=/dev/urandom",
    `of=${file}`,
    "bs=1M",
    "count=3",
    "conv=notrunc",
    "status=none",
  ]);
  expect(await child.exited).toBe(0);
}

/** Milliseconds from each line that matches the one to the next that matches the other, by the log's own times. */
function waitsBetween(output: string, from: RegExp, to: RegExp): number[] {
  const waits: number[] = [];
  let sinceMs: number | undefined;
  for (const line of output.split("\n")) {
    const [, year, month, day, time] = /^\[(\d{4})(\d\d)(\d\d) ([\d:.]+)\]/.exec(line) ?? [];
    const atMs = Date.parse(`${year}-${month}-${day}T${time}Z`);
    if (from.test(line)) sinceMs = atMs;
    else if (to.test(line) && sinceMs !== undefined) {
      waits.push(atMs - sinceMs);
      sinceMs = undefined;
    }
  }
  return waits;
}
