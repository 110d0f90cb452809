/**
 * The file system's events, as "look at this path". chokidar takes an inotify watch for every file that it is not told
 * to ignore, so it is given folders only, and what happens to the files in them comes as its raw events. An event is
 * never trusted: it is a reason to look.
 */
import { relative as relativePath } from "node:path";
import { watch as watchFolders } from "chokidar";
import { messageOf } from "../lib/errors.ts";
import type { Log } from "../observe/log.ts";
import { pathToText } from "../wire/path.ts";
import type { Watch } from "./watched-file.ts";

export interface FolderEvents {
  close(): Promise<void>;
}

interface RawDetails {
  watchedPath?: unknown;
}

/**
 * Calls `onPath` with a path below the watch (as text) for each event, and `onLost` when events may have been lost and
 * only a full look helps. Trouble is logged: the rescans see what the events do not.
 */
export function watchFolderEvents(
  watch: Watch,
  log: Log,
  onPath: (relative: string) => void,
  onLost: () => void,
): FolderEvents {
  const root = watch.config.path;
  const below = (path: string) => pathToText(Buffer.from(relativePath(root, path), "utf8"));
  const watcher = watchFolders(root, {
    ignored: (path, stats) =>
      (stats !== undefined && !stats.isDirectory()) || !watch.entersFolder(below(path)),
    ignoreInitial: true,
    followSymlinks: false,
    ...(watch.config.recursive ? {} : { depth: 0 }),
  });
  watcher.on("raw", (_event, path, details) => {
    const folder = (details as RawDetails | undefined)?.watchedPath;
    if (typeof path !== "string" || typeof folder !== "string") return onLost();
    onPath(below(folder.endsWith(`/${path}`) ? folder : `${folder}/${path}`));
  });
  // What was put into a new folder before it was watched had no event.
  watcher.on("addDir", onLost);
  // Nor what happened before all folders were watched.
  watcher.on("ready", onLost);
  watcher.on("error", (error) => {
    log.warn(
      `${root}: events of the file system are not complete: ${messageOf(error)}; the rescans find the rest`,
    );
    onLost();
  });
  return watcher;
}
