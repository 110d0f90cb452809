/** What the agent relies on of a disk: the machine's own and the model's have to answer each of it alike. */
import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import { type Disk, type FilePath, replaceFile } from "../../agent/lib/disk.ts";
import { codeOf } from "../../agent/lib/errors.ts";

export interface DiskFixture extends AsyncDisposable {
  readonly disk: Disk;
  /** The same disk, as another process of the machine has it. */
  readonly other: Disk;
  /** An empty folder there. */
  readonly folder: string;
  /** What `Disk` sets and does not tell. `mtime`: nanoseconds since 1970. */
  inspect(path: string): { mode: number; mtime: bigint };
}

export function diskSuite(name: string, make: () => Promise<DiskFixture>): void {
  describe(name, () => {
    let fixture: DiskFixture;
    let disk: Disk;
    let at: (path: string) => string;

    beforeEach(async () => {
      fixture = await make();
      disk = fixture.disk;
      at = (path) => `${fixture.folder}/${path}`;
    });
    afterEach(() => fixture[Symbol.asyncDispose]());

    const names = async (folder: FilePath = fixture.folder) => (await disk.list(folder)).sort();
    const write = (path: string, text: string) => disk.writeText(at(path), text);
    const read = (path: string) => disk.readText(at(path));
    const inodeOf = async (path: string) => (await disk.look(at(path)))?.inode;
    /** A file, a folder, and nothing. */
    async function fill(): Promise<void> {
      await write("file", "text");
      await disk.makeFolder(at("folder"), 0o755);
      await write("folder/inner", "inner");
    }

    describe("an open file", () => {
      test("is made where it is missing, if it may be", async () => {
        expect(await codeFrom(disk.open(at("file"), false))).toBe("ENOENT");
        expect(await names()).toEqual([]);
        await (await disk.open(at("file"), true)).close();
        expect(await disk.look(at("file"))).toMatchObject({ kind: "file", size: 0 });
        await (await disk.open(at("file"), false)).close();
      });

      test("keeps what it has when it is opened again", async () => {
        await write("file", "text");
        for (const make of [true, false]) await (await disk.open(at("file"), make)).close();
        expect(await read("file")).toBe("text");
      });

      test("is no folder, and is in one", async () => {
        await fill();
        expect(await codeFrom(disk.open(at("folder"), true))).toBe("EISDIR");
        expect(await codeFrom(disk.open(at("missing/file"), true))).toBe("ENOENT");
        expect(await codeFrom(disk.open(at("file/below"), true))).toBe("ENOTDIR");
      });

      test("is written anywhere, with zeros where nothing was", async () => {
        const file = await disk.open(at("file"), true);
        await file.write(Buffer.from("end"), 6);
        await file.write(Buffer.from("be"), 0);
        await file.write(Buffer.from("gi"), 2);
        await file.close();
        expect(await read("file")).toBe("begi\0\0end");
      });

      test("has what was handed over, whatever becomes of the buffer when it is written", async () => {
        const file = await disk.open(at("file"), true);
        const buffer = Buffer.from("right");
        await file.write(buffer, 0);
        buffer.fill("x");
        await file.close();
        expect(await read("file")).toBe("right");
      });

      test("is read from anywhere: as much as there is, and nothing behind its end", async () => {
        await write("file", "0123456789");
        const file = await disk.open(at("file"), false);
        const buffer = Buffer.alloc(8, "-");
        expect(await file.read(buffer, 4, 2)).toBe(4);
        expect(buffer.toString()).toBe("2345----");
        expect(await file.read(buffer, 8, 8)).toBe(2);
        expect(buffer.toString()).toBe("8945----");
        expect(await file.read(buffer, 8, 10)).toBe(0);
        expect(await file.read(buffer, 8, 1000)).toBe(0);
        await file.close();
      });

      test("is extended by zeros only at its end", async () => {
        await write("file", "text");
        const file = await disk.open(at("file"), false);
        expect(await file.extend(2, 8)).toBe(false);
        expect(await read("file")).toBe("text");
        expect(await file.extend(4, 6)).toBe(true);
        expect(await read("file")).toBe("text\0\0");
        expect(await file.extend(7, 9)).toBe(true);
        expect(await read("file")).toBe("text\0\0\0\0\0");
        await file.close();
      });

      test("is the same one under whatever name, and without any", async () => {
        await write("file", "text");
        const file = await disk.open(at("file"), false);
        await disk.rename(at("file"), at("renamed"));
        await file.write(Buffer.from("T"), 0);
        expect(await read("renamed")).toBe("Text");
        await disk.remove(at("renamed"));
        const buffer = Buffer.alloc(4);
        expect(await file.read(buffer, 4, 0)).toBe(4);
        expect(buffer.toString()).toBe("Text");
        await file.close();
        expect(await names()).toEqual([]);
      });

      test("has the mode that it was given, and is opened in spite of it", async () => {
        await write("file", "text");
        const file = await disk.open(at("file"), false);
        await file.chmod(0o440);
        await file.close();
        expect(fixture.inspect(at("file")).mode).toBe(0o440);
        await (await disk.open(at("file"), false)).close();
      });
    });

    describe("looking", () => {
      test("tells a file, a folder and nothing, also below a file", async () => {
        await fill();
        expect(await disk.look(at("file"))).toMatchObject({ kind: "file", size: 4 });
        expect(await disk.look(at("folder"))).toMatchObject({ kind: "folder" });
        expect(await disk.look(at("missing"))).toBeUndefined();
        expect(await disk.look(at("missing/below"))).toBeUndefined();
        expect(await disk.look(at("file/below"))).toBeUndefined();
      });

      test("tells files apart, and is about one file system", async () => {
        await fill();
        const found = await Promise.all(
          ["file", "folder", "folder/inner"].map((path) => disk.look(at(path))),
        );
        expect(new Set(found.map((one) => one?.inode)).size).toBe(3);
        expect(new Set(found.map((one) => one?.device)).size).toBe(1);
      });

      test("tells when a file was changed last", async () => {
        await write("file", "text");
        await disk.setModificationTime(at("file"), 1_744_741_849_202_000_000n);
        expect((await disk.look(at("file")))?.changedMs).toBe(1_744_741_849_202);
        await write("file", "text");
        expect((await disk.look(at("file")))?.changedMs).toBeGreaterThan(1_744_741_849_202);
      });
    });

    describe("a folder", () => {
      test("lists its entries by their own names", async () => {
        await fill();
        await write("a name, 100 % ä", "");
        expect(await names()).toEqual(["a name, 100 % ä", "file", "folder"]);
        expect(await names(at("folder"))).toEqual(["inner"]);
      });

      test("is listed only where there is one", async () => {
        await fill();
        expect(await codeFrom(disk.list(at("missing")))).toBe("ENOENT");
        expect(await codeFrom(disk.list(at("file")))).toBe("ENOTDIR");
      });

      test("is made once, with its mode, in one that is there", async () => {
        await fill();
        await disk.makeFolder(at("made"), 0o711);
        expect(await names(at("made"))).toEqual([]);
        expect(fixture.inspect(at("made")).mode).toBe(0o711);
        expect(await codeFrom(disk.makeFolder(at("made"), 0o755))).toBe("EEXIST");
        expect(await codeFrom(disk.makeFolder(at("file"), 0o755))).toBe("EEXIST");
        expect(await codeFrom(disk.makeFolder(at("missing/folder"), 0o755))).toBe("ENOENT");
        expect(await codeFrom(disk.makeFolder(at("file/folder"), 0o755))).toBe("ENOTDIR");
      });

      test("may be changed, and nothing else may", async () => {
        await fill();
        expect(await disk.mayChange(at("folder"))).toBe(true);
        expect(await disk.mayChange(at("folder/."))).toBe(true);
        for (const path of ["file", "missing", "file/below"])
          expect(await disk.mayChange(at(path))).toBe(false);
      });

      test("has room", async () => {
        expect(await disk.freeBytes(fixture.folder)).toBeGreaterThan(0);
        expect((await disk.freeInodes(fixture.folder)) ?? 1).toBeGreaterThan(0);
        expect(await codeFrom(disk.freeBytes(at("missing")))).toBe("ENOENT");
        expect(await codeFrom(disk.freeInodes(at("missing")))).toBe("ENOENT");
      });
    });

    describe("a small file", () => {
      test("is written whole, again and again, and stays the same one", async () => {
        await write("file", "a longer text: ä");
        const inode = await inodeOf("file");
        expect(await read("file")).toBe("a longer text: ä");
        await write("file", "short");
        expect(await read("file")).toBe("short");
        expect(await inodeOf("file")).toBe(inode);
      });

      test("is not there where nothing is, and a folder is none", async () => {
        await fill();
        expect(await read("missing")).toBeUndefined();
        expect(await read("missing/below")).toBeUndefined();
        expect(await read("file/below")).toBeUndefined();
        expect(await codeFrom(read("folder"))).toBe("EISDIR");
        expect(await codeFrom(write("folder", "text"))).toBe("EISDIR");
        expect(await codeFrom(write("missing/file", "text"))).toBe("ENOENT");
        expect(await codeFrom(write("file/below", "text"))).toBe("ENOTDIR");
      });

      test("is replaced at once, and leaves nothing beside it", async () => {
        await write("file", "before");
        await replaceFile(disk, at("file"), "after", fixture.folder);
        expect(await read("file")).toBe("after");
        expect(await names()).toEqual(["file"]);
      });
    });

    describe("a modification time", () => {
      for (const time of [
        1_744_741_849_202_123_456n,
        1n,
        -1n,
        -86_400_000_000_001n,
        4_102_444_800_000_000_789n,
      ])
        test(`${time} is kept to the nanosecond`, async () => {
          await write("file", "text");
          await disk.setModificationTime(at("file"), time);
          expect(fixture.inspect(at("file")).mtime).toBe(time);
          await disk.rename(at("file"), at("renamed"));
          expect(fixture.inspect(at("renamed")).mtime).toBe(time);
        });

      test("that can't be set is let be", async () => {
        await disk.setModificationTime(at("missing"), 1n);
        expect(await names()).toEqual([]);
      });
    });

    describe("a sync", () => {
      test("is of files and folders that are there", async () => {
        await fill();
        await disk.sync([at("file"), at("folder"), fixture.folder]);
        expect(await codeFrom(disk.sync([at("missing")]))).toBe("ENOENT");
        expect(await codeFrom(disk.sync([at("file/below")]))).toBe("ENOTDIR");
        await disk.sync([]);
      });

      test("is of any number of them", async () => {
        const many = Array.from({ length: 100 }, (_, number) => at(`${number}`));
        for (const path of many) await disk.writeText(path, "text");
        await disk.sync(many);
        expect(await codeFrom(disk.sync([at("missing"), ...many]))).toBe("ENOENT");
      });
    });

    describe("a rename", () => {
      test("replaces a file with the same one under a new name", async () => {
        await write("from", "new");
        await write("to", "old");
        const inode = await inodeOf("from");
        await disk.rename(at("from"), at("to"));
        expect(await names()).toEqual(["to"]);
        expect(await read("to")).toBe("new");
        expect(await inodeOf("to")).toBe(inode);
      });

      test("takes a folder with all that is in it", async () => {
        await fill();
        await disk.rename(at("folder"), at("renamed"));
        expect(await names()).toEqual(["file", "renamed"]);
        expect(await read("renamed/inner")).toBe("inner");
      });

      test("is of something that is there, to a folder that is there", async () => {
        await fill();
        expect(await codeFrom(disk.rename(at("missing"), at("file")))).toBe("ENOENT");
        expect(await codeFrom(disk.rename(at("file"), at("missing/file")))).toBe("ENOENT");
        expect(await codeFrom(disk.rename(at("folder/inner"), at("file/below")))).toBe("ENOTDIR");
        expect([await read("file"), await read("folder/inner")]).toEqual(["text", "inner"]);
      });

      test("replaces no folder by a file, no file by a folder, and no folder that holds something", async () => {
        await fill();
        await disk.makeFolder(at("other"), 0o755);
        expect(await codeFrom(disk.rename(at("file"), at("folder")))).toBe("EISDIR");
        expect(await codeFrom(disk.rename(at("folder"), at("file")))).toBe("ENOTDIR");
        expect(await codeFrom(disk.rename(at("other"), at("folder")))).toBe("ENOTEMPTY");
        expect(await names()).toEqual(["file", "folder", "other"]);
        await disk.rename(at("folder"), at("other"));
        expect(await read("other/inner")).toBe("inner");
      });

      test("between two names of one file does nothing", async () => {
        await write("file", "text");
        await disk.link(at("file"), at("second"));
        await disk.rename(at("file"), at("second"));
        await disk.rename(at("file"), at("file"));
        expect(await names()).toEqual(["file", "second"]);
      });
    });

    describe("a second name", () => {
      test("is the same file's, and stays when the first one goes", async () => {
        await write("file", "text");
        await disk.link(at("file"), at("second"));
        expect(await inodeOf("second")).toBe(await inodeOf("file"));
        await write("second", "changed");
        expect(await read("file")).toBe("changed");
        await disk.remove(at("file"));
        expect(await read("second")).toBe("changed");
      });

      test("is given to a file only, and only where there is none", async () => {
        await fill();
        await write("other", "other");
        expect(await codeFrom(disk.link(at("other"), at("file")))).toBe("EEXIST");
        expect(await codeFrom(disk.link(at("other"), at("folder")))).toBe("EEXIST");
        expect(await codeFrom(disk.link(at("missing"), at("second")))).toBe("ENOENT");
        expect(await codeFrom(disk.link(at("file"), at("missing/second")))).toBe("ENOENT");
        expect(await codeFrom(disk.link(at("folder"), at("second")))).toBe("EPERM");
        expect(await names()).toEqual(["file", "folder", "other"]);
        expect(await read("file")).toBe("text");
      });
    });

    describe("a removal", () => {
      test("is of one name, whether it is there or not", async () => {
        await fill();
        await disk.remove(at("file"));
        for (const path of ["file", "missing/below", "folder/inner/below"]) await disk.remove(at(path));
        expect(await names()).toEqual(["folder"]);
        expect(await read("folder/inner")).toBe("inner");
      });

      test("is of no folder", async () => {
        await fill();
        expect(await codeFrom(disk.remove(at("folder")))).toBe("EISDIR");
        expect(await read("folder/inner")).toBe("inner");
      });
    });

    describe("a name", () => {
      test("of any bytes is another one than that of other bytes", async () => {
        const paths = [[0xff], [0xfe], [0xc3]].map((bytes) =>
          Buffer.concat([Buffer.from(at("")), Buffer.from(bytes)]),
        );
        for (const [number, path] of paths.entries()) await disk.writeText(path, `${number}`);
        expect(await disk.list(fixture.folder)).toEqual(["\ufffd", "\ufffd", "\ufffd"]);
        for (const [number, path] of paths.entries()) expect(await disk.readText(path)).toBe(`${number}`);
        const [first = "", second = ""] = paths;
        await disk.rename(first, second);
        await disk.link(second, at("second"));
        expect([await disk.look(first), await read("second")]).toEqual([undefined, "0"]);
        await disk.remove(second);
        expect((await disk.list(fixture.folder)).sort()).toEqual(["second", "\ufffd"]);
      });

      test("as bytes and as text is the same", async () => {
        await disk.writeText(Buffer.from(at("ä")), "text");
        expect(await read("ä")).toBe("text");
        expect(await names()).toEqual(["ä"]);
      });

      test("has an end", async () => {
        await write("file", "text");
        const long = "ä".repeat(127);
        await write(`${long}b`, "text");
        const longer = at(`${long}bc`);
        const attempts = [
          () => disk.look(longer),
          () => disk.writeText(longer, "text"),
          () => disk.open(longer, true),
          () => disk.rename(at("file"), longer),
          () => disk.link(at("file"), longer),
          () => disk.makeFolder(longer, 0o755),
        ];
        for (const attempt of attempts) expect(await codeFrom(attempt())).toBe("ENAMETOOLONG");
      });
    });

    describe("a lock", () => {
      const lock = (of: Disk, self: string) => of.lock(at("locked"), at("holders"), self);

      test("is one process's, of whom the other is told, until it lets go", async () => {
        await write("locked", "name");
        const mine = await lock(disk, "me, 1");
        expect(mine).toMatchObject({ takenBy: undefined, isTold: true });
        expect(await lock(fixture.other, "the other")).toMatchObject({ takenBy: "me, 1", isTold: false });
        expect((await lock(disk, "me again")).takenBy).toBe("me, 1");
        await mine.release();
        const others = await lock(fixture.other, "the other");
        expect(others.takenBy).toBeUndefined();
        expect((await lock(disk, "me again")).takenBy).toBe("the other");
        expect(await names(at("holders"))).toEqual(["the other"]);
        await others.release();
      });

      test("that was refused takes nothing with it when it is released", async () => {
        await write("locked", "name");
        const mine = await lock(disk, "me");
        await (await lock(fixture.other, "the other")).release();
        expect((await lock(fixture.other, "the other")).takenBy).toBe("me");
        await mine.release();
      });

      test("is on a file that is there, and changes nothing of it", async () => {
        expect(await codeFrom(lock(disk, "me"))).toBe("ENOENT");
        await write("locked", "name");
        await disk.setModificationTime(at("locked"), 1n);
        await (await lock(disk, "me")).release();
        expect(await read("locked")).toBe("name");
        expect(fixture.inspect(at("locked")).mtime).toBe(1n);
      });

      test("is on the file, not on its name", async () => {
        await write("locked", "name");
        const mine = await lock(disk, "me");
        await disk.remove(at("locked"));
        await write("locked", "another");
        const others = await lock(fixture.other, "the other");
        expect(others.takenBy).toBeUndefined();
        for (const one of [mine, others]) await one.release();
      });

      test("is had also where nobody can be told who has it", async () => {
        await write("locked", "name");
        await write("holders", "in the way");
        const mine = await lock(disk, "me");
        expect(mine).toMatchObject({ takenBy: undefined, isTold: false });
        expect((await lock(fixture.other, "the other")).takenBy).toBe("");
        await mine.release();
      });
    });
  });
}

/** The system's code of what it fails with. */
async function codeFrom(call: Promise<unknown>): Promise<string | undefined> {
  return call.then(
    () => "no error",
    (error: unknown) => codeOf(error) ?? String(error),
  );
}
