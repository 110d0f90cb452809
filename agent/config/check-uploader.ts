import { deviceOf } from "../lib/device.ts";
import { inTime } from "../lib/in-time.ts";
import { isSystemDirectory, isWithin, PATIENCE_MS, resolveLinks } from "./paths.ts";
import type { Problems } from "./problems.ts";
import type { Settings } from "./schema.ts";
import { testFileNames } from "./test-file-names.ts";
import type { Path } from "./tree.ts";
import { formatSize } from "./units.ts";

type Watch = Settings["uploader"]["watch"][number] & { readonly resolved: string };

/** What the keys of `uploader` have to be to each other, and its directories to the file system and the output. */
export async function checkUploader(settings: Settings, problems: Problems): Promise<void> {
  const { uploader, role, downloader } = settings;
  // Without a role there is a stand-in, which needs nothing.
  if (role === "uploader" && !problems.hasAt(["role"]) && uploader.watch.length === 0) {
    problems.add(["uploader", "watch"], "needs at least one directory");
  }
  checkWindow(settings, problems);
  const watches: Watch[] = [];
  for (const watch of uploader.watch) watches.push({ ...watch, resolved: await resolveLinks(watch.path) });
  for (const [index, watch] of watches.entries()) {
    if (await isSystemDirectory(watch.path, watch.resolved)) {
      problems.add(["uploader", "watch", index, "path"], "is a system directory", leadsTo(watch));
    }
    for (const [other, earlier] of watches.slice(0, index).entries()) {
      checkPair({ watch, index }, { watch: earlier, index: other }, problems);
    }
  }
  if (downloader.output !== undefined) {
    await checkOutside(downloader.output, ["downloader", "output"], watches, problems);
  }
  await checkMoveTo(uploader, watches, problems);
  checkTestFile(uploader, problems);
}

/** Test files that no look sees would only fill the watch. */
function checkTestFile({ test_file, watch: [watch] }: Settings["uploader"], problems: Problems): void {
  if (test_file.every === null || !watch) return;
  const [name = ""] = testFileNames;
  const matches = (globs: readonly string[]) => globs.some((glob) => new Bun.Glob(glob).match(name));
  if (!matches(watch.include) || matches(watch.exclude))
    problems.add(
      ["uploader", "test_file", "every"],
      "the first watch's include and exclude must let it through",
      name,
    );
}

/** A chunk has to fit into what may be under way. */
export function checkWindow({ uploader }: Settings, problems: Problems): void {
  if (uploader.chunk !== "auto" && uploader.chunk > uploader.in_flight) {
    problems.add(
      ["uploader", "in_flight"],
      "must be at least uploader.chunk",
      formatSize(uploader.in_flight),
    );
  }
}

interface Indexed {
  readonly watch: Watch;
  readonly index: number;
}

function checkPair(a: Indexed, b: Indexed, problems: Problems): void {
  if (contains(a.watch, b.watch.resolved) || contains(b.watch, a.watch.resolved)) {
    const message = `overlaps uploader.watch.${b.index}.path, ${b.watch.path}`;
    problems.add(["uploader", "watch", a.index, "path"], message, leadsTo(a.watch));
    return;
  }
  if (sharesPaths(a.watch, b.watch) || sharesPaths(b.watch, a.watch)) {
    const message = `could give two files one path, like uploader.watch.${b.index}.as (${quoted(b.watch.as)}); give each its own`;
    problems.add(["uploader", "watch", a.index, "as"], message, quoted(a.watch.as));
  }
}

function contains(watch: Watch, path: string): boolean {
  return watch.recursive ? isWithin(path, watch.resolved) : path === watch.resolved;
}

/** Whether files of `inner` can get the paths of files of `outer`: folder below folder, if `outer` goes that deep. */
function sharesPaths(outer: Watch, inner: Watch): boolean {
  if (outer.as === inner.as) return true;
  return outer.recursive && (outer.as === "" || inner.as.startsWith(`${outer.as}/`));
}

async function checkOutside(
  path: string,
  key: Path,
  watches: readonly Watch[],
  problems: Problems,
): Promise<void> {
  const resolved = await resolveLinks(path);
  const around = watches.findIndex((watch) => isWithin(resolved, watch.resolved));
  if (around >= 0)
    problems.add(key, `must be outside every watch, but is in uploader.watch.${around}.path`, path);
}

async function checkMoveTo(
  { after, move_to }: Settings["uploader"],
  watches: readonly Watch[],
  problems: Problems,
): Promise<void> {
  const key = ["uploader", "move_to"];
  if (move_to === undefined) {
    if (after === "move") problems.add(key, "required for uploader.after: move");
    return;
  }
  await checkOutside(move_to, key, watches, problems);
  if (after !== "move") return;
  // What is not there yet, or does not answer, the role finds when it needs it.
  const device = await inTime(deviceOf(move_to), PATIENCE_MS);
  for (const [index, { path }] of watches.entries()) {
    const other = await inTime(deviceOf(path), PATIENCE_MS);
    if (device !== undefined && other !== undefined && device !== other) {
      problems.add(key, `must be on the file system of uploader.watch.${index}.path`, move_to);
    }
  }
}

function leadsTo({ path, resolved }: Watch): string {
  return path === resolved ? path : `${path} -> ${resolved}`;
}

function quoted(as: string): string {
  return as === "" ? "none" : as;
}
