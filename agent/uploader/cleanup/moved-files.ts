/**
 * Files that were moved away while it could not be told whether somebody had them open for writing. They are looked at
 * again after the next full looks: what was written to since was not sent so, and is put back, to be sent again.
 */
import { BoundedMap } from "../../lib/bounded-map.ts";
import { messageOf } from "../../lib/errors.ts";
import type { Place } from "../../lib/files-below.ts";
import type { Log } from "../../observe/log.ts";
import { RareWarnings } from "../../observe/rare-warnings.ts";
import type { FileValue } from "../../wire/entry-value.ts";
import { pathToDisplay, pathToText } from "../../wire/path.ts";
import { fingerprintOfState, sameSizeAndTime } from "../access/fingerprint.ts";
import type { WatchedFile } from "../access/watch.ts";
import type { WatchFiles } from "../access/watch-files.ts";

interface Moved {
  file: WatchedFile;
  entry: FileValue;
  at: Place;
  looks: number;
}

/** The oldest are looked at no longer when there are more. */
const maxKept = 2000;
const mostLooks = 3;

export class MovedFiles {
  readonly #files: WatchFiles;
  readonly #warnings: RareWarnings;
  readonly #moved = new BoundedMap<string, Moved>(maxKept);
  #looking: Promise<void> = Promise.resolve();

  constructor(files: WatchFiles, log: Log) {
    this.#files = files;
    this.#warnings = new RareWarnings(log);
  }

  add(file: WatchedFile, entry: FileValue, at: Place): void {
    this.#moved.set(file.path, { file, entry, at, looks: 0 });
  }

  looked(): void {
    this.#looking = this.#looking.then(() => this.#lookAtAll());
  }

  end(): Promise<void> {
    return this.#looking;
  }

  async #lookAtAll(): Promise<void> {
    for (const moved of [...this.#moved.values()]) {
      const { path } = moved.file;
      try {
        if ((await this.#isDone(moved)) || ++moved.looks >= mostLooks) this.#moved.delete(path);
      } catch (error) {
        this.#moved.delete(path);
        this.#warnings.warn("look", `${pathToDisplay(path)}: can't be looked at again: ${messageOf(error)}`);
      }
    }
  }

  /** Whether there is no more to see: it is another file by now, or none, or was put back. */
  async #isDone({ file, entry, at }: Moved): Promise<boolean> {
    const there = await this.#files.lookAt(file, at);
    const found = there && fingerprintOfState(there);
    if (!found || found.inode !== entry.inode) return true;
    if (sameSizeAndTime(entry, found)) return false;
    const name = pathToDisplay(file.path);
    const what = `${name}: it was written to after it was moved away`;
    const outcome = await this.#files.moveBack(file, found, at);
    if (outcome === "done") this.#warnings.warn("back", `${what}; it was put back`);
    // It is being written to at this moment.
    else if (outcome !== "taken" && outcome !== "noFolder") return false;
    else {
      const where = `${at.root}/${pathToDisplay(pathToText(at.relative))}`;
      this.#warnings.warn("left", `${what}, and its name was taken: what was not sent is at ${where} now`);
    }
    return true;
  }
}
