/** Looks at what is below a watch: at all of it, at a folder with all below it, or at single paths. */
import { PathKey } from "../../ledger/uploader/path-key.ts";
import { codeOf } from "../../lib/errors.ts";
import { pathToBytes, pathToText } from "../../wire/path.ts";
import type { Watch, WatchedFile } from "../access/watch.ts";
import {
  type FileStats,
  FolderLook,
  type LookRecord,
  lookAtPaths,
  type Mark,
  type Seen,
  systemError,
} from "./look.ts";

export interface Found {
  file: WatchedFile;
  stats: FileStats;
}

/** A file that was just seen. */
export interface Sighting extends Found {
  /** When, by the monotonic clock. */
  seenMs: number;
  /** Of its path with all that was seen of it. */
  all: Mark;
  /** Of its path, size and modification time. */
  content: Mark;
}

/** What a scan tells beside the files that it finds. */
export interface ScanListener {
  /** Whether a file was sent just as it stands there, and is passed over. `path`, valid for now, is what it has at the destination. */
  isSentAs(path: PathKey, seen: LookRecord): boolean;
  /** Of another one: whether it is known by these marks, and passed over as well. */
  isKnown(all: Mark, content: Mark, path: () => string): boolean;
  /** It is none that the watch wants. */
  unwanted(all: Mark): void;
  /** A folder is read now. `descriptor`: by which its events are known; not more than 0: there are none, and why. */
  folder(relative: string, descriptor: number): void;
  /** Something can't be read, or looked at. "": the watch itself. */
  unreadable(relative: string, error: NodeJS.ErrnoException): void;
}

export interface ScanOptions {
  /** A folder below the watch; "": all of it. */
  from: string;
  /** What folders are watched by: see `FolderEvents`. */
  inotify: number;
}

/** More than this no path may have (wire/path.ts). */
const longestPathBytes = 4000;

/**
 * Yields each regular file that the watch wants and the listener does not know. Symbolic links and special files are
 * passed over, and folders in which nothing is wanted are not entered.
 */
export async function* scan(
  watch: Watch,
  listener: ScanListener,
  { from, inotify }: ScanOptions = { from: "", inotify: -1 },
): AsyncGenerator<Sighting> {
  const look = new FolderLook(watch, inotify);
  const { record } = look;
  look.enter(from === "" ? Buffer.alloc(0) : pathToBytes(from));
  const key = new PathKey();
  let prefix = "";
  let prefixBytes: Buffer = Buffer.alloc(0);
  try {
    for (let filled = await look.next(); filled > 0; filled = await look.next()) {
      const seenMs = performance.now();
      while (record.advance(filled)) {
        if (record.isFolder) {
          const relative = pathToText(record.name);
          prefix = relative === "" ? "" : `${relative}/`;
          key.setFolder(watch.file(prefix).path);
          prefixBytes = relative === "" ? Buffer.alloc(0) : Buffer.concat([record.name, slash]);
          const error = record.folderError;
          if (error === 0) listener.folder(relative, record.watchDescriptor);
          else if (relative === "" || !isGoneError(error))
            listener.unreadable(relative, systemError(error, "scandir"));
          continue;
        }
        const { kind } = record;
        if (kind === "file") {
          // Nothing is made of a file that was sent: there may be a hundred thousand.
          const isPlain = record.putName(key);
          if (!isPlain) key.set(watch.file(prefix + pathToText(record.name)).path);
          const isSent = listener.isSentAs(key, record);
          if (!isPlain) key.setFolder(watch.file(prefix).path);
          if (isSent) continue;
          const { all, content, name } = record;
          const relativeOf = () => prefix + pathToText(name);
          if (listener.isKnown(all, content, () => watch.file(relativeOf()).path)) continue;
          const relative = relativeOf();
          if (watch.wants(relative))
            yield { file: watch.file(relative), seenMs, stats: record.stats, all, content };
          else listener.unwanted(all);
          continue;
        }
        const { name } = record;
        if (kind === "folder") {
          const relative = prefix + pathToText(name);
          if (!watch.entersFolder(relative)) continue;
          if (prefixBytes.length + name.length <= longestPathBytes)
            look.enter(Buffer.concat([prefixBytes, name]));
          else listener.unreadable(relative, tooLong);
        } else if (kind === "unreadable")
          listener.unreadable(prefix + pathToText(name), systemError(record.error, "lstat"));
      }
    }
  } finally {
    look.close();
  }
}

const slash = Buffer.from("/");
const tooLong = Object.assign(new Error(`its path is longer than ${longestPathBytes} bytes`), {
  code: "ENAMETOOLONG",
});

/** A folder that went away, or is no folder any more, between two looks is no trouble. ENOENT, ENOTDIR, ELOOP. */
function isGoneError(error: number): boolean {
  return error === 2 || error === 20 || error === 40;
}

/** What stands at these files' paths now, in their order. */
export async function lookAt(watch: Watch, files: readonly WatchedFile[]): Promise<Seen[]> {
  const seen: Seen[] = [];
  for (let at = 0; at < files.length; at += pathsAtATime) {
    const some = files.slice(at, at + pathsAtATime).map(({ relative }) => relative);
    seen.push(...(await lookAtPaths(watch, some)));
  }
  return seen;
}

const pathsAtATime = 64;

/** Whether there is nothing at this path, or a folder where a file was; false also when that can't be found out. */
export async function isGone(watch: Watch, relative: string): Promise<boolean> {
  try {
    return await watch.access.run(() => watch.folders.isFolder(watch.native(relative)));
  } catch (error) {
    return codeOf(error) === "ENOENT" || codeOf(error) === "ENOTDIR";
  }
}
