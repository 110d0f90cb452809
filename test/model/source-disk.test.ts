/** The simulated disk of a watch against the real one: both have to answer alike, or the model proves nothing of uploaders. */
import { afterEach, describe, expect, test } from "bun:test";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { FileEntries } from "../../agent/ledger/uploader/file-entries.ts";
import { Effects } from "../../agent/lib/effects.ts";
import { type FileCalls, type FileState, FilesBelow, type Place } from "../../agent/lib/files-below.ts";
import { type Folders, localFolders } from "../../agent/lib/folders.ts";
import { native } from "../../agent/native/load-native.ts";
import { Log } from "../../agent/observe/log.ts";
import { FileSystemGate } from "../../agent/uploader/access/file-system-gate.ts";
import { fingerprintOf, fingerprintOfState } from "../../agent/uploader/access/fingerprint.ts";
import { Watch } from "../../agent/uploader/access/watch.ts";
import { FolderEvents } from "../../agent/uploader/discover/folder-events.ts";
import {
  isGone,
  lookAt,
  type ScanListener,
  type Sighting,
  scan,
} from "../../agent/uploader/discover/scan.ts";
import { Random } from "../support/random.ts";
import { waitUntil } from "../support/wait.ts";
import { SourceDisk } from "./source-disk.ts";
import { Process, Turns } from "./turns.ts";
import { watchFolder } from "./watched-folders.ts";

interface Disk {
  root: string;
  moveTo: string;
  files: FileCalls;
  folders: Folders;
  put(path: string, text: string): void;
}

const closing: (() => void)[] = [];
afterEach(() => {
  for (const close of closing.splice(0)) close();
});

function realDisk(): Disk {
  const folder = mkdtempSync(join(tmpdir(), "streamsend-model-"));
  closing.push(() => rmSync(folder, { recursive: true }));
  const root = join(folder, "watch");
  mkdirSync(root);
  const put = (path: string, text: string) => {
    mkdirSync(dirname(join(root, path)), { recursive: true });
    writeFileSync(join(root, path), text);
  };
  const files = new FilesBelow(native, new Effects());
  return { root, moveTo: join(folder, "moved"), files, folders: localFolders, put };
}

function simulatedDisk(): Disk {
  const turns = new Turns(new Random(1));
  const process = new Process("till");
  const none = () => undefined;
  const disk = new SourceDisk(turns, new Random(1), { takingAway: none, called: none });
  let isOver = false;
  closing.push(() => {
    isOver = true;
  });
  const goOn = async () => {
    while (!isOver) if (!(await turns.step())) await Bun.sleep(1);
  };
  void goOn();
  return {
    root: watchFolder,
    moveTo: "/moved",
    files: disk.for(process),
    folders: disk.folders.for(process),
    put: (path, text) => disk.put(path, Buffer.from(text), false),
  };
}

function watchOf({ root, folders }: Disk): Watch {
  const config = { path: root, as: "", include: ["**/*"], exclude: [], recursive: true, attributes: {} };
  const log = new Log({ level: "error", format: "text", agent: "test" });
  return new Watch(config, new FileSystemGate(root, 8, log), folders);
}

function listener(folder: ScanListener["folder"] = () => undefined): ScanListener {
  const unreadable = (relative: string, error: Error) => {
    throw new Error(`${relative}: ${error.message}`);
  };
  return { isKnown: () => false, isSentAs: () => false, unwanted: () => undefined, folder, unreadable };
}

const expectedOf = (state: FileState | undefined) => {
  if (!state) throw new Error("nothing is there");
  return fingerprintOfState(state);
};

describe.each([
  ["real", realDisk],
  ["simulated", simulatedDisk],
] as const)("the %s disk", (_name, make) => {
  test("is looked at whole, or at single paths", async () => {
    const disk = make();
    for (const path of ["a", ".hidden", "folder/b", "folder/deeper/c"]) disk.put(path, path);
    const watch = watchOf(disk);
    const found: [string, number][] = [];
    for await (const { file, stats } of scan(watch, listener()))
      found.push([file.relative, Number(stats.size)]);
    expect(found.sort()).toEqual([
      ["a", 1],
      ["folder/b", 8],
      ["folder/deeper/c", 15],
    ]);
    const paths = ["a", "folder", "none", "a/below"];
    const seen = await lookAt(
      watch,
      paths.map((path) => watch.file(path)),
    );
    expect(seen.map(({ kind }) => kind)).toEqual(["file", "folder", "gone", "gone"]);
    const gone = await Promise.all(paths.map((path) => isGone(watch, path)));
    expect(gone).toEqual([false, true, true, true]);
    expect(await watch.device.now()).toBe(seen[0]?.stats.dev);
  });

  test("shows a file in the numbers that its entry has, until it is another one", async () => {
    const disk = make();
    const [watch, entries] = [watchOf(disk), new FileEntries()];
    for (const path of ["a", "folder/b", "folder/100%", "folder/größe", "folder/c", "größe/d"])
      disk.put(path, path);
    const look = async () => {
      const others: Sighting[] = [];
      const isSentAs: ScanListener["isSentAs"] = (path, seen) => entries.isSentAs(path, seen, 1);
      for await (const one of scan(watch, { ...listener(), isSentAs })) others.push(one);
      return others;
    };
    const where = { topic: "topic", partition: 0, offset: 1, checksum: `md5:${"0".repeat(32)}` };
    for (const { file, stats } of await look())
      entries.set(file.path, { version: 1, state: "sent", ...fingerprintOf(stats), ...where }, 0);
    expect(await look()).toEqual([]);
    disk.put("a", "22");
    expect((await look()).map(({ file }) => file.path)).toEqual(["a"]);
  });

  test("has marks that tell states of a file apart", async () => {
    const disk = make();
    const watch = watchOf(disk);
    const marks = async () =>
      (await lookAt(watch, [watch.file("a")])).map(({ all, content }) => [all, content]);
    disk.put("a", "1");
    const first = await marks();
    expect(await marks()).toEqual(first);
    disk.put("a", "22");
    const second = await marks();
    expect(second[0]?.[0]).not.toEqual(first[0]?.[0]);
    expect(second[0]?.[1]).not.toEqual(first[0]?.[1]);
  });

  test("gives a file to read, and takes it away only if it is the one that is expected", async () => {
    const disk = make();
    const { files } = disk;
    const place = (relative: string): Place => ({
      root: Buffer.from(disk.root),
      relative: Buffer.from(relative),
    });
    const target = (relative: string): Place => ({
      root: Buffer.from(disk.moveTo),
      relative: Buffer.from(relative),
    });
    disk.put("folder/a", "hello");
    expect(await files.open(place("none"), 5, false)).toBeUndefined();
    expect(await files.open(place("folder"), 5, false)).toBeUndefined();
    const small = await files.open(place("folder/a"), 5, false);
    expect(small).toMatchObject({ fd: undefined, writers: "none" });
    const seen = { there: small?.state, opened: small?.state as FileState };
    expect(small?.content).toEqual({ bytes: Buffer.from("hello"), ...seen });
    const { fd, state } = (await files.open(place("folder/a"), 4, false)) ?? {};
    const buffer = Buffer.alloc(5);
    expect(await files.read(fd ?? -1, buffer, 1, 4, 1)).toBe(4);
    expect(buffer.toString()).toBe("\0ello");
    expect(await files.read(fd ?? -1, buffer, 0, 5, 5)).toBe(0);
    const looked = await files.look(place("folder/a"), fd);
    expect(looked).toEqual({ there: state, opened: state as FileState });
    await files.close(fd ?? -1);
    const expected = expectedOf(state);
    expect(await files.remove(place("folder/a"), { ...expected, size: 4 }, true)).toBe("other");
    expect(await files.remove(place("none"), expected, true)).toBe("other");
    expect(await files.move(place("folder/a"), expected, true, target("x/a"))).toBe("noFolder");
    expect(await files.makeFolders(target("x/a"))).toBe(0);
    expect(await files.move(place("folder/a"), expected, true, target("x/a"))).toBe("done");
    disk.put("folder/a", "other");
    const other = expectedOf((await files.look(place("folder/a"))).there);
    expect(await files.move(place("folder/a"), other, true, target("x/a"))).toBe("taken");
    expect(await files.makeFolders(target("x/a/below"))).toBe(2);
    expect(await files.remove(place("folder/a"), other, true)).toBe("done");
    expect((await files.look(place("folder/a"))).there).toBeUndefined();
  });

  test("tells of what happens in folders that were looked at", async () => {
    const disk = make();
    disk.put("folder/a", "1");
    const told = new Map<string, boolean>();
    const options = {
      onPath: (path: string, touched: boolean) => void told.set(path, touched),
      onFolder: (path: string) => void told.set(`${path}/`, true),
      onLost: () => void told.set("lost", true),
    };
    const events = new FolderEvents(disk.folders, options);
    closing.unshift(() => events.close());
    expect(events.open()).toBe(0);
    events.beginLook();
    const watched = listener((relative, descriptor) => events.watched(descriptor, relative));
    for await (const _ of scan(watchOf(disk), watched, { from: "", inotify: events.inotify }));
    events.endLook(true);
    disk.put("folder/b", "2");
    disk.put("new/c", "3");
    await waitUntil("it is told", async () => told.get("folder/b") === true && told.has("new/"));
    expect(told.has("lost")).toBe(false);
  });
});
