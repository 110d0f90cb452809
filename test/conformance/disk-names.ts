/** Names: which there are, how they come and go, and who has the lock on one. */
import { describe, expect, test } from "bun:test";
import type { Disk } from "../../agent/lib/disk.ts";
import { codeFrom, type DiskUse } from "./disk-fixture.ts";

export function namesOnDisk(use: DiskUse): void {
  const { at, names, write, read, inodeOf, fill } = use;

  describe("a folder", () => {
    test("lists its entries by their own names", async () => {
      await fill();
      await write("a name, 100 % ä", "");
      expect(await names()).toEqual(["a name, 100 % ä", "file", "folder"]);
      expect(await names(at("folder"))).toEqual(["inner"]);
    });

    test("is listed only where there is one", async () => {
      await fill();
      expect(await codeFrom(use.disk.list(at("missing")))).toBe("ENOENT");
      expect(await codeFrom(use.disk.list(at("file")))).toBe("ENOTDIR");
    });

    test("is made once, with its mode, in one that is there", async () => {
      await fill();
      await use.disk.makeFolder(at("made"), 0o711);
      expect(await names(at("made"))).toEqual([]);
      expect(use.fixture.inspect(at("made")).mode).toBe(0o711);
      expect(await codeFrom(use.disk.makeFolder(at("made"), 0o755))).toBe("EEXIST");
      expect(await codeFrom(use.disk.makeFolder(at("file"), 0o755))).toBe("EEXIST");
      expect(await codeFrom(use.disk.makeFolder(at("missing/folder"), 0o755))).toBe("ENOENT");
      expect(await codeFrom(use.disk.makeFolder(at("file/folder"), 0o755))).toBe("ENOTDIR");
    });

    test("may be changed, and nothing else may", async () => {
      await fill();
      expect(await use.disk.mayChange(at("folder"))).toBe(true);
      expect(await use.disk.mayChange(at("folder/."))).toBe(true);
      for (const path of ["file", "missing", "file/below"])
        expect(await use.disk.mayChange(at(path))).toBe(false);
    });

    test("has room", async () => {
      expect(await use.disk.freeBytes(use.fixture.folder)).toBeGreaterThan(0);
      expect(await use.disk.blockBytes(use.fixture.folder)).toBeGreaterThan(0);
      expect((await use.disk.freeInodes(use.fixture.folder)) ?? 1).toBeGreaterThan(0);
      expect(await codeFrom(use.disk.freeBytes(at("missing")))).toBe("ENOENT");
      expect(await codeFrom(use.disk.blockBytes(at("missing")))).toBe("ENOENT");
      expect(await codeFrom(use.disk.freeInodes(at("missing")))).toBe("ENOENT");
    });
  });

  describe("a rename", () => {
    test("replaces a file with the same one under a new name", async () => {
      await write("from", "new");
      await write("to", "old");
      const inode = await inodeOf("from");
      await use.disk.rename(at("from"), at("to"));
      expect(await names()).toEqual(["to"]);
      expect(await read("to")).toBe("new");
      expect(await inodeOf("to")).toBe(inode);
    });

    test("takes a folder with all that is in it", async () => {
      await fill();
      await use.disk.rename(at("folder"), at("renamed"));
      expect(await names()).toEqual(["file", "renamed"]);
      expect(await read("renamed/inner")).toBe("inner");
    });

    test("is of something that is there, to a folder that is there", async () => {
      await fill();
      expect(await codeFrom(use.disk.rename(at("missing"), at("file")))).toBe("ENOENT");
      expect(await codeFrom(use.disk.rename(at("file"), at("missing/file")))).toBe("ENOENT");
      expect(await codeFrom(use.disk.rename(at("folder/inner"), at("file/below")))).toBe("ENOTDIR");
      expect([await read("file"), await read("folder/inner")]).toEqual(["text", "inner"]);
    });

    test("replaces no folder by a file, no file by a folder, and no folder that holds something", async () => {
      await fill();
      await use.disk.makeFolder(at("other"), 0o755);
      expect(await codeFrom(use.disk.rename(at("file"), at("folder")))).toBe("EISDIR");
      expect(await codeFrom(use.disk.rename(at("folder"), at("file")))).toBe("ENOTDIR");
      expect(await codeFrom(use.disk.rename(at("other"), at("folder")))).toBe("ENOTEMPTY");
      expect(await names()).toEqual(["file", "folder", "other"]);
      await use.disk.rename(at("folder"), at("other"));
      expect(await read("other/inner")).toBe("inner");
    });

    test("between two names of one file does nothing", async () => {
      await write("file", "text");
      await use.disk.link(at("file"), at("second"));
      await use.disk.rename(at("file"), at("second"));
      await use.disk.rename(at("file"), at("file"));
      expect(await names()).toEqual(["file", "second"]);
    });
  });

  describe("a second name", () => {
    test("is the same file's, and stays when the first one goes", async () => {
      await write("file", "text");
      await use.disk.link(at("file"), at("second"));
      expect(await inodeOf("second")).toBe(await inodeOf("file"));
      await write("second", "changed");
      expect(await read("file")).toBe("changed");
      await use.disk.remove(at("file"));
      expect(await read("second")).toBe("changed");
    });

    test("is given to a file only, and only where there is none", async () => {
      await fill();
      await write("other", "other");
      expect(await codeFrom(use.disk.link(at("other"), at("file")))).toBe("EEXIST");
      expect(await codeFrom(use.disk.link(at("other"), at("folder")))).toBe("EEXIST");
      expect(await codeFrom(use.disk.link(at("missing"), at("second")))).toBe("ENOENT");
      expect(await codeFrom(use.disk.link(at("file"), at("missing/second")))).toBe("ENOENT");
      expect(await codeFrom(use.disk.link(at("folder"), at("second")))).toBe("EPERM");
      expect(await names()).toEqual(["file", "folder", "other"]);
      expect(await read("file")).toBe("text");
    });
  });

  describe("a removal", () => {
    test("is of one name, whether it is there or not", async () => {
      await fill();
      await use.disk.remove(at("file"));
      for (const path of ["file", "missing/below", "folder/inner/below"]) await use.disk.remove(at(path));
      expect(await names()).toEqual(["folder"]);
      expect(await read("folder/inner")).toBe("inner");
    });

    test("is of no folder", async () => {
      await fill();
      expect(await codeFrom(use.disk.remove(at("folder")))).toBe("EISDIR");
      expect(await read("folder/inner")).toBe("inner");
    });
  });

  describe("a name", () => {
    test("of any bytes is another one than that of other bytes", async () => {
      const paths = [[0xff], [0xfe], [0xc3]].map((bytes) =>
        Buffer.concat([Buffer.from(at("")), Buffer.from(bytes)]),
      );
      for (const [number, path] of paths.entries()) await use.disk.writeText(path, `${number}`);
      expect(await use.disk.list(use.fixture.folder)).toEqual(["\ufffd", "\ufffd", "\ufffd"]);
      for (const [number, path] of paths.entries()) expect(await use.disk.readText(path)).toBe(`${number}`);
      const [first = "", second = ""] = paths;
      await use.disk.rename(first, second);
      await use.disk.link(second, at("second"));
      expect([await use.disk.look(first), await read("second")]).toEqual([undefined, "0"]);
      await use.disk.remove(second);
      expect((await use.disk.list(use.fixture.folder)).sort()).toEqual(["second", "\ufffd"]);
    });

    test("as bytes and as text is the same", async () => {
      await use.disk.writeText(Buffer.from(at("ä")), "text");
      expect(await read("ä")).toBe("text");
      expect(await names()).toEqual(["ä"]);
    });

    test("has an end", async () => {
      await write("file", "text");
      const long = "ä".repeat(127);
      await write(`${long}b`, "text");
      const longer = at(`${long}bc`);
      const attempts = [
        () => use.disk.look(longer),
        () => use.disk.writeText(longer, "text"),
        () => use.disk.open(longer, true),
        () => use.disk.rename(at("file"), longer),
        () => use.disk.link(at("file"), longer),
        () => use.disk.makeFolder(longer, 0o755),
      ];
      for (const attempt of attempts) expect(await codeFrom(attempt())).toBe("ENAMETOOLONG");
    });
  });

  describe("a lock", () => {
    const lock = (of: Disk, self: string) => of.lock(at("locked"), at("holders"), self);

    test("is one process's, of whom the other is told, until it lets go", async () => {
      await write("locked", "name");
      const mine = await lock(use.disk, "me, 1");
      expect(mine).toMatchObject({ takenBy: undefined, isTold: true });
      expect(await lock(use.fixture.other, "the other")).toMatchObject({ takenBy: "me, 1", isTold: false });
      expect((await lock(use.disk, "me again")).takenBy).toBe("me, 1");
      await mine.release();
      const others = await lock(use.fixture.other, "the other");
      expect(others.takenBy).toBeUndefined();
      expect((await lock(use.disk, "me again")).takenBy).toBe("the other");
      expect(await names(at("holders"))).toEqual(["the other"]);
      await others.release();
    });

    test("that was refused takes nothing with it when it is released", async () => {
      await write("locked", "name");
      const mine = await lock(use.disk, "me");
      await (await lock(use.fixture.other, "the other")).release();
      expect((await lock(use.fixture.other, "the other")).takenBy).toBe("me");
      await mine.release();
    });

    test("is on a file that is there, and changes nothing of it", async () => {
      expect(await codeFrom(lock(use.disk, "me"))).toBe("ENOENT");
      await write("locked", "name");
      await use.disk.setModificationTime(at("locked"), 1n);
      await (await lock(use.disk, "me")).release();
      expect(await read("locked")).toBe("name");
      expect(use.fixture.inspect(at("locked")).mtime).toBe(1n);
    });

    test("is on the file, not on its name", async () => {
      await write("locked", "name");
      const mine = await lock(use.disk, "me");
      await use.disk.remove(at("locked"));
      await write("locked", "another");
      const others = await lock(use.fixture.other, "the other");
      expect(others.takenBy).toBeUndefined();
      for (const one of [mine, others]) await one.release();
    });

    test("is had also where nobody can be told who has it", async () => {
      await write("locked", "name");
      await write("holders", "in the way");
      const mine = await lock(use.disk, "me");
      expect(mine).toMatchObject({ takenBy: undefined, isTold: false });
      expect((await lock(use.fixture.other, "the other")).takenBy).toBe("");
      await mine.release();
    });
  });
}
