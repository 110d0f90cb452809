/**
 * What a look could not read: each is said once until it can be read again, so many lines a look at most. It is counted, and
 * with `--once` it is no success.
 */
import { BoundedMap } from "../../lib/bounded-map.ts";
import { messageOf } from "../../lib/errors.ts";
import type { Log } from "../../observe/log.ts";
import { pathToDisplay } from "../../wire/path.ts";
import type { Watch } from "../access/watch.ts";

const linesALook = 20;
const mostRemembered = 10_000;

export class UnreadablePaths {
  readonly #watch: Watch;
  readonly #log: Log;
  /** What was said, by path. */
  #said = new BoundedMap<string, string>(mostRemembered);
  #present = new BoundedMap<string, string>(mostRemembered);
  #count = 0;
  #lines = 0;
  #held = 0;
  #lastCount = 0;
  #problem: string | undefined;

  constructor(watch: Watch, log: Log) {
    this.#watch = watch;
    this.#log = log;
  }

  /** How many folders and files the last full look could not read. */
  get count(): number {
    return this.#lastCount;
  }

  /** Why the watch itself could not be read. */
  get problem(): string | undefined {
    return this.#problem;
  }

  beginLook(): void {
    this.#present = new BoundedMap(mostRemembered);
    this.#count = 0;
    this.#lines = 0;
    this.#held = 0;
    this.#problem = undefined;
  }

  /** @param relative as text; "": the watch itself */
  add(relative: string, error: NodeJS.ErrnoException): void {
    const { path } = this.#watch.config;
    const problem = `${path}${relative === "" ? "" : `/${pathToDisplay(relative)}`}: can't be read: ${messageOf(error)}`;
    this.#count++;
    if (relative === "") this.#problem = problem;
    this.#present.set(relative, problem);
    if (this.#said.get(relative) === problem) return;
    if (++this.#lines > linesALook) {
      this.#held++;
      return;
    }
    this.#log.warn(`${problem}; tried again at the next rescan${adviceFor(relative, error)}`);
  }

  endLook(): void {
    if (this.#held > 0) {
      this.#log.warn(`${this.#watch.config.path}: ${this.#held} more files and folders can't be read`);
    }
    this.#said = this.#present;
    this.#lastCount = this.#count;
  }
}

function adviceFor(relative: string, { code }: NodeJS.ErrnoException): string {
  if (relative === "" || (code !== "EACCES" && code !== "EPERM")) return "";
  return `, unless it is excluded (exclude: ["${pathToDisplay(relative)}/**"])`;
}
