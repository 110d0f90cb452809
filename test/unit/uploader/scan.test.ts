import { afterEach, expect, test } from "bun:test";
import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Log } from "../../../agent/observe/log.ts";
import { FileAccess } from "../../../agent/uploader/file-access.ts";
import { type ScanReport, scan } from "../../../agent/uploader/scan.ts";
import { Watch } from "../../../agent/uploader/watched-file.ts";

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
    { path: path(folder), as: "", include: ["**/*"], exclude: [], recursive: true },
    new FileAccess(folder, Number.POSITIVE_INFINITY, log),
  );
  const report: ScanReport = { complete: true };
  const found: string[] = [];
  // Nothing is closed to root.
  if (isRoot) process.seteuid?.(nobody);
  for await (const { file } of scan(watch, log, report)) found.push(file.path);
  return { found, report };
}

test("a folder that the agent has no right to does not keep a look from being complete", async () => {
  const { found, report } = await lookAt((folder) => folder);
  expect(found).toEqual(["a.txt"]);
  expect(report).toEqual({ complete: true });
});

test("a watch that the agent has no right to does", async () => {
  const { found, report } = await lookAt((folder) => join(folder, "lost+found"));
  expect(found).toEqual([]);
  expect(report.complete).toBe(false);
  expect(report.problem).toContain("can't be read");
});
