/** Files that stood still for long enough while somebody still has them open for writing: each is said once. */
import { BoundedMap } from "../../lib/bounded-map.ts";
import type { Log } from "../../observe/log.ts";
import { pathToDisplay } from "../../wire/path.ts";
import type { WatchedFile } from "../access/watch.ts";

export const unfinishedReason = "a program has it open for writing";

/** With `--once`: one that is never closed must not keep the others' exit code for ever. */
const mostAsksOnce = 10;
/** The oldest are said again, should they be met again. */
const maxKept = 10_000;

export class UnfinishedFiles {
  readonly #log: Log;
  readonly #mostAsks: number;
  readonly #asks = new BoundedMap<string, number>(maxKept);

  constructor(log: Log, once: boolean) {
    this.#log = log;
    this.#mostAsks = once ? mostAsksOnce : Number.POSITIVE_INFINITY;
  }

  /** Somebody has the file open. Returns whether it is worth waiting for. */
  isToBeAskedAgain({ path }: WatchedFile): boolean {
    const asks = 1 + (this.#asks.get(path) ?? 0);
    if (asks >= this.#mostAsks) return false;
    if (asks === 1) this.#log.info(`${pathToDisplay(path)}: waits, as ${unfinishedReason}`);
    this.#asks.set(path, asks);
    return true;
  }

  /** It is finished, or something else became of it. */
  end(path: string): void {
    this.#asks.delete(path);
  }
}
