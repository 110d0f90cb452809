import { afterAll, beforeAll, expect, test } from "bun:test";
import { mkdir, mkdtemp, rm, stat, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import {
  layoutPath,
  OutputPaths,
  UnstorableError,
  unstorable,
} from "../../../../agent/downloader/publish/output-path.ts";
import { localDisk } from "../../../support/local-disk.ts";

let output: string;
beforeAll(async () => {
  output = await mkdtemp(join(tmpdir(), "output-path-"));
});
afterAll(() => rm(output, { recursive: true, force: true }));

test("the layout decides whether the uploader is a folder", () => {
  expect(layoutPath("{uploader}/{path}", { uploader: "till", path: "a/b" })).toBe("till/a/b");
  const beside = { uploader: "till~0123456789abcdef", path: "a/b" };
  expect(layoutPath("{uploader}/{path}", beside)).toBe("till/a/b");
  expect(layoutPath("{path}", { uploader: "till", path: "a/b" })).toBe("a/b");
});

test("folders are made where they are missing, and the changed ones are named", async () => {
  const paths = new OutputPaths(localDisk(), output, 0o750);
  expect(await paths.makeFolders("one/two/file")).toEqual(["", "one"]);
  expect((await stat(join(output, "one/two"))).isDirectory()).toBe(true);
  expect(await paths.makeFolders("one/two/other")).toEqual([]);
});

test("a symbolic link on the way is refused, and nothing is made behind it", async () => {
  const outside = await mkdtemp(join(tmpdir(), "outside-"));
  await symlink(outside, join(output, "link"));
  const paths = new OutputPaths(localDisk(), output, 0o755);
  await expect(paths.makeFolders("link/evil/file")).rejects.toThrow(UnstorableError);
  await expect(stat(join(outside, "evil"))).rejects.toThrow();
  await rm(outside, { recursive: true });
});

test("a link that took a folder's place is seen once what was looked at is forgotten", async () => {
  const paths = new OutputPaths(localDisk(), output, 0o755);
  await paths.makeFolders("swapped/file");
  await rm(join(output, "swapped"), { recursive: true });
  await symlink("/tmp", join(output, "swapped"));
  paths.recheck();
  await expect(paths.makeFolders("swapped/file")).rejects.toThrow(UnstorableError);
});

test("a file where a folder must be is refused", async () => {
  await writeFile(join(output, "plain"), "");
  await expect(new OutputPaths(localDisk(), output, 0o755).makeFolders("plain/file")).rejects.toThrow(
    "a file stands where",
  );
});

test("a name that is no UTF-8 goes to the file system byte for byte", async () => {
  const paths = new OutputPaths(localDisk(), output, 0o755);
  expect(paths.native("caf%E9").subarray(-4)).toEqual(Buffer.from([0x63, 0x61, 0x66, 0xe9]));
  await mkdir(paths.native("caf%E9"));
});

test("what the system says about a name is told from what it says about the output", () => {
  const failure = (code: string) => Object.assign(new Error(code), { code });
  expect(unstorable(failure("ENAMETOOLONG"))).toBeInstanceOf(UnstorableError);
  expect(unstorable(failure("EISDIR"))?.message).toContain("a folder has this name");
  expect(unstorable(failure("ENOSPC"))).toBeUndefined();
  expect(unstorable(failure("EROFS"))).toBeUndefined();
  expect(unstorable(new Error("no code"))).toBeUndefined();
});

test.each([
  ["EPERM", /immutable/],
  ["EACCES", /no right to write/],
  ["ENOTDIR", /a file stands where/],
  ["EXDEV", /another file system/],
  ["EBUSY", /is mounted/],
])("of %s the reason is told, and not that the name can't be held", (code, reason) => {
  const message = unstorable(Object.assign(new Error(code), { code }))?.message;
  expect(message).toMatch(reason);
  expect(message).not.toContain("hold this name");
});

test.each(["EDQUOT", "EIO", "ESTALE", "EMFILE", "ENFILE", "ENOTCONN", "EUCLEAN", "ENODEV", "ENOMEM"])(
  "%s is about the output as a whole",
  (code) => {
    expect(unstorable(Object.assign(new Error(code), { code }))).toBeUndefined();
  },
);
