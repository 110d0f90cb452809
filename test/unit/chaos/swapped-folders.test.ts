import { afterEach, beforeEach, expect, test } from "bun:test";
import { lstatSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Contents } from "../../../scripts/chaos-parts/contents.ts";
import { Findings } from "../../../scripts/chaos-parts/findings.ts";
import { Journal } from "../../../scripts/chaos-parts/journal.ts";
import { SwappedFolders } from "../../../scripts/chaos-parts/swapped-folders.ts";
import { Truth } from "../../../scripts/chaos-parts/truth.ts";
import { waitUntil } from "../../support/wait.ts";

let root: string;

beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), "streamsend-swapped-"));
});

afterEach(() => {
  rmSync(root, { recursive: true });
});

async function swapped() {
  const source = { uploader: "till-1", folder: join(root, "source") };
  const staging = join(root, "staging");
  for (const folder of [source.folder, staging]) mkdirSync(folder);
  const [truth, findings] = [new Truth([]), new Findings()];
  const folders = new SwappedFolders({
    truth,
    findings,
    contents: new Contents(3),
    journal: new Journal(),
    staging,
  });
  const swapping = folders.swap(source, 150);
  const inside = join(source.folder, "swapped-0");
  await waitUntil(
    "a link is in its place",
    () => lstatSync(inside, { throwIfNoEntry: false })?.isSymbolicLink() === true,
  );
  const elsewhere = readFileSync(join(inside, "file-0.bin"));
  await swapping;
  return { truth, findings, folders, inside, elsewhere, outside: join(staging, "elsewhere-swapped-0") };
}

test("a swapped folder comes back with the files that are on record, and for a while others of the same names were in its place", async () => {
  const { truth, inside, elsewhere } = await swapped();
  expect(lstatSync(inside).isDirectory()).toBe(true);
  expect(readdirSync(inside)).toHaveLength(5);
  for (const name of readdirSync(inside)) {
    const bytes = readFileSync(join(inside, name));
    const md5 = new Bun.CryptoHasher("md5").update(bytes).digest("hex");
    expect(truth.current(`till-1/swapped-0/${name}`)).toMatchObject({ md5, size: bytes.length });
    expect(elsewhere.length).toBe(bytes.length);
    expect(elsewhere.equals(bytes)).toBe(false);
  }
});

test("files elsewhere that stay as they are are no finding, one that is deleted or changed is", async () => {
  const { folders, findings, outside } = await swapped();
  folders.check();
  expect(findings.all).toEqual([]);
  rmSync(join(outside, "file-1.bin"));
  writeFileSync(join(outside, "file-2.bin"), "another");
  folders.check();
  expect(findings.all.map(({ kind, what }) => [kind, what])).toEqual([
    ["outside", join(outside, "file-1.bin")],
    ["outside", join(outside, "file-2.bin")],
  ]);
});
