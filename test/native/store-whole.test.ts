import { afterAll, beforeAll, expect, test } from "bun:test";
import { lstatSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { native } from "../../agent/native/load-native.ts";
import { type Mounted, mount } from "../support/mount.ts";

let folder: string;
/** A disk with next to no room. */
let full: { folder: string; mounted: Mounted };
beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), "streamsend-whole-"));
  const small = join(folder, "small");
  mkdirSync(small);
  full = { folder: small, mounted: await mount("tmpfs", small, "size=64k") };
});
afterAll(async () => {
  await full.mounted.unmount();
  rmSync(folder, { recursive: true });
});

const noTime = Buffer.alloc(0);

function store(
  path: string,
  bytes: Buffer,
  time = noTime,
): Promise<{ error: NodeJS.ErrnoException | null; inode: bigint | undefined }> {
  return new Promise((resolve) => {
    native.storeWhole(Buffer.from(path), bytes, 0o640, time, (error, numbers) =>
      resolve({ error, inode: error ? undefined : numbers.readBigUInt64LE() }),
    );
  });
}

test("a file is made of bytes that are copied at once, and its inode is told", async () => {
  const path = join(folder, "file");
  const bytes = Buffer.from("right");
  const stored = store(path, bytes, Buffer.from(new BigInt64Array([-1n, 999_999_999n]).buffer));
  bytes.fill("x");
  const { error, inode } = await stored;
  expect(error).toBeNull();
  const { ino, mode, mtimeNs } = lstatSync(path, { bigint: true });
  expect([readFileSync(path, "utf8"), mtimeNs, mode & 0o777n]).toEqual(["right", -1n, 0o640n]);
  expect(ino).toBe(inode ?? 0n);
});

test("a failure is an error as Node's own, with the call that failed", async () => {
  expect((await store(join(folder, "missing/file"), Buffer.from("x"))).error).toMatchObject({
    code: "ENOENT",
    syscall: "open",
  });
  const tooMuch = await store(join(full.folder, "file"), Buffer.alloc(1 << 20, "x"));
  expect(tooMuch.error).toMatchObject({ code: "ENOSPC", syscall: "write" });
});

test("many are stored at a time", async () => {
  const many = Array.from({ length: 300 }, (_, number) => join(folder, `many-${number}`));
  const stored = await Promise.all(many.map((path, number) => store(path, Buffer.alloc(5000, `${number},`))));
  expect(stored.every(({ error }) => error === null)).toBe(true);
  for (const [number, path] of many.entries())
    expect(readFileSync(path).equals(Buffer.alloc(5000, `${number},`))).toBe(true);
});

test("no descriptor is left open", async () => {
  const open = () => readdirSync("/proc/self/fd").length;
  await store(join(folder, "once"), Buffer.from("x"));
  const before = open();
  for (let round = 0; round < 100; round++) {
    await store(join(folder, "again"), Buffer.from("x"));
    await store(join(full.folder, "again"), Buffer.alloc(1 << 20, "x"));
  }
  expect(open()).toBeLessThan(before + 50);
});

test("wrong arguments are thrown", () => {
  const bytes = Buffer.from("x");
  const done = () => undefined;
  const usage = "storeWhole(path, bytes, mode, time, callback)";
  expect(() => native.storeWhole("x" as never, bytes, 0o600, noTime, done)).toThrow(usage);
  expect(() => native.storeWhole(bytes, bytes, "x" as never, noTime, done)).toThrow(usage);
  expect(() => native.storeWhole(bytes, bytes, 0o600, noTime, undefined as never)).toThrow(usage);
  expect(() => native.storeWhole(bytes, bytes, 0o600, bytes, done)).toThrow("time has two integers");
});
