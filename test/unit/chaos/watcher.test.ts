/** The watcher on real folders, with a hand in the place of the downloader: each thing that must not happen is seen. */
import { afterEach, beforeEach, expect, test } from "bun:test";
import { appendFileSync, mkdirSync, mkdtempSync, renameSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { Findings } from "../../../scripts/chaos-parts/findings.ts";
import { Journal } from "../../../scripts/chaos-parts/journal.ts";
import { Truth } from "../../../scripts/chaos-parts/truth.ts";
import { type Arrival, type WatchedDisk, Watcher } from "../../../scripts/chaos-parts/watcher.ts";

const key = "till-1/folder/a.txt";
let root: string;
let disk: WatchedDisk;
let truth: Truth;
let findings: Findings;
let watcher: Watcher;
let arrivals: Arrival[];
let made = 0;

beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), "streamsend-watcher-"));
  disk = { name: "one", group: "inbox", output: join(root, "output"), trash: join(root, "trash") };
  for (const folder of [disk.output, disk.trash, join(disk.output, ".streamsend")]) mkdirSync(folder);
  truth = new Truth([disk]);
  findings = new Findings();
  arrivals = [];
  const onArrival = (_: WatchedDisk, arrival: Arrival) => arrivals.push(arrival);
  watcher = new Watcher({ truth, findings, journal: new Journal(), disks: [disk], onArrival });
});

afterEach(() => {
  watcher.close();
  rmSync(root, { recursive: true });
});

/** The generator writes a text; gives a true copy of it on its way to its name. */
function write(text: string): string {
  const copy = join(disk.output, ".streamsend", String(made++));
  writeFileSync(copy, text);
  const { mtimeNs, size } = statSync(copy, { bigint: true });
  const md5 = new Bun.CryptoHasher("md5").update(text).digest("hex");
  truth.wrote(key, { md5, size: Number(size), mtimeNs }, Date.now());
  return copy;
}

async function publish(copy: string): Promise<void> {
  mkdirSync(dirname(join(disk.output, key)), { recursive: true });
  renameSync(copy, join(disk.output, key));
  await watcher.settled();
}

function found(): string[] {
  return findings.all.map(({ kind }) => kind);
}

test("a whole file that takes its name by a rename is right, also in a folder that was made for it", async () => {
  await publish(write("hello"));
  expect(found()).toEqual([]);
  expect(arrivals.map((arrival) => arrival.key)).toEqual([key]);
  expect(truth.outstanding()).toEqual([]);
  expect(await watcher.compareAll()).toBe(1);
});

test("a file that is changed after it was published is found at the end, though nobody saw it happen", async () => {
  await publish(write("hello"));
  watcher.close();
  writeFileSync(join(disk.output, key), "hallo");
  expect(await watcher.compareAll()).toBe(1);
  expect(found()).toEqual(["corrupt"]);
});

test("a byte that is another is corrupt", async () => {
  const copy = write("hello");
  writeFileSync(copy, "hallo");
  await publish(copy);
  expect(found()).toEqual(["corrupt"]);
});

test("a file that ends too early is half-published", async () => {
  const copy = write("hello");
  writeFileSync(copy, "hell");
  await publish(copy);
  expect(found()).toEqual(["half"]);
});

test("a file that is written to under its name is half-published, though it is right in the end", async () => {
  const copy = write("hello");
  mkdirSync(dirname(join(disk.output, key)), { recursive: true });
  await watcher.settled();
  writeFileSync(join(disk.output, key), "hel");
  await watcher.settled();
  appendFileSync(join(disk.output, key), "lo");
  await watcher.settled();
  expect(found()).toEqual(["half"]);
  rmSync(copy);
});

test("a content that comes twice is a repetition", async () => {
  const copy = write("hello");
  const second = `${copy}-again`;
  await Bun.$`cp -p ${copy} ${second}`;
  await publish(copy);
  await publish(second);
  expect(
    [...watcher.repetitions].map(({ record, state }) => [record.key, state.published.get("one")]),
  ).toEqual([[key, 2]]);
});

test("an older content over a newer one is counted", async () => {
  const [older, newer] = [write("old"), write("newer")];
  await publish(newer);
  await publish(older);
  expect(found()).toEqual(["older"]);
});

test("a large content that is replaced by a small one while it is read came before it", async () => {
  const [large, small] = [write("x".repeat(30_000_000)), write("small")];
  const path = join(disk.output, key);
  mkdirSync(dirname(path), { recursive: true });
  renameSync(large, path);
  watcher.poll();
  renameSync(small, path);
  await watcher.settled();
  expect(found()).toEqual([]);
  expect(arrivals).toHaveLength(2);
});

test("a file that is taken away by somebody else is lost, by the run itself it is not", async () => {
  await publish(write("hello"));
  watcher.remove(disk, arrivals[0] as Arrival);
  await watcher.settled();
  expect(found()).toEqual([]);
  await publish(write("hello again"));
  rmSync(join(disk.output, key));
  await watcher.settled();
  expect(found()).toEqual(["lost"]);
});

test("a file that took the name just before the older one was taken away is looked at all the same", async () => {
  await publish(write("hello"));
  const newer = write("newer");
  renameSync(newer, join(disk.output, key));
  watcher.remove(disk, arrivals[0] as Arrival);
  await watcher.settled();
  expect(truth.outstanding()).toEqual([]);
  expect([...watcher.repetitions]).toEqual([]);
  expect(found()).toEqual([]);
});
