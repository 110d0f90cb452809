/** What is in a file, what is told of it, and when it is there for good. */
import { describe, expect, test } from "bun:test";
import { replaceFile } from "../../agent/lib/disk.ts";
import { codeFrom, type DiskUse } from "./disk-fixture.ts";

export function contentOfDisk(use: DiskUse): void {
  const { at, names, write, read, inodeOf, fill } = use;

  describe("an open file", () => {
    test("is made where it is missing, if it may be", async () => {
      expect(await codeFrom(use.disk.open(at("file"), false))).toBe("ENOENT");
      expect(await names()).toEqual([]);
      await (await use.disk.open(at("file"), true)).close();
      expect(await use.disk.look(at("file"))).toMatchObject({ kind: "file", size: 0 });
      await (await use.disk.open(at("file"), false)).close();
    });

    test("keeps what it has when it is opened again", async () => {
      await write("file", "text");
      for (const make of [true, false]) await (await use.disk.open(at("file"), make)).close();
      expect(await read("file")).toBe("text");
    });

    test("is no folder, and is in one", async () => {
      await fill();
      expect(await codeFrom(use.disk.open(at("folder"), true))).toBe("EISDIR");
      expect(await codeFrom(use.disk.open(at("missing/file"), true))).toBe("ENOENT");
      expect(await codeFrom(use.disk.open(at("file/below"), true))).toBe("ENOTDIR");
    });

    test("is written anywhere, with zeros where nothing was", async () => {
      const file = await use.disk.open(at("file"), true);
      await file.write(Buffer.from("end"), 6);
      await file.write(Buffer.from("be"), 0);
      await file.write(Buffer.from("gi"), 2);
      await file.close();
      expect(await read("file")).toBe("begi\0\0end");
    });

    test("has what was handed over, whatever becomes of the buffer when it is written", async () => {
      const file = await use.disk.open(at("file"), true);
      const buffer = Buffer.from("right");
      await file.write(buffer, 0);
      buffer.fill("x");
      await file.close();
      expect(await read("file")).toBe("right");
    });

    test("is read from anywhere: as much as there is, and nothing behind its end", async () => {
      await write("file", "0123456789");
      const file = await use.disk.open(at("file"), false);
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
      const file = await use.disk.open(at("file"), false);
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
      const file = await use.disk.open(at("file"), false);
      await use.disk.rename(at("file"), at("renamed"));
      await file.write(Buffer.from("T"), 0);
      expect(await read("renamed")).toBe("Text");
      await use.disk.remove(at("renamed"));
      const buffer = Buffer.alloc(4);
      expect(await file.read(buffer, 4, 0)).toBe(4);
      expect(buffer.toString()).toBe("Text");
      await file.close();
      expect(await names()).toEqual([]);
    });

    test("has the mode that it was given, and is opened in spite of it", async () => {
      await write("file", "text");
      const file = await use.disk.open(at("file"), false);
      await file.chmod(0o440);
      await file.close();
      expect(use.fixture.inspect(at("file")).mode).toBe(0o440);
      await (await use.disk.open(at("file"), false)).close();
    });
  });

  describe("looking", () => {
    test("tells a file, a folder and nothing, also below a file", async () => {
      await fill();
      expect(await use.disk.look(at("file"))).toMatchObject({ kind: "file", size: 4 });
      expect(await use.disk.look(at("folder"))).toMatchObject({ kind: "folder" });
      expect(await use.disk.look(at("missing"))).toBeUndefined();
      expect(await use.disk.look(at("missing/below"))).toBeUndefined();
      expect(await use.disk.look(at("file/below"))).toBeUndefined();
    });

    test("tells files apart, and is about one file system", async () => {
      await fill();
      const found = await Promise.all(
        ["file", "folder", "folder/inner"].map((path) => use.disk.look(at(path))),
      );
      expect(new Set(found.map((one) => one?.inode)).size).toBe(3);
      expect(new Set(found.map((one) => one?.device)).size).toBe(1);
    });

    test("tells when a file was changed last", async () => {
      await write("file", "text");
      await use.disk.setModificationTime(at("file"), 1_744_741_849_202_000_000n);
      expect((await use.disk.look(at("file")))?.changedMs).toBe(1_744_741_849_202);
      await write("file", "text");
      expect((await use.disk.look(at("file")))?.changedMs).toBeGreaterThan(1_744_741_849_202);
    });
  });

  describe("a file that is stored whole", () => {
    const mtime = 1_744_741_849_202_123_456n;

    test("has these bytes, its mode and its time, and is known by its inode", async () => {
      const inode = await use.disk.storeWhole(at("file"), Buffer.from("text"), { mode: 0o440, mtime });
      expect(await read("file")).toBe("text");
      expect(use.fixture.inspect(at("file"))).toMatchObject({ mode: 0o440, mtime });
      expect(await inodeOf("file")).toBe(inode);
    });

    test("has the time of its writing where no other one is given", async () => {
      const before = BigInt(Date.now() - 1000) * 1_000_000n;
      await use.disk.storeWhole(at("file"), Buffer.from("text"), { mode: 0o644, mtime: undefined });
      expect(use.fixture.inspect(at("file")).mtime).toBeGreaterThan(before);
    });

    test("has nothing of what was left there, though that forbids writing and is longer, and is the same one", async () => {
      await write("file", "a longer text");
      const inode = await inodeOf("file");
      const file = await use.disk.open(at("file"), false);
      await file.chmod(0o400);
      await file.close();
      expect(await use.disk.storeWhole(at("file"), Buffer.from("text"), { mode: 0o400, mtime })).toBe(
        inode ?? 0,
      );
      expect(await read("file")).toBe("text");
      expect(use.fixture.inspect(at("file"))).toMatchObject({ mode: 0o400, mtime });
    });

    test("may be empty", async () => {
      await use.disk.storeWhole(at("file"), Buffer.alloc(0), { mode: 0o644, mtime: -1n });
      expect(await read("file")).toBe("");
      expect(use.fixture.inspect(at("file")).mtime).toBe(-1n);
    });

    test("has the bytes as they were when it was asked for", async () => {
      const bytes = Buffer.from("right");
      const stored = use.disk.storeWhole(at("file"), bytes, { mode: 0o644, mtime });
      bytes.fill("x");
      await stored;
      expect(await read("file")).toBe("right");
    });

    test("is no folder, and is in one", async () => {
      await fill();
      const store = (path: string) =>
        use.disk.storeWhole(at(path), Buffer.from("text"), { mode: 0o644, mtime });
      expect(await codeFrom(store("folder"))).toBe("EISDIR");
      expect(await codeFrom(store("missing/file"))).toBe("ENOENT");
      expect(await codeFrom(store("file/below"))).toBe("ENOTDIR");
      expect(await names()).toEqual(["file", "folder"]);
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
      await replaceFile(use.disk, at("file"), "after", use.fixture.folder);
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
        await use.disk.setModificationTime(at("file"), time);
        expect(use.fixture.inspect(at("file")).mtime).toBe(time);
        await use.disk.rename(at("file"), at("renamed"));
        expect(use.fixture.inspect(at("renamed")).mtime).toBe(time);
      });

    test("that can't be set is let be", async () => {
      await use.disk.setModificationTime(at("missing"), 1n);
      expect(await names()).toEqual([]);
    });
  });

  describe("a sync", () => {
    test("is of files and folders that are there", async () => {
      await fill();
      await use.disk.sync([at("file"), at("folder"), use.fixture.folder]);
      expect(await codeFrom(use.disk.sync([at("missing")]))).toBe("ENOENT");
      expect(await codeFrom(use.disk.sync([at("file/below")]))).toBe("ENOTDIR");
      await use.disk.sync([]);
    });

    test("is of any number of them", async () => {
      const many = Array.from({ length: 100 }, (_, number) => at(`${number}`));
      for (const path of many) await use.disk.writeText(path, "text");
      await use.disk.sync(many);
      expect(await codeFrom(use.disk.sync([at("missing"), ...many]))).toBe("ENOENT");
    });
  });
}
