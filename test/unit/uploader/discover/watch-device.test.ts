import { afterEach, expect, test } from "bun:test";
import { mkdtempSync, rmSync, statSync, symlinkSync, unlinkSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Log } from "../../../../agent/observe/log.ts";
import { FileSystemGate } from "../../../../agent/uploader/access/file-system-gate.ts";
import { WatchDevice } from "../../../../agent/uploader/discover/watch-device.ts";

const folders: string[] = [];
afterEach(() => {
  for (const folder of folders.splice(0)) rmSync(folder, { recursive: true });
});

function deviceOf(path: string): WatchDevice {
  const log = new Log({ level: "error", format: "text", agent: "test" });
  return new WatchDevice(path, new FileSystemGate(path, Number.POSITIVE_INFINITY, log));
}

test("a watch that is a link is on the device that it leads to, and on none that is known when it leads nowhere", async () => {
  const folder = mkdtempSync(join(tmpdir(), "streamsend-unit-"));
  folders.push(folder);
  const link = join(folder, "link");
  // Another device than the link's own, everywhere.
  symlinkSync("/proc", link);
  const device = deviceOf(link);
  expect(await device.now()).toBe(statSync("/proc", { bigint: true }).dev);
  unlinkSync(link);
  symlinkSync(join(folder, "missing"), link);
  expect(device.isKnown(await device.now())).toBe(false);
});
