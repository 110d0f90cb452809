import { expect, test } from "bun:test";
import { readdir, readlink } from "node:fs/promises";
import { OpenFiles } from "../../../../agent/downloader/store/open-files.ts";
import { localDisk } from "../../../support/local-disk.ts";

async function openOn(path: string): Promise<number> {
  const descriptors = await readdir("/proc/self/fd");
  const targets = await Promise.all(descriptors.map((fd) => readlink(`/proc/self/fd/${fd}`).catch(() => "")));
  return targets.filter((target) => target === path).length;
}

test("a handle on which a write failed is closed, not left to the collector", async () => {
  const files = new OpenFiles(localDisk());
  const write = files.with("/dev/full", true, (handle) => handle.write(Buffer.from("x"), 0));
  await expect(write).rejects.toThrow("ENOSPC");
  expect(await openOn("/dev/full")).toBe(0);
});

test("what is in use is kept open, and closed at the end", async () => {
  const files = new OpenFiles(localDisk());
  await files.with("/dev/null", true, async () => expect(await openOn("/dev/null")).toBeGreaterThan(0));
  const before = await openOn("/dev/null");
  await files.dropAll();
  expect(await openOn("/dev/null")).toBe(before - 1);
});
