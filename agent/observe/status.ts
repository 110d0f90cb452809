/** What /api/status says, as JSON. Lists are bounded; the count beside them is of all that there are. */
import type { Role } from "../config/config.ts";
import type { Attributes } from "../wire/attributes.ts";
import { cutTo } from "../wire/limits.ts";

export interface Listed<Item> {
  count: number;
  /** The first hundred at most. */
  items: readonly Item[];
}

/** Paths are as they are shown (`pathToDisplay`), on a downloader with the uploader's name before them. */
export interface Moving {
  path: string;
  version: number;
  /** Acknowledged by the brokers, or placed in the partial; of `size`. */
  bytes: number;
  size: number;
  /** As far as they are known: a downloader knows them once it has the file's end. */
  attributes?: Attributes | undefined;
}

export interface Parked {
  path: string;
  reason: string;
}

export interface Needed {
  path: string;
  version: number;
  /** Bytes that the uploader has been asked for. */
  bytes: number;
}

/** An uploader, as a downloader sees it. */
export interface UploaderSeen {
  name: string;
  /** When a chunk of it was stored, or a file delivered, last; ISO 8601. */
  lastSeen: string;
  /** Files that were delivered since the start. */
  files: number;
  /** Bytes of these files. */
  bytes: number;
  /** Files that are begun and not finished. */
  inFlight: number;
  /** Files that failed at their last try. */
  failed: number;
}

/** By an uploader's name. */
export type CountsByUploader = ReadonlyMap<string, number>;

/** What the role itself knows. */
export interface RoleReport {
  /** Files that are known and not begun: they settle, or wait for a place. */
  waiting: number;
  moving: Listed<Moving>;
  parked: Listed<Parked>;
  needed: Listed<Needed>;
  /** A downloader's: chunks between its position and the topic's end. */
  lag?: number;
}

/**
 * A role's own view, asked for at every request: both functions answer from memory, at once, without touching a file
 * system (a disk that hangs must not hang the status).
 */
export interface StatusSource {
  report(): RoleReport;
  /** Why it does no work for now, besides the troubles of `retry`: "paused: no space"; empty: it works. */
  notReady(): readonly string[];
  /** What files wait for while the others go on: no reason not to be ready. */
  waits?(): readonly string[];
  /** A downloader's: how many files of each uploader are begun and not finished. */
  inFlight?(): CountsByUploader;
}

/** A file that failed at its last try. */
export interface Failure {
  /** As it is shown: control characters escaped, the uploader's name before it on a downloader. */
  path: string;
  reason: string;
  /** ISO 8601. */
  time: string;
}

/** A file that went well. */
export interface Success {
  path: string;
  /** ISO 8601. */
  time: string;
}

export interface StatusReport extends RoleReport {
  role: Role;
  name: string;
  version: string;
  host: string;
  /** When the agent began; ISO 8601. */
  since: string;
  ready: boolean;
  /** Why it is not ready: all of them, also what `paused` and `troubles` say. */
  reasons: readonly string[];
  /** Why the role does no work for now, by its own choice. */
  paused: readonly string[];
  /** What is being tried again until it works. */
  troubles: Listed<{ what: string; reason: string; since: string }>;
  kafkaConnected: boolean;
  /** Since the start; an uploader's files that the brokers have. */
  sent?: Done;
  /** Since the start; verified and stored by a downloader. */
  delivered: Done;
  /** The latest first. */
  failed: Listed<Failure>;
  /** A downloader's: those that moved last first. */
  uploaders?: Listed<UploaderSeen>;
}

export interface Done {
  count: number;
  last: Success | null;
}

const maxListed = 100;
const maxShownPath = 512;

/** A path as the status shows it: of a long one, its beginning. */
export function shownPath(path: string): string {
  return cutTo(path, maxShownPath);
}

/** The first hundred of many, each made ready to be shown; their paths need not be cut before. */
export function listed<Item, Shown extends object>(
  items: Iterable<Item>,
  count: number,
  show: (item: Item) => Shown,
): Listed<Shown> {
  const shown: Shown[] = [];
  for (const item of items) {
    if (shown.length >= maxListed) break;
    const ready = show(item);
    const isLong = "path" in ready && typeof ready.path === "string" && ready.path.length > maxShownPath;
    shown.push(isLong ? { ...ready, path: shownPath(String(ready.path)) } : ready);
  }
  return { count, items: shown };
}

/** Of what a role does not have. */
export const nothingListed: Listed<never> = { count: 0, items: [] };
