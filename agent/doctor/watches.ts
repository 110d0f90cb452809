/** Can the uploader see, read and, where it has to, move or delete what is in its watches? */
import { constants } from "node:fs";
import { access, open, readdir, readFile, stat } from "node:fs/promises";
import { dirname, join, relative } from "node:path";
import type { UploaderConfig, WatchConfig } from "../config/config.ts";
import { deviceOf } from "../lib/device.ts";
import { codeOf, messageOf } from "../lib/errors.ts";
import { succeeds } from "../lib/succeeds.ts";
import { WatchGlobs } from "../uploader/discover/watch-globs.ts";
import { count } from "./amounts.ts";
import { type Finding, fail, ok, untried, warn } from "./finding.ts";
import type { Patience } from "./patience.ts";

/** Opened in each watch: enough to notice a mistake that was made for all of them. */
const mostFiles = 50;
/** What a downloader has in its output. */
const store = ".streamsend";
/** For counting the folders below a watch. */
const surveyMs = 8000;

export async function* examineWatches(uploader: UploaderConfig, patience: Patience): AsyncGenerator<Finding> {
  let folders = 0;
  let isAll = true;
  const surveys = uploader.watch.map((watch) => patience.wait(survey(watch)));
  for (const [at, watch] of uploader.watch.entries()) {
    const subject = `watch ${watch.path}`;
    const found = await surveys[at];
    if (found === undefined) {
      const text = "the file system does not answer";
      yield fail(subject, text, "see whether its server, or its disk, is there; umount -l frees a dead one");
      continue;
    }
    folders += found.folders;
    isAll &&= found.isAll;
    if (found.problem !== undefined) {
      yield fail(subject, found.problem.text, found.problem.fix);
      continue;
    }
    const seen = `${count(found.folders, "folder")}${found.isAll ? "" : " or more"}`;
    const opened = found.opened === 0 ? "no file to try" : `${count(found.opened, "file")} opened`;
    yield ok(subject, `readable, ${seen}; ${opened}`);
    const output = found.output ?? (await outputAround(watch.path));
    if (output !== undefined) {
      const text = `${output} is, or was, a downloader's output: with the same topic its files are sent again and again, each time one folder deeper`;
      yield warn(
        subject,
        text,
        `move the output out of the watch, exclude it, or delete ${join(output, store)}`,
      );
    }
    if (uploader.after === "delete" || uploader.after === "move") yield* examineRemoving(uploader, watch);
  }
  yield* examineInotify(folders, isAll);
}

interface Survey {
  folders: number;
  isAll: boolean;
  opened: number;
  /** A downloader's output that was found in it. */
  output?: string;
  problem?: { text: string; fix: string };
}

async function survey(watch: WatchConfig): Promise<Survey> {
  const { path } = watch;
  const globs = new WatchGlobs(watch);
  const found: Survey = { folders: 0, isAll: true, opened: 0 };
  const waiting = [path];
  const end = performance.now() + surveyMs;
  for (let folder = waiting.pop(); folder !== undefined; folder = waiting.pop()) {
    if (performance.now() > end) return { ...found, isAll: false };
    found.folders++;
    try {
      if (folder === path && !(await stat(path)).isDirectory()) {
        return { ...found, problem: { text: "is no folder", fix: "name a folder in uploader.watch" } };
      }
      for (const entry of await readdir(folder, { withFileTypes: true })) {
        if (entry.name === store) found.output ??= folder;
        if (entry.name.startsWith(".")) continue;
        const inner = join(folder, entry.name);
        const below = relative(path, inner);
        if (entry.isDirectory() && globs.entersFolder(below)) waiting.push(inner);
        if (entry.isFile() && globs.wants(below) && found.opened < mostFiles) {
          const problem = await tryOpen(inner);
          if (problem !== undefined) return { ...found, problem };
          found.opened++;
        }
      }
    } catch (error) {
      return { ...found, problem: explain(error, folder) };
    }
  }
  return found;
}

/** The downloader's output that the folder lies in. */
async function outputAround(path: string): Promise<string | undefined> {
  for (let folder = dirname(path); ; folder = dirname(folder)) {
    if (await succeeds(access(join(folder, store)))) return folder;
    if (folder === dirname(folder)) return undefined;
  }
}

async function tryOpen(file: string): Promise<Survey["problem"]> {
  try {
    await (await open(file, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK)).close();
    return undefined;
  } catch (error) {
    // It went, or became something else, in between.
    return codeOf(error) === "ENOENT" || codeOf(error) === "ELOOP" ? undefined : explain(error, file);
  }
}

function explain(error: unknown, path: string): { text: string; fix: string } {
  switch (codeOf(error)) {
    case "ENOENT":
      return { text: "is not there", fix: `mkdir -p ${path}, mount it, or correct uploader.watch` };
    case "EACCES":
    case "EPERM":
      return {
        text: `${path} can't be read by this user`,
        fix: `setfacl -R -m u:${process.getuid?.()}:rX ${path}, or run the agent as another user`,
      };
    default:
      return { text: messageOf(error), fix: "check the disk, the mount and uploader.watch" };
  }
}

async function* examineRemoving(uploader: UploaderConfig, watch: WatchConfig): AsyncGenerator<Finding> {
  const subject = `after: ${uploader.after}`;
  if (!(await isWritable(watch.path))) {
    const text = `nothing can be taken out of ${watch.path} by this user`;
    yield fail(subject, text, `give it the right to write there, or set uploader.after: keep`);
  }
  const { moveTo } = uploader;
  if (uploader.after !== "move" || moveTo === undefined) return;
  const [from, to] = await Promise.all([deviceOf(watch.path), deviceOf(moveTo)]);
  if (to === undefined || !(await isWritable(moveTo))) {
    const text = `${moveTo} is not there, or can't be written to by this user`;
    yield fail(subject, text, `mkdir -p ${moveTo}, and give this user the right to write there`);
  } else if (from !== to) {
    const text = `${moveTo} is on another file system than ${watch.path}`;
    yield fail(subject, text, "set uploader.move_to to a folder on the same one");
  } else {
    yield ok(subject, `${moveTo} is writable, and on the file system of ${watch.path}`);
  }
}

function isWritable(path: string): Promise<boolean> {
  return succeeds(access(path, constants.W_OK | constants.X_OK));
}

async function* examineInotify(folders: number, isAll: boolean): AsyncGenerator<Finding> {
  const subject = "inotify";
  const limit = Number(
    await readFile("/proc/sys/fs/inotify/max_user_watches", "utf8").catch(() => Number.NaN),
  );
  yield judgeInotify(subject, folders, limit, isAll);
}

/** @param isAll whether all folders were counted; else there are more */
export function judgeInotify(subject: string, folders: number, limit: number, isAll = true): Finding {
  if (Number.isNaN(limit)) return untried(subject, "this system does not say its limit");
  const needed = `${count(folders, "folder")}${isAll ? "" : " or more"} to watch`;
  if (folders <= limit / 2) return ok(subject, `${needed}, ${limit} allowed`);
  const fix = `sysctl -w fs.inotify.max_user_watches=${Math.max(524_288, 4 * folders)}`;
  const what = folders > limit ? "files in the others are" : "some files would be";
  const allowed = `${limit} allowed to all programs of this user`;
  return warn(subject, `${needed}, ${allowed}: ${what} found only by the rescan`, fix);
}
