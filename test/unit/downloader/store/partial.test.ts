import { afterAll, beforeAll, expect, test } from "bun:test";
import { createHash } from "node:crypto";
import { mkdtemp, readFile, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { OpenFiles } from "../../../../agent/downloader/store/open-files.ts";
import { Partial, type PartialNote } from "../../../../agent/downloader/store/partial.ts";
import type { Disk } from "../../../../agent/lib/disk.ts";
import type { Chunk } from "../../../../agent/wire/chunk.ts";
import { localDisk } from "../../../support/local-disk.ts";
import { Random } from "../../../support/random.ts";

let folder: string;
const files = new OpenFiles(localDisk());
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "partial-"));
});
afterAll(async () => {
  await files.dropAll();
  await rm(folder, { recursive: true, force: true });
});

const id = { uploader: "till", path: "video", version: 7, partition: 0 };
const md5 = (bytes: Buffer) => `md5:${createHash("md5").update(bytes).digest("hex")}`;

function begin(
  name: string,
  content: Buffer,
  note: globalThis.Partial<PartialNote> = {},
  on: OpenFiles = files,
): Partial {
  const whole = {
    ...id,
    size: content.length,
    mtime: "1744741849202123456",
    algorithm: "md5" as const,
    coverage: [],
  };
  return new Partial({ ...whole, ...note }, join(folder, name), on);
}

function chunkOf(content: Buffer, from: number, to: number): Chunk {
  const last = to === content.length;
  return {
    kind: "chunk",
    ...id,
    offset: from,
    size: content.length,
    mtime: 0n,
    value: content.subarray(from, to),
    index: 1,
    count: 1,
    algorithm: "md5",
    ...(last ? { checksum: md5(content) } : {}),
  };
}

test("chunks in any order, of any length and repeated make the file, with its checksum", async () => {
  const random = new Random(3);
  for (let round = 0; round < 20; round++) {
    const content = Buffer.from(Array.from({ length: 2000 }, () => random.below(256)));
    const partial = begin(`any-${round}`, content);
    while (!partial.complete) {
      const from = random.below(2000);
      await partial.place(chunkOf(content, from, Math.min(2000, from + 1 + random.below(700))));
    }
    expect(await partial.computedChecksum()).toBe(md5(content));
    expect(await readFile(partial.file)).toEqual(content);
  }
});

test("bytes that are there are never overwritten, not even by a chunk that lies about them", async () => {
  const content = Buffer.from("0123456789");
  const partial = begin("liar", content);
  await partial.place(chunkOf(content, 0, 6));
  const liar = { ...chunkOf(content, 2, 10), value: Buffer.from("XXXX6789") };
  await partial.place(liar);
  expect((await readFile(partial.file)).toString()).toBe("0123456789");
  expect(await partial.computedChecksum()).toBe(md5(content));
});

test("after a restart the part that is there is hashed from the disk", async () => {
  const content = Buffer.alloc(3 << 20, "abc");
  const before = begin("restart", content);
  await before.place(chunkOf(content, 0, 1 << 20));
  await before.place(chunkOf(content, 2 << 20, 3 << 20));
  const after = begin("restart", content, before.note());
  expect(after.complete).toBe(false);
  expect(after.missing).toEqual([[1 << 20, 2 << 20]]);
  expect(after.hasHole).toBe(true);
  await after.place(chunkOf(content, 1 << 20, 2 << 20));
  expect(await after.computedChecksum()).toBe(md5(content));
});

test("an empty file is complete with its one chunk", async () => {
  const content = Buffer.alloc(0);
  const partial = begin("empty", content);
  expect(await partial.place(chunkOf(content, 0, 0))).toEqual({ first: true, final: true, totalBytes: 0 });
  expect((await stat(partial.file)).size).toBe(0);
});

test("a chunk that changes nothing is not wanted", async () => {
  const content = Buffer.from("0123456789");
  const partial = begin("wants", content);
  const first = chunkOf(content, 0, 5);
  expect(partial.wants(first)).toBe(true);
  await partial.place(first);
  expect(partial.wants(first)).toBe(false);
  expect(partial.wants(chunkOf(content, 3, 10))).toBe(true);
});

test("the finished file gets its mode, and its modification time to the nanosecond", async () => {
  const content = Buffer.from("x");
  const partial = begin("times", content);
  await partial.place(chunkOf(content, 0, 1));
  await partial.prepare({ fileMode: 0o640, keepMtime: true });
  const stats = await stat(partial.file, { bigint: true });
  expect(stats.mtimeNs).toBe(1744741849202123456n);
  expect(Number(stats.mode) & 0o777).toBe(0o640);
});

/** The disk, counting its calls. */
function countCalls(): { calls: string[]; disk: Disk } {
  const calls: string[] = [];
  const disk = new Proxy<Disk>(localDisk(), {
    get: (target, name) => {
      const method = Reflect.get(target, name) as (...args: unknown[]) => unknown;
      return (...args: unknown[]) => {
        calls.push(String(name));
        return method.apply(target, args);
      };
    },
  });
  return { calls, disk };
}

const finish = { fileMode: 0o640, keepMtime: true };

test("a small file that comes whole costs one call of the disk, and has all that it is to have", async () => {
  const { calls, disk } = countCalls();
  const content = Buffer.from("whole");
  const partial = begin("whole", content, {}, new OpenFiles(disk));
  const placed = await partial.place(chunkOf(content, 0, 5), finish);
  expect(placed).toEqual({ first: true, final: true, totalBytes: 5 });
  expect(await partial.computedChecksum()).toBe(md5(content));
  await partial.prepare(finish);
  expect(calls).toEqual(["storeWhole"]);
  const stats = await stat(partial.file, { bigint: true });
  expect(stats.mtimeNs).toBe(1744741849202123456n);
  expect(Number(stats.mode) & 0o777).toBe(0o640);
  expect(Number(stats.ino)).toBe(partial.inode ?? 0);
  expect(await readFile(partial.file, "utf8")).toBe("whole");
});

test("a small file that comes whole keeps the time of its writing where the source's is not wanted", async () => {
  const before = Date.now() - 1000;
  const content = Buffer.from("whole");
  const partial = begin("own-time", content);
  await partial.place(chunkOf(content, 0, 5), { ...finish, keepMtime: false });
  expect((await stat(partial.file)).mtimeMs).toBeGreaterThan(before);
});

test("a small file that is not what its uploader read is nobody's to read, and has its own checksum", async () => {
  const content = Buffer.from("whole");
  const partial = begin("other-bytes", content);
  const wrong = { ...chunkOf(content, 0, 5), value: Buffer.from("wrong") };
  await partial.place(wrong, finish);
  expect(await partial.computedChecksum()).toBe(md5(Buffer.from("wrong")));
  expect(partial.checksum).toBe(md5(content));
  expect((await stat(partial.file)).mode & 0o777).toBe(0o600);
  expect(partial.inode).toBeUndefined();
});

test("a small file of zeros is a hole", async () => {
  const content = Buffer.alloc(8192);
  const partial = begin("zeros", content);
  await partial.place(chunkOf(content, 0, 8192), finish);
  expect(await partial.computedChecksum()).toBe(md5(content));
  expect(await stat(partial.file)).toMatchObject({ size: 8192, blocks: 0 });
});

test("a small file takes the place of what a process before has left of it", async () => {
  const content = Buffer.from("whole");
  const note = begin("left-whole", content).note();
  const left = join(folder, "left-whole");
  await writeFile(left, "longer than it was", { mode: 0o400 });
  const after = begin("left-whole", content, { ...note, coverage: [[0, 0]] });
  await after.place(chunkOf(content, 0, 5), finish);
  expect(await readFile(left, "utf8")).toBe("whole");
});

test("a small file that there is no room for is not there, and comes again", async () => {
  const disk = localDisk();
  const full = Object.assign(new Error("ENOSPC"), { code: "ENOSPC" });
  let isFull = true;
  const store = disk.storeWhole.bind(disk);
  disk.storeWhole = (...args) => (isFull ? Promise.reject(full) : store(...args));
  const content = Buffer.from("whole");
  const partial = begin("full", content, {}, new OpenFiles(disk));
  expect(partial.place(chunkOf(content, 0, 5), finish)).rejects.toBe(full);
  await partial.place(chunkOf(content, 0, 5), finish).catch(() => undefined);
  expect([partial.complete, partial.placedBytes]).toEqual([false, 0]);
  isFull = false;
  await partial.place(chunkOf(content, 0, 5), finish);
  expect(await partial.computedChecksum()).toBe(md5(content));
});

test("a part of a file, and one that is not small, is finished later", async () => {
  for (const content of [Buffer.from("in two"), Buffer.alloc((64 << 10) + 1, "large")]) {
    const { calls, disk } = countCalls();
    const partial = begin(`later-${content.length}`, content, {}, new OpenFiles(disk));
    const half = content.length > 6 ? content.length : 3;
    for (let at = 0; at < content.length; at += half)
      await partial.place(chunkOf(content, at, at + half), finish);
    await partial.prepare(finish);
    expect(await partial.computedChecksum()).toBe(md5(content));
    expect(calls).not.toContain("storeWhole");
  }
});

test("zeros become a hole at the end of what is there, and the checksum is that of the bytes", async () => {
  const content = Buffer.alloc(8 << 20);
  content.fill("data", 3 << 20, (3 << 20) + 5000);
  const partial = begin("sparse", content);
  for (let at = 0; at < content.length; at += 900_001)
    await partial.place(chunkOf(content, at, Math.min(content.length, at + 900_001)));
  expect(await partial.computedChecksum()).toBe(md5(content));
  expect((await readFile(partial.file)).equals(content)).toBe(true);
  const { size, blocks } = await stat(partial.file);
  expect(size).toBe(content.length);
  expect(blocks * 512).toBeLessThan(100_000);
});

test("zeros are written where a process before has left something that no note speaks of", async () => {
  const content = Buffer.alloc(2 << 20);
  const note = begin("left", content).note();
  await writeFile(join(folder, "left"), Buffer.alloc(3 << 19, "left"));
  const after = begin("left", content, { ...note, coverage: [[0, 0]] });
  await after.place(chunkOf(content, 1 << 20, 2 << 20));
  await after.place(chunkOf(content, 0, 1 << 20));
  expect(await after.computedChecksum()).toBe(md5(content));
  expect((await readFile(after.file)).equals(content)).toBe(true);
});

test("zeros that come before what is there already are written", async () => {
  const content = Buffer.alloc(3 << 20);
  const partial = begin("before", content);
  await partial.place(chunkOf(content, 2 << 20, 3 << 20));
  await partial.place(chunkOf(content, 0, 2 << 20));
  expect((await readFile(partial.file)).equals(content)).toBe(true);
  expect(await partial.computedChecksum()).toBe(md5(content));
});

test("a version that comes in more pieces than can be remembered takes those that go on where something is", async () => {
  const content = Buffer.alloc(20_000, "x");
  const partial = begin("pieces", content);
  for (let at = 0; at < content.length; at += 2) {
    const chunk = chunkOf(content, at, at + 1);
    if (partial.wants(chunk)) await partial.place(chunk);
  }
  expect(partial.note().coverage).toHaveLength(1000);
  expect(partial.wants(chunkOf(content, 15_000, 15_001))).toBe(false);
  for (let at = 0; at < content.length; at += 500) {
    const chunk = chunkOf(content, at, at + 500);
    expect(partial.wants(chunk)).toBe(true);
    await partial.place(chunk);
  }
  expect(await partial.computedChecksum()).toBe(md5(content));
});
