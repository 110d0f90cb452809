/** Paths from anywhere: there and back without loss, refused for a reason, and never outside the output. */
import { expect, test } from "bun:test";
import { lstat, mkdtemp, readdir, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { OutputPaths } from "../../agent/downloader/publish/output-path.ts";
import { pathProblem, pathToBytes, pathToDisplay, pathToText } from "../../agent/wire/path.ts";
import { localDisk } from "../support/local-disk.ts";
import type { Random } from "../support/random.ts";
import { fuzz, fuzzAsync, isWhole } from "./inputs.ts";
import { assertInside } from "./inside.ts";
import { anyPath, mutated } from "./odd-texts.ts";

test("paths", () => {
  const seen = new Set<string>();
  fuzz("paths", 200, (random) => {
    const bytes = random.below(2) === 0 ? Buffer.from(anyText(random)) : random.bytes(random.below(40));
    const text = pathToText(bytes);
    if (!pathToBytes(text).equals(bytes)) throw new Error(`${JSON.stringify(text)} gives other bytes back`);
    // biome-ignore lint/suspicious/noControlCharactersInRegex: finding them is the point
    if (/[\x00-\x1f\x7f]/.test(pathToDisplay(text))) throw new Error("a control character in a log line");
    const problem = pathProblem(text);
    seen.add(problem === undefined ? "good" : "bad");
    if (problem === undefined) assertInside({ uploader: "u", path: text });
  });
  if (isWhole) expect([...seen].sort()).toEqual(["bad", "good"]);
});

test("folders", async () => {
  const root = await mkdtemp(join(tmpdir(), "streamsend-fuzz-"));
  const output = join(root, "output");
  const outside = join(root, "outside");
  const disk = localDisk();
  for (const folder of [output, outside]) await disk.makeFolder(folder, 0o755);
  await symlink(outside, join(output, "link"));
  await writeFile(join(output, "file"), "");
  const paths = new OutputPaths(disk, output, 0o755);
  try {
    await fuzzAsync("folders", 1, async (random) => {
      const path =
        random.below(5) === 0
          ? `${random.pick(["link", "file", "./link"])}/${random.pick(["a", "b/c", ".."])}/${anyText(random)}`
          : anyText(random);
      if (isUnusable(path)) return;
      await paths.makeFolders(path).catch(() => undefined);
      paths.recheck();
    });
    expect(await readdir(outside)).toEqual([]);
    expect((await readdir(root)).sort()).toEqual(["output", "outside"]);
    expect(await readdir(output)).not.toContain(".streamsend");
    expect((await lstat(join(output, "link"))).isSymbolicLink()).toBe(true);
    expect((await readdir(dirname(root))).filter((name) => name === "x")).toEqual([]);
  } finally {
    await rm(root, { recursive: true });
  }
});

/** What decoding a record would have refused. */
function isUnusable(path: string): boolean {
  try {
    return pathProblem(path) !== undefined;
  } catch {
    return true;
  }
}

function anyText(random: Random): string {
  const path = anyPath(random);
  return random.below(2) === 0 ? path : mutated(random, path);
}
