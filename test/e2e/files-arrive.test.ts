import { expect, test } from "bun:test";
import { mkdir, symlink, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { expectSameTree, leftovers, listFiles, run } from "../support/compare.ts";
import { Random } from "../support/random.ts";
import { useScenes } from "../support/scene.ts";
import { oddTree, randomTree, writeTree } from "../support/tree.ts";

const openScene = useScenes();
const chunkBytes = 64 * 1024;

test("a tree of 300 files on 5 levels arrives byte for byte, with its modification times", async () => {
  const scene = await openScene();
  const source = await scene.folder("source");
  const output = await scene.folder("output");
  await writeTree(source, randomTree(11, { count: 300, levels: 5, maxBytes: 40_000 }));
  const agents = [await scene.uploader(source, { name: "till-7" }), await scene.downloader(output)];
  await expectSameTree(source, join(output, "till-7"), agents);
});

test("names with spaces, quotes, newlines, emoji, or bytes that are no UTF-8 arrive the same", async () => {
  const scene = await openScene();
  const source = await scene.folder("source");
  const output = await scene.folder("output");
  await writeTree(source, oddTree(12));
  const agents = [await scene.uploader(source), await scene.downloader(output)];
  await expectSameTree(source, join(output, "uploader"), agents);
  for (const agent of agents) {
    for (const line of agent.output.split("\n").slice(0, -1)) {
      expect(line).toStartWith("[");
      // biome-ignore lint/suspicious/noControlCharactersInRegex: there must be none, whatever the names are
      expect(line).not.toMatch(/[\x00-\x1f\x7f]/);
    }
  }
});

test("files of no bytes, 1 byte, 1 chunk, 1 chunk less and more a byte, and many chunks arrive whole", async () => {
  const scene = await openScene();
  const source = await scene.folder("source");
  const output = await scene.folder("output");
  const random = new Random(13);
  const sizes = [0, 1, chunkBytes - 1, chunkBytes, chunkBytes + 1, 2 * chunkBytes, 20 * chunkBytes + 7];
  const files = sizes.map((bytes) => ({ path: Buffer.from(`${bytes}.bin`), content: random.bytes(bytes) }));
  await writeTree(source, files);
  const uploader = await scene.uploader(source, { uploader: { chunk: chunkBytes } });
  const downloader = await scene.downloader(output);
  await expectSameTree(source, join(output, "uploader"), [uploader, downloader]);
  for (const [bytes, chunks] of [
    [chunkBytes - 1, 1],
    [chunkBytes, 1],
    [chunkBytes + 1, 2],
    [2 * chunkBytes, 2],
  ]) {
    await uploader.waitForLine(new RegExp(`\\] ${bytes}\\.bin: finished ${chunks} chunk uploads$`));
  }
});

test("modification times before 1970 and far in the future arrive to the nanosecond", async () => {
  const scene = await openScene();
  const source = await scene.folder("source");
  const output = await scene.folder("output");
  const times = ["1969-12-31 23:59:59.999999999", "1901-12-14 00:00:00.5", "2261-01-01 00:00:00.000000001"];
  for (const [at, time] of times.entries()) {
    await writeFile(join(source, `${at}.txt`), time);
    await run(["touch", "-d", `${time} UTC`, join(source, `${at}.txt`)]);
  }
  const agents = [await scene.uploader(source), await scene.downloader(output)];
  await expectSameTree(source, join(output, "uploader"), agents);
});

test("with the layout {path} uploaders share one tree, and `as` puts a folder under another", async () => {
  const scene = await openScene();
  const [one, two] = [await scene.folder("one"), await scene.folder("two")];
  const output = await scene.folder("output");
  await writeFile(join(one, "a.txt"), "from one");
  await writeFile(join(two, "b.txt"), "from two");
  const watch = [{ path: two, as: "from/two" }];
  const agents = [
    await scene.uploader(one, { name: "one" }),
    await scene.uploader(two, { name: "two", uploader: { watch } }),
    await scene.downloader(output, { downloader: { layout: "{path}" } }),
  ];
  const wanted = await scene.folder("wanted");
  await run(["cp", "-p", join(one, "a.txt"), wanted]);
  await mkdir(join(wanted, "from/two"), { recursive: true });
  await run(["cp", "-p", join(two, "b.txt"), join(wanted, "from/two")]);
  await expectSameTree(wanted, output, agents);
});

test("hidden files, links, special files and what the globs leave out are not sent", async () => {
  const scene = await openScene();
  const source = await scene.folder("source");
  const output = await scene.folder("output");
  await mkdir(join(source, ".hidden"));
  await mkdir(join(source, "sub"));
  const names = [
    "sent.txt",
    "sub/sent.txt",
    ".secret",
    ".hidden/inside.txt",
    "left.tmp",
    "sub/left.tmp",
    "other.bin",
  ];
  for (const name of names) await writeFile(join(source, name), name);
  await symlink("/etc/passwd", join(source, "link.txt"));
  await symlink("/etc", join(source, "linked"));
  await run(["mkfifo", join(source, "fifo.txt")]);
  const uploader = { watch: [{ path: source, include: ["**/*.txt", "**/*.tmp"], exclude: ["**/*.tmp"] }] };
  const sent = await scene.uploader(source, { uploader, args: ["--once"] });
  expect(await sent.waitForExit()).toBe(0);
  const received = await scene.downloader(output, { args: ["--once"] });
  expect(await received.waitForExit()).toBe(0);
  const paths = (await listFiles(output)).map((line) => line.split(" ")[0]);
  expect(paths).toEqual(["uploader/sent.txt", "uploader/sub/sent.txt"]);
});

test("what is finished leaves nothing in .streamsend, and the uploader nothing in its folder", async () => {
  const scene = await openScene();
  const source = await scene.folder("source");
  const output = await scene.folder("output");
  await writeTree(source, randomTree(14, { count: 30, levels: 3, maxBytes: 300_000 }));
  const before = await run(["find", source]);
  const uploader = await scene.uploader(source, { uploader: { chunk: chunkBytes } });
  const downloader = await scene.downloader(output);
  await expectSameTree(source, join(output, "uploader"), [uploader, downloader]);
  for (const agent of [uploader, downloader]) {
    agent.signal("SIGTERM");
    expect(await agent.waitForExit()).toBe(0);
  }
  expect(await leftovers(output)).toEqual([]);
  expect(await run(["find", source])).toEqual(before);
});
