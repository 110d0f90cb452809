/** What the paths of `send` come to. */
import { afterEach, beforeEach, expect, test } from "bun:test";
import { mkdir, mkdtemp, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { findPaths } from "../../../agent/commands/send-paths.ts";

let root: string;

beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), "streamsend-paths-"));
  for (const folder of ["a/sub", "a/.hidden", "other/sub", "other/more", "twin/twin"])
    await mkdir(join(root, folder), { recursive: true });
  for (const file of ["a/x", "a/.y", "a/sub/z", "other/x", "other/sub/z", "other/w"])
    await writeFile(join(root, file), file);
});

afterEach(() => rm(root, { recursive: true }));

/** Folders as `what>where it arrives`, and what files arrive as. */
async function arrivals(paths: readonly string[], under = "") {
  const all = paths.map((path) => `${root}/${path}`);
  const { watches, files, problems } = await findPaths(all, { under, attributes: {} });
  const folders = watches.filter(({ named }) => !named?.only);
  const said = folders.map(({ path, as }) => `${path.slice(root.length + 1)}>${as}`);
  return { folders: said, files: [...files], problems: problems.map((line) => line.replace(root, "")) };
}

const nothing = { folders: [], files: [], problems: [] };

test("a folder arrives with its name, with a slash as its content, and both if it is named twice", async () => {
  expect(await arrivals(["a"])).toEqual({ ...nothing, folders: ["a>a"] });
  expect(await arrivals(["a/"], "2025")).toEqual({ ...nothing, folders: ["a>2025"] });
  expect(await arrivals(["a/", "a", "a"])).toEqual({ ...nothing, folders: ["a>", "a>a"] });
});

test("what is in a folder whose content is sent is not sent twice, but for what is hidden there", async () => {
  expect(await arrivals(["a/sub", "a/"])).toEqual({ ...nothing, folders: ["a>"] });
  expect(await arrivals(["a/", "a/.hidden", "a/.y"], "u")).toEqual({
    ...nothing,
    folders: ["a>u", "a/.hidden>u/.hidden"],
    files: ["u/.y"],
  });
});

test.each([
  [["a", "other/../a/../other/sub", "a/sub"]],
  [["a/x", "other/x"]],
  [["a/", "other/"]],
  [["a/", "other/x"]],
  [["other/x", "a/"]],
  [["a/", "other/sub"]],
  [["a/", "other/sub/"]],
  [["twin/", "twin"]],
])("what would arrive as one path is refused: %p", async (paths) => {
  await expect(arrivals(paths)).rejects.toThrow("would arrive as one path");
  await expect(arrivals(paths, "under/this")).rejects.toThrow("would arrive as one path");
});

test("beside a folder's content goes what has a name of its own", async () => {
  expect(await arrivals(["a/", "other/w", "other/more"])).toEqual({
    ...nothing,
    folders: ["a>", "other/more>more"],
    files: ["w"],
  });
});

test("what is no file, and what is the system's own, is said, and the others are sent", async () => {
  await symlink("a/x", join(root, "link"));
  await symlink("/proc/self", join(root, "process"));
  expect(await arrivals(["a/x", "link", "nowhere", "process/"])).toEqual({
    ...nothing,
    files: ["x"],
    problems: [
      "/link: is a symbolic link: name the file that it leads to",
      "/nowhere: no such file or folder",
      "/process/: is the system's own",
    ],
  });
  for (const path of ["/", "/proc", "/sys/kernel/"]) {
    const { problems, watches } = await findPaths([path], { under: "", attributes: {} });
    expect([problems, watches]).toEqual([[`${path}: is the system's own`], []]);
  }
});
