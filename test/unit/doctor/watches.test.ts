/** What the doctor says of watches, on real folders. */
import { afterEach, beforeEach, expect, test } from "bun:test";
import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Patience } from "../../../agent/doctor/patience.ts";
import { examineWatches } from "../../../agent/doctor/watches.ts";
import { load } from "../config/loading.ts";

let root: string;
beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), "doctor-watches-"));
});
afterEach(() => rm(root, { recursive: true, force: true }));

async function findings(path: string, exclude = ""): Promise<string[]> {
  const watch = `[{ path: ${path}, exclude: [${exclude}] }]`;
  const { config } = await load(`role: uploader\nuploader: { watch: ${watch} }`);
  if (config.role !== "uploader") throw new Error("loaded for another role");
  const found = [];
  for await (const { level, subject, text } of examineWatches(config.uploader, new Patience()))
    if (subject !== "inotify") found.push(`${level} ${subject}: ${text}`);
  return found;
}

test("a downloader's output in a watch, or around it, is warned of, unless it is excluded", async () => {
  const watch = join(root, "outbox");
  await mkdir(join(watch, "inbox/.streamsend"), { recursive: true });
  const warning = (output: string) =>
    `warn watch ${watch}: ${output} is, or was, a downloader's output: with the same topic its files are sent again and again, each time one folder deeper`;
  const seen = (folders: string) => `ok watch ${watch}: readable, ${folders}; no file to try`;
  expect(await findings(watch)).toEqual([seen("2 folders"), warning(join(watch, "inbox"))]);
  expect(await findings(watch, '"inbox/**"')).toEqual([seen("1 folder")]);
  await mkdir(join(root, ".streamsend"));
  expect(await findings(watch, '"inbox/**"')).toEqual([seen("1 folder"), warning(root)]);
});

test("only what is to be sent is tried", async () => {
  await mkdir(join(root, "left-out"));
  for (const name of ["a", "b.tmp", "left-out/c"]) await writeFile(join(root, name), "");
  expect(await findings(root, '"*.tmp", "left-out/**"')).toEqual([
    `ok watch ${root}: readable, 1 folder; 1 file opened`,
  ]);
});
