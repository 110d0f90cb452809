import { expect, test } from "bun:test";
import { closeSync, openSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { native } from "../../agent/native/load-native.ts";

function syncFileSystem(fd: number): Promise<NodeJS.ErrnoException | null> {
  return new Promise((resolve) => native.syncFileSystem(fd, resolve));
}

test("a file system is synced by any descriptor on it, which may be closed at once", async () => {
  const folder = await mkdtemp(join(tmpdir(), "streamsend-sync-"));
  const fd = openSync(folder, "r");
  const synced = syncFileSystem(fd);
  closeSync(fd);
  expect(await synced).toBeNull();
  await rm(folder, { recursive: true });
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
  expect(() => native.syncFileSystem(1, undefined as never)).toThrow("syncFileSystem(fd, callback)");
});
