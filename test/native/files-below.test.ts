import { afterEach, expect, test } from "bun:test";
import {
  appendFileSync,
  type BigIntStats,
  closeSync,
  existsSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readdirSync,
  renameSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Effects } from "../../agent/lib/effects.ts";
import { type FileState, FilesBelow } from "../../agent/lib/files-below.ts";
import { native } from "../../agent/native/load-native.ts";
import { run } from "../support/compare.ts";
import { Faults } from "../support/faults.ts";

const files = new FilesBelow(native, new Effects());
/** So many bytes are read when the file is opened. */
const small = 100;
const folders: string[] = [];
afterEach(() => {
  for (const folder of folders.splice(0)) rmSync(folder, { recursive: true });
});

function prepare() {
  const folder = mkdtempSync(join(tmpdir(), "streamsend-below-"));
  folders.push(folder);
  const root = join(folder, "root");
  mkdirSync(join(root, "a/b"), { recursive: true });
  mkdirSync(join(folder, "outside"));
  writeFileSync(join(root, "a/b/file"), "content");
  writeFileSync(join(folder, "outside/file"), "secret");
  const place = (relative: string | Buffer) => ({ root: Buffer.from(root), relative: Buffer.from(relative) });
  const tryOpen = async (relative: string | Buffer) => {
    const opened = await files.open(place(relative), small, false);
    if (opened?.fd !== undefined) await files.close(opened.fd);
    return opened;
  };
  return { folder, root, place, tryOpen };
}

test("a file is opened with the state it has, and read by its descriptor whatever happens to its name", async () => {
  const { root, place } = prepare();
  const stats = lstatSync(join(root, "a/b/file"), { bigint: true });
  const opened = await files.open(place("a/b/file"), 6, false);
  expect(opened).toMatchObject({ state: stateOf(stats), writers: "none", content: undefined });
  const fd = opened?.fd ?? -1;
  renameSync(join(root, "a/b/file"), join(root, "a/other"));
  writeFileSync(join(root, "a/b/file"), "replaced");
  const buffer = Buffer.alloc(20);
  expect(await files.read(fd, buffer, 0, 20, 0)).toBe(7);
  expect(buffer.toString("latin1", 0, 7)).toBe("content");
  const { there, opened: held } = await files.look(place("a/b/file"), fd);
  expect(held.inode).toBe(stats.ino);
  expect(there?.inode).not.toBe(stats.ino);
  await files.close(fd);
});

test("a small file is read when it is opened, seen as it was, and not left open", async () => {
  const { root, place } = prepare();
  const before = openDescriptors();
  for (const [name, content] of [
    ["full", "x".repeat(small)],
    ["short", "seven b"],
    ["empty", ""],
  ] as const) {
    writeFileSync(join(root, name), content);
    const state = stateOf(lstatSync(join(root, name), { bigint: true }));
    const [bytes, seen] = [Buffer.from(content), { there: state, opened: state }];
    const read = { fd: undefined, state, writers: "none", content: { bytes, ...seen } };
    expect<unknown>(await files.open(place(name), small, false)).toEqual(read);
  }
  writeFileSync(join(root, "large"), "x".repeat(small + 1));
  const { fd, content } = (await files.open(place("large"), small, false)) ?? {};
  expect(content).toBeUndefined();
  expect(openDescriptors()).toBe(before + 1);
  await files.close(fd ?? -1);
});

test("a small file that somebody has open for writing is read only by who does not mind", async () => {
  const { root, place } = prepare();
  const writer = openSync(join(root, "a/b/file"), "a");
  const opened = await files.open(place("a/b/file"), small, false);
  expect(opened).toMatchObject({ fd: undefined, writers: "some", content: undefined });
  const trusting = await files.open(place("a/b/file"), small, true);
  expect(trusting).toMatchObject({ fd: undefined, writers: "some" });
  expect(trusting?.content?.bytes.toString()).toBe("content");
  closeSync(writer);
});

test("of a small file that has less than its size there is what it has", async () => {
  // Of a page's size, as the kernel says, and less than that.
  const place = { root: Buffer.from("/sys/kernel"), relative: Buffer.from("address_bits") };
  const { state, content } = (await files.open(place, 1 << 20, true)) ?? {};
  expect(state?.size).toBeGreaterThan(10n);
  expect(content?.bytes.toString()).toBe("64\n");
});

test("what happens to a small file between its reading and the look after it is seen", async () => {
  const { root, place } = prepare();
  // Large enough that the reading takes a moment.
  const [path, bytes] = [join(root, "a/b/file"), 60_000];
  const changing = Bun.spawn([process.execPath, "-e", changeForEver, path, String(bytes)]);
  const seen = new Set<string>();
  for (const all = ["as opened", "gone", "replaced", "changed"]; !all.every((one) => seen.has(one)); ) {
    const { state, content } = (await files.open(place("a/b/file"), bytes, true)) ?? {};
    if (!state || !content) continue;
    const { there, opened } = content;
    expect(opened).toMatchObject({ device: state.device, inode: state.inode });
    if (opened.ctime !== state.ctime) seen.add("changed");
    if (!there) seen.add("gone");
    else if (there.inode !== state.inode) seen.add("replaced");
    else if (opened.ctime === state.ctime) seen.add("as opened");
  }
  changing.kill();
  await changing.exited;
});

test("no link is followed, nor anything opened that is no regular file", async () => {
  const { folder, root, tryOpen, place } = prepare();
  symlinkSync(join(folder, "outside"), join(root, "link"));
  symlinkSync("a", join(root, "inside"));
  symlinkSync("b/file", join(root, "a/link"));
  expect(await run(["mkfifo", join(root, "pipe")])).toMatchObject({ code: 0 });
  const none = ["link/file", "inside/b/file", "a/link", "pipe", "a", "missing", "missing/file", "a/b/file/x"];
  for (const relative of none) expect(await tryOpen(relative)).toBeUndefined();
  expect((await files.look(place("link/file"))).there).toBeUndefined();
  expect((await files.look(place("a/link"))).there?.mode).toBe(
    lstatSync(join(root, "a/link"), { bigint: true }).mode,
  );
  symlinkSync(root, join(folder, "to-root"));
  const throughLink = { root: Buffer.from(join(folder, "to-root")), relative: Buffer.from("a/b/file") };
  expect((await files.open(throughLink, small, false))?.content?.bytes.toString()).toBe("content");
});

test("a path that leads out of the folder is refused", async () => {
  const { tryOpen } = prepare();
  for (const relative of [
    "../outside/file",
    "a/../../outside/file",
    "/etc/passwd",
    "",
    "a//b",
    "a/./b",
    "a/b/file/",
    "a\0b",
  ])
    expect(tryOpen(relative)).rejects.toMatchObject({ code: "EINVAL" });
});

test("names are bytes, of any length that the file system takes", async () => {
  const { root, tryOpen } = prepare();
  const name = Buffer.from([0xff, 0x25, 0x0a, 0x80]);
  writeFileSync(Buffer.concat([Buffer.from(`${root}/`), name]), "bytes");
  expect((await tryOpen(name))?.state.size).toBe(5n);
  expect(tryOpen("n".repeat(256))).rejects.toMatchObject({ code: "ENAMETOOLONG" });
});

test("what is wrong with the folder itself is an error", async () => {
  const { root, tryOpen, place } = prepare();
  rmSync(root, { recursive: true });
  expect(tryOpen("a/b/file")).rejects.toMatchObject({ code: "ENOENT", syscall: "open" });
  expect(files.look(place("a"))).rejects.toMatchObject({ code: "ENOENT", errno: -2 });
});

test("it is known who has a file open for writing, and nobody is hurt by the question", async () => {
  const { root, place, tryOpen } = prepare();
  const path = join(root, "a/b/file");
  const reader = openSync(path, "r");
  expect((await tryOpen("a/b/file"))?.writers).toBe("none");
  const writer = openSync(path, "a");
  expect((await tryOpen("a/b/file"))?.writers).toBe("some");
  const { inode } = (await files.look(place("a/b/file"))).there ?? {};
  const found = (await files.listWriters()).filter((one) => one.inode === inode);
  expect(found.map(({ path }) => path)).toEqual([`/proc/${process.pid}/fd/${writer}`]);
  closeSync(writer);
  expect((await tryOpen("a/b/file"))?.writers).toBe("none");
  closeSync(reader);
  // While others open and write all the time: each open meets a lease now and then, none may fail.
  const writing = `for i in $(seq 500); do echo x >> '${path}' || exit 1; done`;
  const writers = run(["bash", "-c", writing]);
  let isOver = false;
  void writers.finally(() => {
    isOver = true;
  });
  while (!isOver) await tryOpen("a/b/file");
  expect(await writers).toMatchObject({ code: 0 });
  appendFileSync(path, "");
});

test("wrong arguments are thrown", () => {
  const bytes = Buffer.from("x");
  expect(() => native.openBelow("x" as never, bytes, 1, true, () => undefined)).toThrow("openBelow(root");
  expect(() => native.openBelow(bytes, bytes, "1" as never, true, () => undefined)).toThrow("openBelow(root");
  expect(() => native.openBelow(bytes, bytes, 1, 1 as never, () => undefined)).toThrow("openBelow(root");
  expect(() => native.lookBelow(bytes, bytes, "x" as never, () => undefined)).toThrow("lookBelow(root");
  expect(() => native.removeBelow(bytes, bytes, bytes, true, () => undefined)).toThrow("removeBelow(root");
  expect(() => native.moveBelow(bytes, bytes, bytes, true, bytes, bytes, () => undefined)).toThrow(
    "moveBelow(root",
  );
  expect(() => native.makeFoldersBelow(bytes, bytes, undefined as never)).toThrow("makeFoldersBelow(root");
  expect(() => native.listWriters(undefined as never)).toThrow("listWriters(callback)");
});

function stateOf({ dev, ino, mode, size, mtimeNs, ctimeNs }: BigIntStats): FileState {
  return { device: dev, inode: ino, mode, size, mtime: mtimeNs, ctime: ctimeNs };
}

function openDescriptors(): number {
  return readdirSync("/proc/self/fd").length;
}

/** Takes a file away, brings it back, touches it and replaces it, as fast as it can. */
const changeForEver = `
  const { chmodSync, renameSync, writeFileSync } = require("node:fs");
  const [path, bytes] = [process.argv.at(-2), Number(process.argv.at(-1))];
  for (let turn = 0; ; turn++) {
    writeFileSync(path + ".new", Buffer.alloc(bytes));
    renameSync(path + ".new", path);
    for (let again = 0; again < 50; again++) {
      chmodSync(path, again % 2 ? 0o600 : 0o644);
      renameSync(path, path + ".away");
      renameSync(path + ".away", path);
    }
  }
`;

const EPERM = 1;
const EINVAL = 22;
const ENOSYS = 38;

// By themselves, with a library in front of the C library; not once more inside of that.
test.skipIf(process.env.FAULTS !== undefined).each([
  ["has neither openat2 nor renameat2", ENOSYS, ENOSYS],
  ["has a filter that refuses what it does not know", EPERM, EPERM],
  ["has a file system that can't rename without replacing", ENOSYS, EINVAL],
])("all of it holds where the system %s", async (_, openat2, renameat2) => {
  const folder = mkdtempSync(join(tmpdir(), "streamsend-faults-"));
  folders.push(folder);
  const faults = await Faults.make(folder);
  await faults.refuse("openat2", openat2);
  await faults.refuse("renameat2", renameat2);
  const tests = [import.meta.path, join(import.meta.dir, "../unit/uploader/cleanup/remove-source.test.ts")];
  const child = Bun.spawn([process.execPath, "test", "--timeout", "60000", ...tests], {
    cwd: join(import.meta.dir, "../.."),
    env: { ...process.env, ...faults.env },
    stdout: "pipe",
    stderr: "pipe",
  });
  const [code, errors] = await Promise.all([child.exited, child.stderr.text()]);
  expect(code === 0 ? "" : errors).toBe("");
  expect(existsSync(folder)).toBe(true);
});

test.skipIf(process.env.FAULTS !== undefined)(
  "what can't be read of a small file is an error, and nothing is left open",
  async () => {
    const { root } = prepare();
    const faults = await Faults.make(root);
    await faults.failReads();
    const script = `
      import { readdirSync } from "node:fs";
      import { FilesBelow } from "${join(import.meta.dir, "../../agent/lib/files-below.ts")}";
      import { native } from "${join(import.meta.dir, "../../agent/native/load-native.ts")}";
      const place = { root: Buffer.from(${JSON.stringify(root)}), relative: Buffer.from("a/b/file") };
      const before = readdirSync("/proc/self/fd").length;
      const { code, syscall } = await new FilesBelow(native).open(place, 100, true).catch((error) => error);
      console.log(JSON.stringify([code, syscall, readdirSync("/proc/self/fd").length - before]));
    `;
    const child = Bun.spawn([process.execPath, "-e", script], {
      cwd: join(import.meta.dir, "../.."),
      env: { ...process.env, ...faults.env },
      stdout: "pipe",
    });
    expect(await child.stdout.json()).toEqual(["EIO", "read", 0]);
  },
);
