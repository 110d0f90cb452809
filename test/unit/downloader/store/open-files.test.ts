import { expect, test } from "bun:test";
import { readdir, readlink } from "node:fs/promises";
import { OpenFiles } from "../../../../agent/downloader/store/open-files.ts";
import type { Disk, DiskFile } from "../../../../agent/lib/disk.ts";
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

/** Opens files whose closing does that, and notes which. */
function diskThatCloses(close: () => Promise<void>): { disk: Disk; opened: string[] } {
  const opened: string[] = [];
  const file: DiskFile = {
    read: async () => 0,
    write: async () => undefined,
    extend: async () => false,
    chmod: async () => undefined,
    close,
  };
  const open = async (path: string) => {
    opened.push(path);
    return file;
  };
  return { disk: { open } as unknown as Disk, opened };
}

/** One more than are kept open, to begin with. */
const tooMany = Array.from({ length: 65 }, (_, at) => `file-${at}`);
const nothing = async () => undefined;

test("what is not taken when a file is closed for another one fails that file, and not the other", async () => {
  const { disk } = diskThatCloses(() => Promise.reject(new Error("EIO")));
  const files = new OpenFiles(disk);
  for (const path of tooMany) await files.with(path, true, nothing);
  for (const path of ["file-0", "file-1"]) {
    await expect(files.with(path, false, nothing)).rejects.toThrow("EIO");
    // It was told; and is open again, in the place of the next one.
    await files.with(path, false, nothing);
  }
  await expect(files.close("file-2")).rejects.toThrow("EIO");
  await files.with("file-2", false, nothing);
  await files.drop("file-3");
  await files.with("file-3", false, nothing);
});

test("a file that is just being closed for another one is opened again when that is over", async () => {
  const { promise: closed, resolve } = Promise.withResolvers<void>();
  const { disk, opened } = diskThatCloses(() => closed);
  const files = new OpenFiles(disk);
  const [first, ...others] = tooMany.map((path) => files.with(path, true, nothing));
  await Promise.all(others);
  const again = files.with("file-0", false, nothing);
  await files.with("file-1", false, nothing);
  expect(opened).toEqual(tooMany);
  resolve();
  await Promise.all([first, again]);
  expect(opened).toEqual([...tooMany, "file-0"]);
});
