import { afterEach, expect, test } from "bun:test";
import {
  chmodSync,
  chownSync,
  mkdtempSync,
  readFileSync,
  readlinkSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Effects } from "../../../agent/lib/effects.ts";
import { codeOf } from "../../../agent/lib/errors.ts";
import { LocalDisk } from "../../../agent/lib/local-disk.ts";

const folders: string[] = [];
const isRoot = process.getuid?.() === 0;
const nobody = 65_534;
const disk = new LocalDisk(new Effects(), () => Promise.resolve());
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

test("a file that can't be made is refused for the reason that counts", async () => {
  const { folder } = prepare(0o555);
  const refused = await disk.open(join(folder, "other"), true).catch((error: unknown) => codeOf(error));
  expect(refused).toBe("EACCES");
});

test("many files are synced by a descriptor that was open before they were written to, as long as there is one", async () => {
  const folder = mkdtempSync(join(tmpdir(), "streamsend-unit-"));
  folders.push(folder);
  const synced: string[] = [];
  const watched = new LocalDisk(new Effects(), async (fd) => {
    synced.push(readlinkSync(`/proc/self/fd/${fd}`));
  });
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

test.skipIf(!isRoot)("what can't be removed says why, by the system's own name for it", async () => {
  const { folder, file } = prepare(0o555);
  expect(await disk.remove(file).catch((error: unknown) => codeOf(error))).toBe("EACCES");
  await disk.remove(join(folder, "nothing"));
});
