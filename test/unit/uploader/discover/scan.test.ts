import { afterEach, expect, test } from "bun:test";
import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Log } from "../../../../agent/observe/log.ts";
import { FileSystemGate } from "../../../../agent/uploader/access/file-system-gate.ts";
import { Watch } from "../../../../agent/uploader/access/watch.ts";
import { scan } from "../../../../agent/uploader/discover/scan.ts";

const folders: string[] = [];
const isRoot = process.getuid?.() === 0;
const nobody = 65_534;
afterEach(() => {
  if (isRoot) process.seteuid?.(0);
  for (const folder of folders.splice(0)) {
    chmodSync(join(folder, "lost+found"), 0o755);
    rmSync(folder, { recursive: true });
  }
});

/** A full look at a folder with a file, and with another folder that nobody has a right to. */
async function lookAt(path: (folder: string) => string) {
  const folder = mkdtempSync(join(tmpdir(), "streamsend-unit-"));
  folders.push(folder);
  chmodSync(folder, 0o755);
  writeFileSync(join(folder, "a.txt"), "a");
  mkdirSync(join(folder, "lost+found"));
  chmodSync(join(folder, "lost+found"), 0);
  const log = Object.assign(new Log({ level: "error", format: "text", agent: "test" }), {
    warn: () => undefined,
  });
  const watch = new Watch(
    { path: path(folder), as: "", include: ["**/*"], exclude: [], recursive: true, attributes: {} },
    new FileSystemGate(folder, Number.POSITIVE_INFINITY, log),
  );
  const unreadable: string[] = [];
  const listener = {
    isKnown: () => false,
    isSentAs: () => false,
    unwanted: () => undefined,
    folder: () => undefined,
    unreadable: (relative: string, error: NodeJS.ErrnoException) =>
      void unreadable.push(`${relative} ${error.code}`),
  };
  const found: string[] = [];
  // Nothing is closed to root.
  if (isRoot) process.seteuid?.(nobody);
  for await (const { file } of scan(watch, listener)) found.push(file.path);
  return { found, unreadable };
}

test("a folder that the agent has no right to is told of, and the others are read", async () => {
  const { found, unreadable } = await lookAt((folder) => folder);
  expect(found).toEqual(["a.txt"]);
  expect(unreadable).toEqual(["lost+found EACCES"]);
});

test("so is a watch that the agent has no right to", async () => {
  const { found, unreadable } = await lookAt((folder) => join(folder, "lost+found"));
  expect(found).toEqual([]);
  expect(unreadable).toEqual([" EACCES"]);
});
