import { afterEach, expect, test } from "bun:test";
import { type BigIntStats, mkdirSync, mkdtempSync, rmSync, unlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Log } from "../../../../agent/observe/log.ts";
import { FileSystemGate } from "../../../../agent/uploader/access/file-system-gate.ts";
import { Watch } from "../../../../agent/uploader/access/watch.ts";
import { DeletedFiles } from "../../../../agent/uploader/discover/deleted-files.ts";
import type { FileValue } from "../../../../agent/wire/entry-value.ts";

const folders: string[] = [];
afterEach(() => {
  for (const folder of folders.splice(0)) rmSync(folder, { recursive: true });
});

/**
 * Ten files that the ledger has as sent. `look` is a full look; it gives the paths that were looked at once more.
 *
 * @param exclude what the watch does not want
 */
function prepare(exclude: string[] = []) {
  const folder = mkdtempSync(join(tmpdir(), "streamsend-unit-"));
  folders.push(folder);
  const said: string[] = [];
  const log = Object.assign(new Log({ level: "error", format: "text", agent: "test" }), {
    warn: (message: string) => said.push(message.replace(/^.*?: /, "")),
    info: (message: string) => said.push(message.replace(/^.*?: /, "")),
  });
  const entries = new Map<string, FileValue>();
  const add = (name: string) => {
    writeFileSync(join(folder, name), name);
    const sent = { topic: "t", partition: 0, offset: 3, checksum: "md5:5d41402abc4b2a76b9719d911017c592" };
    const times = { mtime: "0", ctime: "0", inode: "1" };
    entries.set(name, { version: 1, state: "sent", size: 1, ...times, ...sent });
    return name;
  };
  const hooks: { write?: () => Promise<void>; device?: () => bigint; seenAs?: Partial<FileValue> } = {};
  for (let at = 0; at < 10; at++) add(String(at));
  const seen = new Map<string, number>();
  const ledger = {
    paths: () => entries.keys(),
    file: (path: string) => entries.get(path),
    isPresent: (path: string) => entries.has(path) && entries.get(path)?.state !== "gone",
    see: (path: string, number: number) => void (entries.has(path) && seen.set(path, number)),
    unseen: (folder: string, number: number) =>
      [...entries.keys()].filter(
        (path) => path.startsWith(folder) && ledger.isPresent(path) && seen.get(path) !== number,
      ),
    put: async (path: string, value: FileValue) => {
      await hooks.write?.();
      entries.set(path, value);
    },
  };
  let calls = 0;
  const access = new FileSystemGate(folder, 8, log);
  const counting = Object.assign(access, {
    run: <Result>(call: () => Promise<Result>) => {
      calls++;
      return call();
    },
  });
  const watch = new Watch(
    { path: folder, as: "", include: ["**/*"], exclude, recursive: true, attributes: {} },
    counting,
  );
  const busy = new Set<string>();
  const { signal } = new AbortController();
  const gone = new DeletedFiles(watch, { ledger, log, signal, paths: busy });
  Object.assign(watch.device, { now: async () => hooks.device?.() ?? 1n });
  const look = async (found: readonly string[]) => {
    calls = 0;
    await gone.begin();
    for (const path of found) {
      const { mtime: mtimeNs = "0", size = 1 } = hooks.seenAs ?? {};
      const stats = { size: BigInt(size), mtimeNs, ctimeNs: "5", ino: "5" } as unknown as BigIntStats;
      gone.found({ file: watch.file(path), stats });
    }
    await gone.note();
    return calls;
  };
  const states = () => [...entries].filter(([, { state }]) => state === "gone").map(([path]) => path);
  const forget = (path: string) => entries.delete(path);
  return { folder, look, states, busy, add, forget, hooks, said, log, names: [...entries.keys()] };
}

test("as long as everything is seen, nothing is looked at twice", async () => {
  const { look, names, states } = prepare();
  expect(await look(names)).toBe(0);
  expect(await look([...names, "unknown to the ledger"])).toBe(0);
  expect(states()).toEqual([]);
});

test("what is gone is looked at once more and noted, and the next look looks at nothing twice again", async () => {
  const { folder, look, names, states } = prepare();
  unlinkSync(join(folder, "3"));
  const left = names.filter((name) => name !== "3");
  expect(await look(left)).toBe(1);
  expect(states()).toEqual(["3"]);
  expect(await look(left)).toBe(0);
});

test("a file that has made room for a folder is gone", async () => {
  const { folder, look, names, states } = prepare();
  unlinkSync(join(folder, "3"));
  mkdirSync(join(folder, "3"));
  await look(names.filter((name) => name !== "3"));
  expect(states()).toEqual(["3"]);
});

test("what is there but not among what the watch wants any more is looked at twice only once", async () => {
  const { folder, look, names, states } = prepare(["[0-3]"]);
  const wanted = names.slice(4);
  expect(await look(wanted)).toBe(4);
  expect(await look(wanted)).toBe(0);
  unlinkSync(join(folder, "5"));
  expect(await look(wanted.filter((name) => name !== "5"))).toBe(5);
  expect(states()).toEqual(["5"]);
});

test("a file that came where a look had been, and is gone by the next one, is noted by that", async () => {
  const { folder, look, names, states } = prepare();
  const others = names.filter((name) => name !== "3");
  await look(others);
  unlinkSync(join(folder, "3"));
  await look(others);
  expect(states()).toEqual(["3"]);
});

test("a file that is gone is noted though another one is seen, or forgotten, that was not before", async () => {
  const { folder, look, names, states, forget } = prepare();
  await look(names.slice(1));
  unlinkSync(join(folder, "5"));
  await look(names.filter((name) => name !== "5"));
  expect(states()).toEqual(["5"]);
  const left = names.filter((name) => name !== "5" && name !== "6");
  await look(left);
  forget("6");
  unlinkSync(join(folder, "7"));
  await look(left.filter((name) => name !== "7"));
  expect(states()).toEqual(["5", "7"]);
});

test("from time to time all that is not seen is looked at, whatever the hashes say", async () => {
  const { folder, look, names, states } = prepare(["[0-3]"]);
  const wanted = names.slice(4);
  await look(wanted);
  unlinkSync(join(folder, "0"));
  for (let looks = 1; looks < 60; looks++) await look(wanted);
  expect(states()).toEqual(["0"]);
});

test("a file that is being sent is no business of a look, but of the next one", async () => {
  const { folder, look, names, states, busy } = prepare();
  unlinkSync(join(folder, "3"));
  busy.add("3");
  await look(names.filter((name) => name !== "3"));
  expect(states()).toEqual([]);
  busy.clear();
  await look(names.filter((name) => name !== "3"));
  expect(states()).toEqual(["3"]);
});

test("many that are gone are noted side by side, and not all at once", async () => {
  const { folder, look, names, add, states, hooks } = prepare();
  for (let at = names.length; at < 96; at++) names.push(add(String(at)));
  for (const name of names) unlinkSync(join(folder, name));
  const writes: (() => void)[] = [];
  // None ends before as many are under way as are to be.
  hooks.write = () =>
    new Promise((end) => {
      if (writes.push(end) === 32) for (const endOne of writes.splice(0)) setTimeout(endOne, 1);
    });
  await look([]);
  expect(states()).toHaveLength(96);
});

test("a file that is taken up while the device is asked for is no business of a look either", async () => {
  const { folder, look, names, states, busy, hooks } = prepare();
  unlinkSync(join(folder, "3"));
  const left = names.filter((name) => name !== "3");
  let asked = 0;
  hooks.device = () => {
    // At the beginning, at the end, and before it is noted.
    if (++asked === 3) busy.add("3");
    return 1n;
  };
  await look(left);
  expect(states()).toEqual([]);
  busy.clear();
  await look(left);
  expect(states()).toEqual(["3"]);
});

const doubt =
  "it is on another device than before, with none of the files that were sent: is it mounted? None of them is taken for gone until one is seen again";

/** A watch that was looked at, and is empty now, on another device. */
async function unmounted() {
  const prepared = prepare();
  const { folder, look, names, hooks, states, said, log } = prepared;
  await look(names);
  for (const name of names) unlinkSync(join(folder, name));
  hooks.device = () => 2n;
  for (let looks = 0; looks < 3; looks++) await look([]);
  expect(states()).toEqual([]);
  expect(said).toEqual([doubt]);
  expect([...log.troubles.open].map(({ what }) => what)).toEqual([folder]);
  return prepared;
}

test("on another device none is gone, and that is said once, until the device is back", async () => {
  const { look, names, hooks, states, said, log } = await unmounted();
  hooks.device = () => 1n;
  await look(names.slice(1));
  expect(said).toEqual([doubt, "its files are seen again"]);
  expect(log.troubles.open.size).toBe(0);
  expect(states()).toEqual(["0"]);
});

test("another device is the watch's from the look on that sees a file there as the ledger knows it", async () => {
  const { folder, look, add, hooks, states, said } = await unmounted();
  add("3");
  hooks.seenAs = { mtime: "7" };
  await look(["3"]);
  expect(states()).toEqual([]);
  hooks.seenAs = {};
  await look(["3"]);
  expect(states()).toHaveLength(9);
  expect(said).toHaveLength(2);
  unlinkSync(join(folder, "3"));
  await look([]);
  expect(states()).toHaveLength(10);
});

test("a watch on another device that had nothing to lose is in no doubt", async () => {
  const { folder, look, names, hooks, states, said } = prepare();
  for (const name of names) unlinkSync(join(folder, name));
  await look([]);
  expect(states()).toHaveLength(10);
  hooks.device = () => 2n;
  await look([]);
  expect(said).toEqual([]);
});

test("a watch that is unmounted in the middle of a look, or while what is gone is noted, loses none", async () => {
  const { folder, look, names, hooks, states } = prepare();
  await look(names);
  for (const name of names) unlinkSync(join(folder, name));
  // So many times it is asked for before it is another one.
  for (const times of [1, 2, 5]) {
    let asked = 0;
    hooks.device = () => (asked++ < times ? 1n : 2n);
    await look([]);
    expect(states().length).toBe(Math.max(0, times - 2));
  }
});
