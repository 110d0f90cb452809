import { expect, test } from "bun:test";
import { closeSync, openSync, writeSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { native } from "../../agent/native/load-native.ts";

function syncFileSystem(fd: number): Promise<NodeJS.ErrnoException | null> {
  return new Promise((resolve) => native.syncFileSystem(fd, resolve));
}

function startWriting(fd: number): Promise<NodeJS.ErrnoException | null> {
  return new Promise((resolve) => native.startWriting(fd, resolve));
}

function handOver(fd: number): Promise<NodeJS.ErrnoException | null> {
  return new Promise((resolve) => native.handOver(fd, resolve));
}

test("a file system is synced by any descriptor on it, which may be closed at once", async () => {
  const folder = await mkdtemp(join(tmpdir(), "streamsend-sync-"));
  const fd = openSync(folder, "r");
  const synced = syncFileSystem(fd);
  closeSync(fd);
  expect(await synced).toBeNull();
  await rm(folder, { recursive: true });
});

test("what is written of a file is sent to the disk", async () => {
  const path = join(tmpdir(), `streamsend-write-${process.pid}`);
  const fd = openSync(path, "w");
  writeSync(fd, Buffer.alloc(1 << 20));
  expect(await startWriting(fd)).toBeNull();
  closeSync(fd);
  await rm(path);
  expect(await startWriting(1_000_000)).toMatchObject({ code: "EBADF", syscall: "sync_file_range" });
});

test("a file is handed over as if it were closed, and stays open", async () => {
  const path = join(tmpdir(), `streamsend-hand-over-${process.pid}`);
  const fd = openSync(path, "w");
  expect(await handOver(fd)).toBeNull();
  expect(writeSync(fd, "still open")).toBe(10);
  closeSync(fd);
  await rm(path);
  expect(await handOver(1_000_000)).toMatchObject({ code: "EBADF", syscall: "close" });
});

test("a failure is an error as Node's own", async () => {
  const error = await syncFileSystem(1_000_000);
  expect(error).toBeInstanceOf(Error);
  expect(error).toMatchObject({ code: "EBADF", syscall: "syncfs" });
  expect(error?.errno).toBeLessThan(0);
});

test("many run at a time without holding up the event loop", async () => {
  const fd = openSync(tmpdir(), "r");
  const results = await Promise.all(Array.from({ length: 100 }, () => syncFileSystem(fd)));
  closeSync(fd);
  expect(results.every((error) => error === null)).toBe(true);
});

test("wrong arguments are thrown", () => {
  expect(() => native.syncFileSystem("x" as never, () => undefined)).toThrow("syncFileSystem(fd, callback)");
  expect(() => native.handOver("x" as never, () => undefined)).toThrow("handOver(fd, callback)");
  expect(() => native.startWriting("x" as never, () => undefined)).toThrow("startWriting(fd, callback)");
  expect(() => native.startWriting(1, undefined as never)).toThrow("startWriting(fd, callback)");
  expect(() => native.syncFileSystem(1, undefined as never)).toThrow("syncFileSystem(fd, callback)");
});
