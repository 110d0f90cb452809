import { afterAll, beforeAll, expect, test } from "bun:test";
import { link, mkdir, mkdtemp, readdir, readFile, rm, unlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { OutputPaths } from "../../../../agent/downloader/publish/output-path.ts";
import { nameAll } from "../../../../agent/downloader/publish/rename.ts";
import { OpenFiles } from "../../../../agent/downloader/store/open-files.ts";
import { Store } from "../../../../agent/downloader/store/store.ts";
import type { Disk } from "../../../../agent/lib/disk.ts";
import { localDisk } from "../../../support/local-disk.ts";

const self = { agent: "inbox", host: "here", pid: 1, group: "group", session: "1" };
let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "publish-"));
});
const stores: Store[] = [];
afterAll(async () => {
  for (const store of stores) await store.close();
  await rm(folder, { recursive: true, force: true });
});

/** An output with these files, and a version on its way to `till/report.csv`. */
async function prepare(name: string, standing: Record<string, string>, path = "report.csv") {
  const output = join(folder, name);
  await mkdir(join(output, "till"), { recursive: true });
  const at = (file: string) => join(output, "till", file);
  for (const [file, content] of Object.entries(standing)) await writeFile(at(file), content);
  const disk: Disk = localDisk();
  const store = new Store(output, new OpenFiles(disk), self);
  stores.push(store);
  await store.open();
  const id = { uploader: "till", path, version: 1_700_000_000_000_000, partition: 0 };
  const publication = { ...id, size: 3, checksum: "", partial: "1-a", target: `till/${path}` };
  await writeFile(store.partialPath(publication), "new");
  const publish = async (keeps: number | undefined, used: Disk = disk) => {
    const options = { store, paths: new OutputPaths(used, output, 0o755), disk: used };
    return (await nameAll(options, [{ ...publication, ...(keeps === undefined ? {} : { keeps }) }])).map(
      ({ state }) => state,
    );
  };
  const contents = async () => {
    const files = (await readdir(join(output, "till"))).sort();
    return Object.fromEntries(
      await Promise.all(files.map(async (file) => [file, await readFile(at(file), "utf8")])),
    );
  };
  return { disk, at, publish, contents, partial: store.partialPath(publication) };
}

test("a version gets its name by one call of the disk, where its folders are there and nothing is kept", async () => {
  const { disk, publish, contents } = await prepare("calls", { "report.csv": "old" });
  const calls: string[] = [];
  const counting = new Proxy(disk, {
    get: (target, name: keyof Disk) => {
      const method = (target[name] as (...args: unknown[]) => unknown).bind(target);
      return (...args: unknown[]) => {
        calls.push(name);
        return method(...args);
      };
    },
  });
  expect(await publish(undefined, counting)).toEqual(["named"]);
  // The folder is looked at once for all files in it.
  expect(calls).toEqual(["look", "rename", "sync"]);
  expect(await contents()).toEqual({ "report.csv": "new" });
});

test.each([undefined, 7])(
  "a version whose bytes are gone is missing, and changes nothing (%p)",
  async (keeps) => {
    const { publish, contents, partial } = await prepare(`gone ${keeps}`, { "report.csv": "old" });
    await unlink(partial);
    expect(await publish(keeps)).toEqual(["missing"]);
    expect(await contents()).toEqual({ "report.csv": "old" });
  },
);

/** As a file system whose names are shorter (eCryptfs has 143 bytes). */
const withShortNames = (disk: Disk): Disk =>
  linking(disk, (file, name) =>
    (name.toString().split("/").at(-1) ?? "").length > 143
      ? Promise.reject(Object.assign(new Error("ENAMETOOLONG"), { code: "ENAMETOOLONG" }))
      : disk.link(file, name),
  );

/** With another way to give second names. */
const linking = (disk: Disk, link: Disk["link"]): Disk =>
  new Proxy(disk, {
    get: (target, name: keyof Disk) =>
      name === "link" ? link : (target[name] as (...args: unknown[]) => unknown).bind(target),
  });

/** As vfat. */
const withoutLinks = (disk: Disk): Disk =>
  linking(disk, () => Promise.reject(Object.assign(new Error("EPERM"), { code: "EPERM" })));

test.each([
  ["with second names", (disk: Disk) => disk],
  ["without second names", withoutLinks],
])("an older file is kept beside all that were kept before it, %s", async (name, as) => {
  const standing = { "report.csv": "third", "report.~0~.csv": "first", "report.~1~.csv": "second" };
  const { disk, publish, contents } = await prepare(name, standing);
  expect(await publish(0, as(disk))).toEqual(["named"]);
  expect(await contents()).toEqual({
    "report.csv": "new",
    "report.~0~.csv": "first",
    "report.~1~.csv": "second",
    "report.~2~.csv": "third",
  });
});

test("an older file that was kept before a crash has one second name", async () => {
  const { at, publish, contents } = await prepare("crash", { "report.csv": "old" });
  await link(at("report.csv"), at("report.~7~.csv"));
  expect(await publish(7)).toEqual(["named"]);
  expect(await contents()).toEqual({ "report.csv": "new", "report.~7~.csv": "old" });
});

test.each([
  ["with second names", (disk: Disk) => disk],
  ["without second names", withoutLinks],
])("a version gets its name also when the older file is taken away just then, %s", async (name, as) => {
  const { disk, at, publish, contents } = await prepare(`taken ${name}`, { "report.csv": "old" });
  const taken = linking(disk, async (...names) => {
    await unlink(at("report.csv"));
    await as(disk).link(...names);
  });
  expect(await publish(7, taken)).toEqual(["named"]);
  expect(await contents()).toEqual({ "report.csv": "new" });
});

test.each([
  ["of all lengths that there are", 255, (disk: Disk) => disk],
  ["of the lengths that its file system has", 143, withShortNames],
])(
  "an older file is kept under a shorter name where its own is as long as can be, %s",
  async (_, length, as) => {
    const names = ["x", "y"].map((end) => `${"é".repeat(60)}${"a".repeat(length - 125)}${end}.csv`);
    const standing = Object.fromEntries(names.map((name) => [name, `old ${name.at(-5)}`]));
    for (const [at, name] of names.entries()) {
      const { disk, publish, contents } = await prepare(`long ${length} ${at}`, standing, name);
      expect(await publish(1_600_000_000_000_000, as(disk))).toEqual(["named"]);
      const found = await contents();
      expect(found[name]).toBe("new");
      const second = Object.keys(found).filter((one) => one.includes(".~1600000000000000~.csv"));
      expect(second.map((one) => found[one])).toEqual([`old ${name.at(-5)}`]);
    }
  },
);

test("two files whose second names would be the same when shortened have two", async () => {
  const name = `${"a".repeat(250)}b.csv`;
  const taken = `${"a".repeat(232)}.~1600000000000000~.csv`;
  const { publish, contents } = await prepare("same", { [name]: "old", [taken]: "another's" }, name);
  expect(await publish(1_600_000_000_000_000)).toEqual(["named"]);
  expect(await contents()).toEqual({
    [name]: "new",
    [taken]: "another's",
    [`${"a".repeat(232)}.~1600000000000001~.csv`]: "old",
  });
});
