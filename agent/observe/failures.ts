/** The files that failed at their last try, for the status and its number; those of all times are counted by the metrics. */
import { BoundedMap, textBytes } from "../lib/bounded-map.ts";
import { timeNow } from "../lib/clock.ts";
import { nameDigest } from "../lib/name-hash.ts";
import { cutTo } from "../wire/limits.ts";
import { type Failure, type Listed, listed, shownPath } from "./status.ts";

/** More than anybody reads; the oldest are forgotten then. */
const maxKept = 5000;
const maxBytes = 4 << 20;
const maxReason = 500;

export class Failures {
  /** By path, so that a file that fails again at each rescan counts once; the oldest first. */
  readonly #kept = new BoundedMap<string, Failure>(maxKept, {
    most: maxBytes,
    of: (_, { path, reason }) => 200 + 2 * textBytes(path) + textBytes(reason),
  });

  /** 5000 at most. */
  get count(): number {
    return this.#kept.size;
  }

  add(path: string, reason: string): void {
    const failure = {
      path: shownPath(path),
      reason: cutTo(reason, maxReason),
      time: timeNow(),
    };
    this.#kept.set(keyOf(path), failure);
  }

  /** The file went well after all. */
  remove(path: string): void {
    this.#kept.delete(keyOf(path));
  }

  /** By what is before the first slash of a path: on a downloader, the uploader's name. */
  countByUploader(): Map<string, number> {
    const counts = new Map<string, number>();
    for (const { path } of this.#kept.values()) {
      const [uploader = ""] = path.split("/", 1);
      counts.set(uploader, (counts.get(uploader) ?? 0) + 1);
    }
    return counts;
  }

  /** The latest first. */
  list(): Listed<Failure> {
    return listed([...this.#kept.values()].reverse(), this.count, (failure) => failure);
  }
}

/** What is shown of two long paths may be the same. */
function keyOf(path: string): string {
  return path === shownPath(path) ? path : nameDigest(path);
}
