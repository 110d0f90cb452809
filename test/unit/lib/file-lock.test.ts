import { afterEach, expect, test } from "bun:test";
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import type { Disk } from "../../../agent/lib/disk.ts";
import { localDisk } from "../../support/local-disk.ts";

const folders: string[] = [];
afterEach(() => {
  for (const folder of folders.splice(0)) rmSync(folder, { recursive: true });
});

const lock = (disk: Disk, file: string, self: string) => disk.lock(file, join(dirname(file), "holder"), self);

function prepare(content: string): string {
  const folder = mkdtempSync(join(tmpdir(), "streamsend-unit-"));
  folders.push(folder);
  const file = join(folder, "store");
  writeFileSync(file, content);
  return file;
}

test("a file is locked once: the second is told who has it, and gets it when the first lets go", async () => {
  const file = prepare("name");
  const disk = localDisk();
  const first = await lock(disk, file, "the first");
  expect(first).toMatchObject({ takenBy: undefined, isTold: true, isReal: true });
  const second = await lock(disk, file, "the second");
  expect(second).toMatchObject({ takenBy: "the first", isReal: true });
  await second.release();
  expect((await lock(disk, file, "the second")).takenBy).toBe("the first");
  await first.release();
  const third = await lock(disk, file, "3");
  expect(third.takenBy).toBeUndefined();
  await third.release();
});

test("neither the lock nor its end changes the file, and one name is said", async () => {
  const file = prepare("name");
  const before = statSync(file, { bigint: true });
  for (const self of ["first", "second"]) await (await lock(localDisk(), file, self)).release();
  const { ctimeNs, ino } = statSync(file, { bigint: true });
  expect([ctimeNs, ino]).toEqual([before.ctimeNs, before.ino]);
  expect(readFileSync(file, "utf8")).toBe("name");
  expect(readdirSync(join(dirname(file), "holder"))).toEqual(["second"]);
});

test("a process that is killed has no lock any more", async () => {
  const file = prepare("name");
  const script = join(import.meta.dir, "../../support/lock-and-wait.ts");
  const child = Bun.spawn([process.execPath, script, file], { stdout: "pipe" });
  const { value } = await child.stdout.getReader().read();
  expect(new TextDecoder().decode(value)).toBe("locked\n");
  const disk = localDisk();
  expect((await lock(disk, file, "me")).takenBy).toBe("the other");
  child.kill("SIGKILL");
  await child.exited;
  const mine = await lock(disk, file, "me");
  expect(mine.takenBy).toBeUndefined();
  await mine.release();
});
