import { afterEach, expect, test } from "bun:test";
import { execFileSync } from "node:child_process";
import {
  chmodSync,
  chownSync,
  linkSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  readlinkSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Effects } from "../../../agent/lib/effects.ts";
import { LocalDisk } from "../../../agent/lib/local-disk.ts";
import { codeFrom } from "../../conformance/disk-fixture.ts";
import { localDisk, nativeDisk } from "../../support/local-disk.ts";

const folders: string[] = [];
const isRoot = process.getuid?.() === 0;
const nobody = 65_534;
const disk = localDisk();
afterEach(() => {
  if (isRoot) process.seteuid?.(0);
  for (const folder of folders.splice(0)) {
    chmodSync(folder, 0o755);
    rmSync(folder, { recursive: true });
  }
});

/** A folder with a file that forbids writing, both the agent's, which is not root. */
function prepare(folderMode: number) {
  const folder = mkdtempSync(join(tmpdir(), "streamsend-unit-"));
  folders.push(folder);
  const file = join(folder, "file");
  writeFileSync(file, "kept");
  chmodSync(file, 0o444);
  chmodSync(folder, folderMode);
  if (isRoot) {
    for (const path of [file, folder]) chownSync(path, nobody, nobody);
    process.seteuid?.(nobody);
  }
  return { folder, file };
}

test("a file whose mode forbids writing is opened for it", async () => {
  const { file } = prepare(0o755);
  const opened = await disk.open(file, true);
  await opened.write(Buffer.from("s"), 4);
  await opened.close();
  expect(readFileSync(file, "utf8")).toBe("kepts");
});

test("what is stored whole takes the place of what was left there: a file that may not be written, a link, another's file", async () => {
  const { folder, file } = prepare(0o755);
  const store = (path: string) =>
    disk.storeWhole(path, Buffer.from("new"), { mode: 0o444, mtime: undefined });
  await store(file);
  expect(readFileSync(file, "utf8")).toBe("new");
  expect(lstatSync(file).mode & 0o777).toBe(0o444);
  symlinkSync(file, join(folder, "link"));
  linkSync(file, join(folder, "hard"));
  execFileSync("mkfifo", [join(folder, "pipe")]);
  for (const name of ["link", "hard", "pipe"]) {
    await store(join(folder, name));
    expect(lstatSync(join(folder, name)).isFile()).toBe(true);
    expect(readFileSync(join(folder, name), "utf8")).toBe("new");
    expect(lstatSync(join(folder, name)).ino).not.toBe(lstatSync(file).ino);
  }
  expect(lstatSync(file).nlink).toBe(1);
  mkdirSync(join(folder, "folder"));
  expect(await codeFrom(store(join(folder, "folder")))).toBe("EISDIR");
});

test("a file that can't be made is refused for the reason that counts", async () => {
  const { folder } = prepare(0o555);
  const other = join(folder, "other");
  expect(await codeFrom(disk.open(other, true))).toBe("EACCES");
  const stored = disk.storeWhole(other, Buffer.from("new"), { mode: 0o644, mtime: undefined });
  expect(await codeFrom(stored)).toBe("EACCES");
});

test("many files are synced by a descriptor that was open before they were written to, as long as there is one", async () => {
  const folder = mkdtempSync(join(tmpdir(), "streamsend-unit-"));
  folders.push(folder);
  const synced: string[] = [];
  const watched = new LocalDisk(
    new Effects(),
    nativeDisk((fd, done) => {
      synced.push(readlinkSync(`/proc/self/fd/${fd}`));
      done(null);
    }),
  );
  const store = join(folder, "store");
  writeFileSync(store, "name");
  const lock = await watched.lock(store, join(folder, "holder"), "me");
  const files = Array.from({ length: 9 }, (_, at) => join(folder, `${at}`));
  for (const file of files) writeFileSync(file, "written");
  await watched.sync(files);
  await lock.release();
  await watched.sync(files);
  expect(synced).toEqual([store, join(folder, "0")]);
});

test("written bytes go on to the disk eight megabytes at a time, and what goes wrong with that is heard", async () => {
  const folder = mkdtempSync(join(tmpdir(), "streamsend-unit-"));
  folders.push(folder);
  const answers = [null, "ENOSYS", "EIO"];
  let calls = 0;
  const watched = new LocalDisk(new Effects(), {
    ...nativeDisk((_, done) => done(null)),
    startWriting: (_, done) => {
      const code = answers[calls++];
      done(code ? Object.assign(new Error(code), { code }) : null);
    },
  });
  const file = await watched.open(join(folder, "large"), true);
  const block = Buffer.alloc(4 << 20);
  for (let at = 0; at < 5; at++) await file.write(block, at * block.length);
  expect(calls).toBe(2);
  expect(await codeFrom(file.write(block, 5 * block.length))).toBe("EIO");
  await file.close();
});

test.skipIf(!isRoot)("what can't be removed says why, by the system's own name for it", async () => {
  const { folder, file } = prepare(0o555);
  expect(await codeFrom(disk.remove(file))).toBe("EACCES");
  await disk.remove(join(folder, "nothing"));
});
