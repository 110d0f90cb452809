/** A file that is read at once when it is opened, and one that is read by its descriptor: both keep the same promises. */
import { afterEach, describe, expect, jest, spyOn, test } from "bun:test";
import type { FileCalls, FileState } from "../../../../agent/lib/files-below.ts";
import { localFolders } from "../../../../agent/lib/folders.ts";
import { Log } from "../../../../agent/observe/log.ts";
import { FileSystemGate } from "../../../../agent/uploader/access/file-system-gate.ts";
import { Watch } from "../../../../agent/uploader/access/watch.ts";
import { WatchFiles } from "../../../../agent/uploader/access/watch-files.ts";
import { SourceFile } from "../../../../agent/uploader/send/source-file.ts";
import { RunningChecksum } from "../../../../agent/wire/checksum.ts";

afterEach(() => {
  jest.restoreAllMocks();
});

const content = "what is in it";
const regularFile = 0o100644n;
const folder = 0o40755n;

class File {
  bytes = Buffer.from(content);
  state: FileState = {
    ...{ device: 1n, inode: 2n, mode: regularFile, size: BigInt(content.length) },
    ...{ mtime: 10n, ctime: 20n },
  };

  change(state: Partial<FileState>, text = this.bytes.toString()): void {
    this.bytes = Buffer.from(text);
    this.state = { ...this.state, ...state };
  }
}

/** A file system with one file, and what happens to it after each reading. */
class OneFile implements Pick<FileCalls, "open" | "look" | "read" | "close" | "listWriters"> {
  readonly calls: string[] = [];
  file: File | undefined = new File();
  writers: "none" | "some" | "unknown" = "none";
  /** By another program's lease. */
  isRefused = false;
  readonly happening: (() => void)[] = [];
  readonly #opened = new Map<number, File>();

  async open(_place: unknown, mostBytes: number, trusting: boolean) {
    this.calls.push("open");
    const { file, writers } = this;
    if (!file) return undefined;
    const found = { state: file.state, writers, fd: undefined, content: undefined };
    if (this.isRefused) return { ...found, writers: "some" as const };
    if (found.state.size > mostBytes) {
      this.#opened.set(this.calls.length, file);
      return { ...found, fd: this.calls.length };
    }
    if (writers !== "none" && !trusting) return found;
    const bytes = Buffer.from(file.bytes);
    this.happening.shift()?.();
    return { ...found, content: { bytes, ...this.#seen(file) } };
  }

  async read(fd: number, buffer: Buffer, at: number, length: number, position: number) {
    this.calls.push("read");
    const count = this.#opened.get(fd)?.bytes.copy(buffer, at, position, position + length) ?? 0;
    this.happening.shift()?.();
    return count;
  }

  async look(_place: unknown, fd?: number) {
    this.calls.push("look");
    return this.#seen(this.#opened.get(fd ?? -1));
  }

  async close(fd: number) {
    this.calls.push("close");
    this.#opened.delete(fd);
  }

  async listWriters() {
    this.calls.push("list writers");
    return [];
  }

  #seen(opened: File | undefined) {
    return { there: this.file?.state, opened: opened?.state ?? new File().state };
  }
}

async function prepare(mostBytes: number, change: (disk: OneFile) => void = () => undefined) {
  const disk = new OneFile();
  change(disk);
  const log = new Log({ level: "error", format: "text", agent: "test" });
  const watch = new Watch(
    { path: "/watch", as: "", include: ["**/*"], exclude: [], recursive: true, attributes: {} },
    new FileSystemGate("/watch", Number.POSITIVE_INFINITY, log),
  );
  const files = new WatchFiles(disk as unknown as FileCalls, localFolders, mostBytes);
  const source = await SourceFile.open(files, watch.file("file"), "md5");
  if (!source) throw new Error("there is none");
  const readAll = async () =>
    (await source.read(0, content.length, () => Buffer.alloc(content.length))).bytes.toString();
  return { disk, source, readAll };
}

function md5(text: string): string {
  const running = new RunningChecksum("md5");
  running.update(Buffer.from(text));
  return running.value;
}

describe.each([
  ["at once", 100],
  ["by its descriptor", 0],
])("a file that is read %s", (_, mostBytes) => {
  /** What happens after the first reading. */
  const after = (happen: (disk: OneFile, file: File) => void, file = new File()) =>
    prepare(mostBytes, (disk) => {
      disk.file = file;
      disk.happening.push(() => happen(disk, file));
    });

  test("has its content, its checksum and its fingerprint", async () => {
    const { source, readAll } = await prepare(mostBytes);
    expect(await readAll()).toBe(content);
    expect((await source.read(5, 2, () => Buffer.alloc(2))).bytes.toString()).toBe("is");
    expect(await source.checksum()).toBe(md5(content));
    expect(source.isInDoubt).toBe(false);
    expect(source.fingerprint).toEqual({ size: content.length, mtime: "10", ctime: "20", inode: "2" });
    expect(await source.hasChecksum(md5(content))).toBe(true);
    await source.close();
  });

  test.each<[string, (disk: OneFile, file: File) => void, string]>([
    ["grows", (_, file) => file.change({ size: 20n }), "it changed while it was read"],
    ["is written to", (_, file) => file.change({ mtime: 11n, ctime: 21n }), "it changed while it was read"],
    ["is gone", (disk) => Object.assign(disk, { file: undefined }), "it is gone"],
    ["becomes a folder", (disk) => replaced(disk, { mode: folder }), "it was replaced while it was read"],
    ["is replaced", (disk) => replaced(disk, { mtime: 11n }), "it changed while it was read"],
    [
      "is replaced by one of its size and time",
      (disk) => replaced(disk, {}),
      "it was replaced while it was read",
    ],
  ])("has changed when it %s after it was read", async (_what, happen, why) => {
    const { source, readAll } = await after(happen);
    expect(readAll()).rejects.toThrow(why);
    await source.close();
  });

  test("has changed when there is less than its size", async () => {
    const file = new File();
    file.change({}, content.slice(1));
    const { readAll } = await prepare(mostBytes, (disk) => Object.assign(disk, { file }));
    expect(readAll()).rejects.toThrow("it became shorter while it was read");
  });

  test.each<[string, Partial<FileState>]>([
    ["touched", { ctime: 21n }],
    ["numbered anew", { inode: 3n }],
  ])("is read once more when it was %s, and is what it was", async (_what, state) => {
    const { disk, source, readAll } = await after((_, file) => file.change(state));
    expect(await readAll()).toBe(content);
    expect(source.isInDoubt).toBe(true);
    const readings = disk.calls.length;
    expect(await source.checksum()).toBe(md5(content));
    expect(disk.calls.length).toBeGreaterThan(readings);
    expect(source.isInDoubt).toBe(false);
    const { ctime, inode } = { ...new File().state, ...state };
    expect(source.fingerprint).toMatchObject({ ctime: String(ctime), inode: String(inode) });
  });

  test("has changed when it is another one when it is read once more", async () => {
    const { source, readAll } = await after((_, file) => file.change({ ctime: 21n }, "what is at it"));
    expect(await readAll()).toBe(content);
    expect(source.checksum()).rejects.toThrow("its content changed while it was read, though not its size");
    expect(await source.hasChecksum(md5("what is at it"))).toBe(true);
  });

  test("is read again after it has rested, and has changed if it is another one then", async () => {
    const { disk, source, readAll } = await prepare(mostBytes);
    expect(await readAll()).toBe(content);
    await source.rest();
    expect(await readAll()).toBe(content);
    await source.rest();
    disk.file?.change({ ctime: 21n });
    expect(await readAll()).toBe(content);
    expect(source.isInDoubt).toBe(true);
    await source.rest();
    disk.file?.change({ mtime: 11n });
    expect(readAll()).rejects.toThrow("it changed while it was read");
    await source.rest();
    disk.isRefused = true;
    expect(readAll()).rejects.toThrow("another program keeps it from being read");
    disk.file = undefined;
    expect(readAll()).rejects.toThrow("it is gone");
  });

  test("is not read before it is known that nobody writes to it", async () => {
    for (const writers of ["some", "unknown"] as const) {
      let isRead = false;
      const { disk, source, readAll } = await prepare(mostBytes, (disk) => {
        disk.writers = writers;
        disk.happening.push(() => {
          isRead = true;
        });
      });
      expect(await source.isOpenForWriting()).toBe(writers === "some");
      expect(disk.calls).toEqual(writers === "some" ? ["open"] : ["open", "list writers"]);
      expect(isRead).toBe(false);
      // Who does not ask gets it all the same.
      expect(await readAll()).toBe(content);
      expect(isRead).toBe(true);
    }
  });

  test("is open for writing when another program keeps it from being opened", async () => {
    const { source } = await prepare(mostBytes, (disk) => Object.assign(disk, { isRefused: true }));
    expect(await source.isOpenForWriting()).toBe(true);
  });
});

/** Another file stands there. */
function replaced(disk: OneFile, state: Partial<FileState>): void {
  disk.file = new File();
  disk.file.change({ inode: 3n, ...state });
}

test("a small file is one call, whatever is asked of it", async () => {
  const { disk, source, readAll } = await prepare(100);
  await source.isOpenForWriting();
  await source.hasChecksum(md5("another"));
  await readAll();
  await source.checksum();
  await source.rest();
  await source.close();
  expect(disk.calls).toEqual(["open"]);
});

test("a small file that has waited is read anew before it is sent", async () => {
  const { disk, source, readAll } = await prepare(100);
  const readAtMs = performance.now();
  const now = spyOn(performance, "now").mockReturnValue(readAtMs + 900);
  expect(await readAll()).toBe(content);
  expect(disk.calls).toEqual(["open"]);
  now.mockReturnValue(readAtMs + 2000);
  expect(await readAll()).toBe(content);
  expect(disk.calls).toEqual(["open", "open"]);
  disk.file?.change({ mtime: 11n });
  now.mockReturnValue(readAtMs + 4000);
  expect(readAll()).rejects.toThrow("it changed while it was read");
  await source.close();
});
