import { afterEach, expect, test } from "bun:test";
import {
  appendFileSync,
  chmodSync,
  closeSync,
  existsSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Log } from "../../../../agent/observe/log.ts";
import { FileSystemGate } from "../../../../agent/uploader/access/file-system-gate.ts";
import { fingerprintOf } from "../../../../agent/uploader/access/fingerprint.ts";
import { Watch } from "../../../../agent/uploader/access/watch.ts";
import { deleteSource, moveSource } from "../../../../agent/uploader/cleanup/remove-source.ts";
import type { FileValue } from "../../../../agent/wire/entry-value.ts";
import { makeGate } from "../../../support/gate.ts";

const gate = makeGate();
const folders: string[] = [];
afterEach(() => {
  for (const folder of folders.splice(0)) rmSync(folder, { recursive: true });
});

/** A file that was sent, and where it is moved to. */
function prepare(name = "folder/a.txt") {
  const folder = mkdtempSync(join(tmpdir(), "streamsend-unit-"));
  folders.push(folder);
  const [source, moveTo] = [join(folder, "source"), join(folder, "sent")];
  mkdirSync(join(source, "folder"), { recursive: true });
  const log = new Log({ level: "error", format: "text", agent: "test" });
  const watch = new Watch(
    { path: source, as: "", include: ["**/*"], exclude: [], recursive: true, attributes: {} },
    new FileSystemGate(source, 1, log),
  );
  const path = join(source, name);
  writeFileSync(path, "sent");
  const state = () => fingerprintOf(lstatSync(path, { bigint: true }));
  const sent = { topic: "t", partition: 0, offset: 3, checksum: "md5:5d41402abc4b2a76b9719d911017c592" };
  const entry: FileValue = { version: 7, state: "sent", ...state(), ...sent };
  const replace = (text: string) => {
    writeFileSync(`${path}.new`, text);
    renameSync(`${path}.new`, path);
  };
  return {
    folder,
    source,
    file: watch.file(name),
    entry,
    path,
    state,
    moveTo,
    moved: join(moveTo, name),
    replace,
  };
}

test("what is the version of the entry is moved, or deleted", async () => {
  const { file, entry, path, moveTo, moved } = prepare();
  expect(await moveSource(gate, file, entry, moveTo)).toEqual({ state: "gone", target: moved });
  expect(readFileSync(moved, "utf8")).toBe("sent");
  expect(existsSync(path)).toBe(false);
  const other = prepare();
  expect(await deleteSource(gate, other.file, other.entry)).toEqual({ state: "gone", target: undefined });
  expect(existsSync(other.path)).toBe(false);
});

test("another file is left where it is, also one of the same size", async () => {
  for (const text of ["newer", "same"]) {
    const { file, entry, path, moveTo, moved, replace } = prepare();
    replace(text);
    expect(await moveSource(gate, file, entry, moveTo)).toEqual({ state: "other" });
    expect(await deleteSource(gate, file, entry)).toEqual({ state: "other" });
    expect(readFileSync(path, "utf8")).toBe(text);
    expect(existsSync(moved)).toBe(false);
  }
});

test("a name that is taken is not taken away from anybody", async () => {
  const { file, entry, path, moveTo, moved } = prepare();
  mkdirSync(join(moveTo, "folder"), { recursive: true });
  writeFileSync(moved, "of somebody else");
  const target = join(moveTo, "folder/a.~7~.txt");
  expect(await moveSource(gate, file, entry, moveTo)).toEqual({ state: "gone", target });
  expect(readFileSync(moved, "utf8")).toBe("of somebody else");
  expect(readFileSync(target, "utf8")).toBe("sent");
  writeFileSync(path, "sent");
  const again = { ...entry, ...fingerprintOf(lstatSync(path, { bigint: true })) };
  expect(moveSource(gate, file, again, moveTo)).rejects.toThrow(/is there already, and so is this version/);
  expect(readFileSync(path, "utf8")).toBe("sent");
});

test("what somebody has open for writing is left where it is until that is closed", async () => {
  const { file, entry, path, moveTo, moved, state } = prepare();
  const writer = openSync(path, "a");
  expect(await deleteSource(gate, file, entry)).toEqual({ state: "open" });
  expect(await moveSource(gate, file, entry, moveTo)).toEqual({ state: "open" });
  expect(existsSync(moved)).toBe(false);
  appendFileSync(writer, "and more");
  closeSync(writer);
  expect(await deleteSource(gate, file, entry)).toEqual({ state: "other" });
  const reader = openSync(path, "r");
  expect(await moveSource(gate, file, { ...entry, ...state() }, moveTo)).toMatchObject({ state: "gone" });
  closeSync(reader);
  expect(readFileSync(moved, "utf8")).toBe("sentand more");
});

test("behind a folder that became a link nothing is deleted or moved", async () => {
  const { folder, source, file, entry, moveTo } = prepare();
  const elsewhere = join(folder, "elsewhere");
  renameSync(join(source, "folder"), elsewhere);
  symlinkSync(elsewhere, join(source, "folder"));
  expect(await deleteSource(gate, file, entry)).toEqual({ state: "other" });
  expect(await moveSource(gate, file, entry, moveTo)).toEqual({ state: "other" });
  expect(readdirSync(elsewhere)).toEqual(["a.txt"]);
});

test("into a folder that became a link nothing is moved, but move_to itself may be one", async () => {
  const { folder, file, entry, path, moveTo } = prepare();
  const elsewhere = join(folder, "elsewhere");
  mkdirSync(join(elsewhere, "below"), { recursive: true });
  symlinkSync(elsewhere, moveTo);
  symlinkSync("below", join(elsewhere, "folder"));
  expect(moveSource(gate, file, entry, moveTo)).rejects.toThrow(`${moveTo}/folder is in the way: no folder`);
  expect(readdirSync(join(elsewhere, "below"))).toEqual([]);
  rmSync(join(elsewhere, "folder"));
  expect(await moveSource(gate, file, entry, moveTo)).toMatchObject({ state: "gone" });
  expect(existsSync(path)).toBe(false);
  expect(readFileSync(join(elsewhere, "folder/a.txt"), "utf8")).toBe("sent");
});

test("folders are made for everybody, whatever the umask", async () => {
  const { file, entry, moveTo } = prepare();
  const before = process.umask(0o077);
  await moveSource(gate, file, entry, moveTo).finally(() => process.umask(before));
  for (const made of [moveTo, join(moveTo, "folder")]) expect(lstatSync(made).mode & 0o777).toBe(0o755);
});

test("an entry whose inode is no number is no file's", async () => {
  const { file, entry, path } = prepare();
  for (const inode of ["", "x", "-1", "9".repeat(30)])
    expect(await deleteSource(gate, file, { ...entry, inode })).toEqual({ state: "other" });
  expect(existsSync(path)).toBe(true);
});

test("names that are no UTF-8, and files that may not be read any more, are taken away as well", async () => {
  const { file, entry, path, state } = prepare("folder/b\u00e9 %.txt");
  chmodSync(path, 0);
  expect(
    await deleteSource(gate, { ...file, relative: "folder/b\u00e9 %25.txt" }, { ...entry, ...state() }),
  ).toEqual({ state: "gone", target: undefined });
  expect(existsSync(path)).toBe(false);
});
