/** With `after: delete`, in the place of the agent a hand that deletes. */
import { afterEach, beforeEach, expect, test } from "bun:test";
import { mkdirSync, mkdtempSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Findings } from "../../../scripts/chaos-parts/findings.ts";
import { Journal } from "../../../scripts/chaos-parts/journal.ts";
import { SourcesWatcher } from "../../../scripts/chaos-parts/sources-watcher.ts";
import { type Content, Truth } from "../../../scripts/chaos-parts/truth.ts";
import { Watcher } from "../../../scripts/chaos-parts/watcher.ts";
import { waitUntil } from "../../support/wait.ts";

const key = "till-1/a.txt";
let root: string;
let path: string;
let content: Content;
let truth: Truth;
let findings: Findings;
let watcher: Watcher;
let sources: SourcesWatcher;
let taken: string[];

beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), "streamsend-sources-"));
  const folder = join(root, "source");
  const disk = { name: "one", group: "inbox", output: join(root, "output"), trash: join(root, "trash") };
  for (const made of [folder, disk.output, disk.trash]) mkdirSync(made);
  path = join(folder, "a.txt");
  writeFileSync(path, "hello");
  content = { md5: "aa", size: 5, mtimeNs: statSync(path, { bigint: true }).mtimeNs };
  truth = new Truth([disk]);
  truth.wrote(key, content, 0);
  findings = new Findings();
  taken = [];
  watcher = new Watcher({
    truth,
    findings,
    journal: new Journal(),
    disks: [disk],
    onArrival: () => undefined,
  });
  const onTaken = (what: string) => taken.push(what);
  sources = new SourcesWatcher({
    sources: [{ uploader: "till-1", folder }],
    truth,
    findings,
    watcher,
    onTaken,
  });
});

afterEach(() => {
  sources.close();
  watcher.close();
  rmSync(root, { recursive: true });
});

test("a source that the agent deletes before it was delivered is lost", async () => {
  rmSync(path);
  await waitUntil("that is found", () => findings.count("lost") === 1);
  expect(taken).toEqual([key]);
  expect(truth.outstanding()).toHaveLength(1);
});

test("a source that the agent deletes once it is delivered is as it should be", async () => {
  truth.published("one", key, content);
  rmSync(path);
  await waitUntil("the deletion was seen", () => taken.length === 1);
  await watcher.settled();
  expect(findings.all).toEqual([]);
  expect(truth.current(key)).toBeUndefined();
});

test("what the generator itself removes is not the agent's doing", async () => {
  sources.removing(path, () => rmSync(path));
  truth.ended(key, "removed", 1);
  const other = join(root, "source/b.txt");
  writeFileSync(other, "b");
  truth.wrote("till-1/b.txt", { ...content, size: 1 }, 2);
  truth.published("one", "till-1/b.txt", { ...content, size: 1 });
  rmSync(other);
  await waitUntil("a later deletion was seen", () => taken.length === 1);
  await watcher.settled();
  expect(taken).toEqual(["till-1/b.txt"]);
  expect(findings.all).toEqual([]);
});
