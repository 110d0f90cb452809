/** Noting what the ledger has as present and is no longer there. */
import type { UploaderLedger } from "../ledger/uploader-ledger.ts";
import { messageOf } from "../lib/errors.ts";
import { sideBySide } from "../lib/side-by-side.ts";
import type { Log } from "../observe/log.ts";
import { pathToDisplay } from "../wire/path.ts";
import { isGone } from "./scan.ts";
import type { Watch } from "./watched-file.ts";

/** So often everything is looked at once more, whatever the counts say. */
const everyLooks = 60;
/** Files that are looked at and noted at a time: each waits for the disk, then for the brokers. */
const atATime = 32;

export interface GoneFilesOptions {
  ledger: Pick<UploaderLedger, "paths" | "file" | "isPresent" | "put">;
  log: Log;
  signal: AbortSignal;
  /** Whether the file is being sent: then it is no business of a look. */
  isBusy(path: string): boolean;
}

export class GoneFiles {
  readonly #watch: Watch;
  readonly #options: GoneFilesOptions;
  /** How many present ones a look does not see though they are there: others than the watch wants now. */
  #unseen = 0;
  /** Whether something could not be decided last time. */
  #isUnsure = false;
  #seen = 0;
  #looks = 0;

  constructor(watch: Watch, options: GoneFilesOptions) {
    this.#watch = watch;
    this.#options = options;
  }

  /** A full look begins. */
  begin(): void {
    this.#seen = 0;
  }

  /** It has found a file. */
  found(path: string): void {
    if (this.#options.ledger.isPresent(path)) this.#seen++;
  }

  /**
   * It is over, and was complete. As many were seen as the ledger has: none is gone, and none is looked at a second time.
   * Else each is, before it is noted as gone.
   */
  async note(): Promise<void> {
    const { ledger } = this.#options;
    const present = [...ledger.paths()].filter((path) => this.#isOfWatch(path) && ledger.isPresent(path));
    const isDue = this.#looks++ % everyLooks === everyLooks - 1 || this.#isUnsure;
    if (present.length - this.#seen === this.#unseen && !isDue) return;
    this.#isUnsure = false;
    let there = 0;
    await sideBySide(present, atATime, async (path) => {
      if (!(await this.#noteIfGone(path))) there++;
    });
    this.#unseen = Math.max(0, there - this.#seen);
  }

  /** Returns whether it is gone, as far as that can be decided now. */
  async #noteIfGone(path: string): Promise<boolean> {
    const { ledger, log, signal, isBusy } = this.#options;
    const isElsewhere = () => signal.aborted || isBusy(path) || !ledger.isPresent(path);
    const relative = path.slice(this.#folder.length);
    const isMissing = !isElsewhere() && (await isGone(this.#watch, relative));
    const entry = ledger.file(path);
    if (isElsewhere() || !entry) {
      this.#isUnsure = true;
      return false;
    }
    if (!isMissing) return false;
    await ledger.put(path, { ...entry, state: "gone" }).catch((error: unknown) => {
      if (!signal.aborted) log.warn(`${pathToDisplay(path)}: can't be noted as gone: ${messageOf(error)}`);
    });
    return true;
  }

  get #folder(): string {
    return this.#watch.file("").path;
  }

  #isOfWatch(path: string): boolean {
    if (!path.startsWith(this.#folder)) return false;
    // What is deeper than this watch looks is another watch's.
    return this.#watch.config.recursive || !path.slice(this.#folder.length).includes("/");
  }
}
