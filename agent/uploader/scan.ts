/** A full look at a watch: every file that may be sent, folder by folder, with its state. */
import type { BigIntStats } from "node:fs";
import { lstat, readdir } from "node:fs/promises";
import { codeOf, messageOf } from "../lib/errors.ts";
import type { Log } from "../observe/log.ts";
import { pathToDisplay, pathToText } from "../wire/path.ts";
import type { Watch, WatchedFile } from "./watched-file.ts";

export interface Found {
  file: WatchedFile;
  stats: BigIntStats;
}

export interface ScanReport {
  /** Whether every folder could be read, but for those that the agent has no right to: else what was not seen may be there. */
  complete: boolean;
  /** Why the watch itself could not be read. */
  problem?: string;
}

/** Of a folder, looked at side by side. */
const filesAtATime = 8;

/**
 * Yields each regular file that the watch wants. A folder that can't be read is logged and left for the next look.
 * Symbolic links and special files are passed over.
 */
export async function* scan(watch: Watch, log: Log, report: ScanReport): AsyncGenerator<Found> {
  const folders = [""];
  for (let folder = folders.pop(); folder !== undefined; folder = folders.pop()) {
    const names = await readFolder(watch, folder, log, report);
    for (let at = 0; at < names.length; at += filesAtATime) {
      const group = names.slice(at, at + filesAtATime);
      const relatives = group.map((name) =>
        folder === "" ? pathToText(name) : `${folder}/${pathToText(name)}`,
      );
      const all = await Promise.all(relatives.map((relative) => look(watch, relative, log)));
      for (const [index, stats] of all.entries()) {
        const relative = relatives[index] as string;
        if (stats?.isDirectory() && watch.entersFolder(relative)) folders.push(relative);
        if (stats?.isFile() && watch.wants(relative)) yield { file: watch.file(relative), stats };
      }
    }
  }
}

/** The state of what is there now, `undefined` when it is gone or can't be looked at. */
export async function look(watch: Watch, relative: string, log: Log): Promise<BigIntStats | undefined> {
  try {
    return await watch.access.run(() => lstat(watch.native(relative), { bigint: true }));
  } catch (error) {
    const code = codeOf(error);
    if (code !== "ENOENT" && code !== "ENOTDIR") {
      log.warn(
        `${pathToDisplay(relative)}: can't be looked at: ${messageOf(error)}; tried again at the next rescan`,
      );
    }
    return undefined;
  }
}

/**
 * The state of what stands at a path that no scan has just found: each folder on the way has to be one, not a link to
 * somewhere else. `undefined`: nothing, or out of reach of a scan. Throws what the file system throws, also when the
 * watch itself is not there.
 */
export function lookBelow(watch: Watch, relative: string): Promise<BigIntStats | undefined> {
  return watch.access.run(() => lookBelowNow(watch, relative));
}

/** `lookBelow` as a part of what is under way with the watch's file system anyway. */
export async function lookBelowNow(watch: Watch, relative: string): Promise<BigIntStats | undefined> {
  await lstat(watch.native(""));
  const segments = relative.split("/");
  try {
    for (let depth = 1; depth < segments.length; depth++) {
      const folder = await lstat(watch.native(segments.slice(0, depth).join("/")));
      if (!folder.isDirectory()) return undefined;
    }
    return await lstat(watch.native(relative), { bigint: true });
  } catch (error) {
    if (codeOf(error) === "ENOENT" || codeOf(error) === "ENOTDIR") return undefined;
    throw error;
  }
}

/** Whether there is nothing at this path; false also when that can't be found out. */
export async function isGone(watch: Watch, relative: string): Promise<boolean> {
  try {
    await watch.access.run(() => lstat(watch.native(relative)));
    return false;
  } catch (error) {
    return codeOf(error) === "ENOENT" || codeOf(error) === "ENOTDIR";
  }
}

async function readFolder(watch: Watch, folder: string, log: Log, report: ScanReport): Promise<Buffer[]> {
  try {
    return await watch.access.run(() => readdir(watch.native(folder), { encoding: "buffer" }));
  } catch (error) {
    // A folder that went away between two looks is no trouble, the watch itself is.
    if (folder !== "" && codeOf(error) === "ENOENT") return [];
    // What is below a folder that is not ours to read, `lost+found` say, is looked at by its own path before it is noted.
    if (folder === "" || codeOf(error) !== "EACCES") report.complete = false;
    const name = `${watch.config.path}${folder === "" ? "" : `/${pathToDisplay(folder)}`}`;
    const problem = `${name}: can't be read: ${messageOf(error)}`;
    if (folder === "") report.problem = problem;
    log.warn(`${problem}; tried again at the next rescan`);
    return [];
  }
}
