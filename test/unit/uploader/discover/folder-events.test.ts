import { afterEach, expect, test } from "bun:test";
import {
  appendFileSync,
  mkdirSync,
  mkdtempSync,
  renameSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { localFolders } from "../../../../agent/lib/folders.ts";
import { Log } from "../../../../agent/observe/log.ts";
import { FileSystemGate } from "../../../../agent/uploader/access/file-system-gate.ts";
import { Watch } from "../../../../agent/uploader/access/watch.ts";
import { FolderEvents } from "../../../../agent/uploader/discover/folder-events.ts";
import { type ScanListener, scan } from "../../../../agent/uploader/discover/scan.ts";
import { waitUntil } from "../../../support/wait.ts";

const closing: (() => void)[] = [];
afterEach(() => {
  for (const close of closing.splice(0)) close();
});

/** A folder with a folder in it, and its events. `look` is a look at all of it, or at a part. */
async function prepare() {
  const root = mkdtempSync(join(tmpdir(), "streamsend-unit-"));
  mkdirSync(join(root, "a"));
  const happened = new Map<string, boolean>();
  const folders = new Set<string>();
  const hooks = { lost: 0, beforeTold: () => Promise.resolve() };
  const events = new FolderEvents(localFolders, {
    onPath: (relative, touched) => happened.set(relative, touched || happened.get(relative) === true),
    onFolder: (relative) => folders.add(relative),
    onLost: () => hooks.lost++,
  });
  expect(events.open()).toBe(0);
  closing.push(() => {
    events.close();
    rmSync(root, { recursive: true });
  });
  const log = new Log({ level: "error", format: "text", agent: "test" });
  const config = { path: root, as: "", include: ["**/*"], exclude: [], recursive: true, attributes: {} };
  const watch = new Watch(config, new FileSystemGate(root, 1, log));
  const look = async (from = "") => {
    const told: [number, string][] = [];
    const listener: ScanListener = {
      isKnown: () => true,
      isSentAs: () => false,
      unwanted: () => undefined,
      folder: (relative, descriptor) => told.push([descriptor, relative]),
      unreadable: () => undefined,
    };
    if (from === "") events.beginLook();
    for await (const _ of scan(watch, listener, { from, inotify: events.inotify }));
    await hooks.beforeTold();
    for (const [descriptor, relative] of told) events.watched(descriptor, relative);
    if (from === "") events.endLook(true);
  };
  await look();
  const waitFor = (path: string) => waitUntil(`an event of ${path}`, () => happened.has(path));
  return { root, look, happened, folders, hooks, waitFor };
}

test("what happens in any folder is told of, by the file's own path", async () => {
  const { root, happened, waitFor } = await prepare();
  for (const path of ["file", "a/file", "a/a", "a/%FF%FE.txt"]) {
    const name = path.replaceAll("%FF%FE", "\xff\xfe");
    writeFileSync(Buffer.from(join(root, name), "latin1"), "content");
    await waitFor(path);
    expect(happened.get(path)).toBe(true);
  }
  writeFileSync(join(root, ".hidden"), "");
  renameSync(join(root, ".hidden"), join(root, "shown"));
  await waitFor("shown");
  expect([...happened.keys()].sort()).toEqual(["a/%FF%FE.txt", "a/a", "a/file", "file", "shown"]);
});

test("a folder that comes is told of, and what happens in it once it was looked at", async () => {
  const { root, look, folders, waitFor } = await prepare();
  mkdirSync(join(root, "a", "new"));
  await waitUntil("it is told of", () => folders.has("a/new"));
  await look("a/new");
  writeFileSync(join(root, "a", "new", "file"), "content");
  await waitFor("a/new/file");
});

test("what happens between a folder being watched and being told of is not lost", async () => {
  const { root, look, hooks, happened, waitFor } = await prepare();
  mkdirSync(join(root, "b"));
  hooks.beforeTold = async () => {
    writeFileSync(join(root, "b", "early"), "content");
    writeFileSync(join(root, "last"), "content");
    // Its event comes after the other one's.
    await waitFor("last");
    expect(happened.has("b/early")).toBe(false);
  };
  await look("b");
  expect(happened.get("b/early")).toBe(true);
});

test("a folder that was renamed has its new name once it was looked at, and one that left has no events", async () => {
  const { root, look, folders, happened, waitFor } = await prepare();
  renameSync(join(root, "a"), join(root, "b"));
  await waitUntil("it is told of", () => folders.has("b"));
  await look("b");
  writeFileSync(join(root, "b", "file"), "content");
  await waitFor("b/file");
  const away = mkdtempSync(join(tmpdir(), "streamsend-unit-"));
  closing.push(() => rmSync(away, { recursive: true }));
  renameSync(join(root, "b"), join(away, "b"));
  writeFileSync(join(root, "one"), "");
  await waitFor("one");
  appendFileSync(join(away, "b", "file2"), "content");
  writeFileSync(join(root, "two"), "");
  await waitFor("two");
  expect([...happened.keys()].filter((path) => path.endsWith("file2"))).toEqual([]);
});

test("a link in a folder's place is not entered", async () => {
  const { root, look, waitFor, happened } = await prepare();
  const away = mkdtempSync(join(tmpdir(), "streamsend-unit-"));
  closing.push(() => rmSync(away, { recursive: true }));
  symlinkSync(away, join(root, "link"));
  await look("link");
  await look();
  writeFileSync(join(away, "secret"), "content");
  writeFileSync(join(root, "last"), "content");
  await waitFor("last");
  expect([...happened.keys()].filter((path) => path.includes("secret"))).toEqual([]);
});

test("when the watched folder itself goes, a full look is asked for", async () => {
  const { root, hooks } = await prepare();
  renameSync(root, `${root}-gone`);
  mkdirSync(root);
  closing.push(() => rmSync(`${root}-gone`, { recursive: true }));
  await waitUntil("a full look is asked for", () => hooks.lost > 0);
});
