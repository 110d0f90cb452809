import { afterEach, expect, test } from "bun:test";
import { existsSync, lstatSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Effects } from "../../../agent/lib/effects.ts";
import { LocalDisk } from "../../../agent/lib/local-disk.ts";
import { Log } from "../../../agent/observe/log.ts";
import { FileAccess } from "../../../agent/uploader/file-access.ts";
import { fingerprintOf } from "../../../agent/uploader/fingerprint.ts";
import { deleteSource, moveSource } from "../../../agent/uploader/take-away.ts";
import { Watch } from "../../../agent/uploader/watched-file.ts";
import type { FileValue } from "../../../agent/wire/entry.ts";

const folders: string[] = [];
afterEach(() => {
  for (const folder of folders.splice(0)) rmSync(folder, { recursive: true });
});

/** A disk on which another program does something just before a rename or after it, and where second names can be refused. */
class BusyDisk extends LocalDisk {
  beforeRename: () => void = () => undefined;
  afterRename: () => void = () => undefined;
  hasSecondNames = true;

  override async rename(from: string | Buffer, to: string | Buffer): Promise<void> {
    this.beforeRename();
    this.beforeRename = () => undefined;
    await super.rename(from, to);
    this.afterRename();
  }

  override link(file: string | Buffer, name: string | Buffer): Promise<void> {
    if (!this.hasSecondNames) return Promise.reject(Object.assign(new Error("no links"), { code: "EPERM" }));
    return super.link(file, name);
  }
}

/** A file that was sent, and where it is moved to. */
function prepare() {
  const folder = mkdtempSync(join(tmpdir(), "streamsend-unit-"));
  folders.push(folder);
  const [source, moveTo] = [join(folder, "source"), join(folder, "sent")];
  mkdirSync(source);
  const log = new Log({ level: "error", format: "text", agent: "test" });
  const watch = new Watch(
    { path: source, as: "", include: ["**/*"], exclude: [], recursive: true },
    new FileAccess(source, 1, log),
  );
  const path = join(source, "a.txt");
  writeFileSync(path, "sent");
  const entry: FileValue = {
    format: 1,
    version: 7,
    state: "sent",
    ...fingerprintOf(lstatSync(path, { bigint: true })),
  };
  const disk = new BusyDisk(new Effects(), () => Promise.resolve());
  const replace = (text: string) => {
    rmSync(path);
    writeFileSync(path, text);
  };
  return { disk, file: watch.file("a.txt"), entry, path, moveTo, moved: join(moveTo, "a.txt"), replace };
}

test("what is the version of the entry is moved, or deleted", async () => {
  const { disk, file, entry, path, moveTo, moved } = prepare();
  expect(await moveSource(disk, file, entry, moveTo)).toEqual({ state: "gone", target: moved });
  expect(readFileSync(moved, "utf8")).toBe("sent");
  expect(existsSync(path)).toBe(false);
  const other = prepare();
  expect(await deleteSource(other.disk, other.file, other.entry)).toEqual({
    state: "gone",
    target: undefined,
  });
  expect(existsSync(other.path)).toBe(false);
});

test("another file is left where it is", async () => {
  const { disk, file, entry, path, moveTo, moved, replace } = prepare();
  replace("newer");
  expect(await moveSource(disk, file, entry, moveTo)).toEqual({ state: "other" });
  expect(await deleteSource(disk, file, entry)).toEqual({ state: "other" });
  expect(readFileSync(path, "utf8")).toBe("newer");
  expect(existsSync(moved)).toBe(false);
});

test("what is taken from there at once was moved all the same", async () => {
  const { disk, file, entry, path, moveTo, moved } = prepare();
  disk.afterRename = () => rmSync(moved);
  expect(await moveSource(disk, file, entry, moveTo)).toEqual({ state: "gone", target: moved });
  expect(existsSync(path)).toBe(false);
});

test.each([true, false])(
  "a file that takes its place just before it is moved is put back (with second names: %p)",
  async (hasSecondNames) => {
    const { disk, file, entry, path, moveTo, moved, replace } = prepare();
    disk.hasSecondNames = hasSecondNames;
    disk.beforeRename = () => replace("newer");
    expect(await moveSource(disk, file, entry, moveTo)).toEqual({ state: "putBack" });
    expect(readFileSync(path, "utf8")).toBe("newer");
    expect(existsSync(moved)).toBe(false);
  },
);

test.each([true, false])(
  "if its name is taken again it stays where it is, and nothing is replaced (with second names: %p)",
  async (hasSecondNames) => {
    const { disk, file, entry, path, moveTo, moved, replace } = prepare();
    disk.hasSecondNames = hasSecondNames;
    disk.beforeRename = () => replace("newer");
    const { link } = BusyDisk.prototype;
    disk.link = (...names) => {
      writeFileSync(path, "newest");
      return link.apply(disk, names);
    };
    expect(await moveSource(disk, file, entry, moveTo)).toEqual({ state: "misplaced", target: moved });
    expect(readFileSync(path, "utf8")).toBe("newest");
    expect(readFileSync(moved, "utf8")).toBe("newer");
  },
);
