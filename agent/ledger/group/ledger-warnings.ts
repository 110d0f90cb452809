/** What a group's member says of the ledger that it follows. */
import type { Log } from "../../observe/log.ts";
import { chunkKey } from "../../wire/chunk.ts";
import { pathToDisplay } from "../../wire/path.ts";
import type { GroupState } from "./group-state.ts";

/** How much was lost of the ledger before. */
export type Lost = "all" | "end";

const namedUploaders = 5;
const overflowMs = 60_000;

export class LedgerWarnings {
  readonly #state: GroupState;
  readonly #now: () => number;
  /** The uploaders that were warned of last: not all that is missing of them is worked on. */
  #warnedOverflow = "";
  #warnedOverflowAtMs = Number.NEGATIVE_INFINITY;
  #hasWarnedOfForgotten = false;

  constructor(state: GroupState, now: () => number) {
    this.#state = state;
    this.#now = now;
  }

  /** @param lost what was lost since the last call */
  say(log: Log, lost: Lost | undefined): void {
    if (lost) this.#warnOfLoss(log, lost);
    this.#warnOfDiffering(log);
    this.#warnOfOverflow(log);
    this.#warnOfForgotten(log);
  }

  #warnOfLoss(log: Log, lost: Lost): void {
    const what =
      lost === "end" ? "the end of the ledger was cut off" : "the ledger was deleted and made again";
    log.warn(`${what}: what is delivered is noted in it again, and all else is read from it`);
  }

  #warnOfDiffering(log: Log): void {
    for (const { uploader, path, version } of this.#state.versions.drainDiffering())
      log.warn(
        `${pathToDisplay(chunkKey({ uploader, path }))}: its uploader has noted another content under version ${version} than the one that is stored: it is fetched`,
        { uploader, path, version },
      );
  }

  /** Once: it stays so. */
  #warnOfForgotten(log: Log): void {
    if (this.#hasWarnedOfForgotten || !this.#state.versions.marks.hasForgotten) return;
    this.#hasWarnedOfForgotten = true;
    log.warn(
      "there are more uploaders, in so many partitions, than are kept in memory: of some it is not known what was delivered, and that may come once more",
    );
  }

  /** Once for the same uploaders, and once a minute: forged entries can change them at any rate. */
  #warnOfOverflow(log: Log): void {
    if (this.#now() - this.#warnedOverflowAtMs < overflowMs) return;
    const uploaders = [...this.#state.outstanding.overflowing()].sort();
    const all = uploaders.join(" ");
    if (all === this.#warnedOverflow) return;
    this.#warnedOverflow = all;
    if (uploaders.length > 0) this.#warnedOverflowAtMs = this.#now();
    if (uploaders.length > 0)
      log.warn(
        `more files of ${nameSome(uploaders)} are missing than are worked on at a time: the others follow when these are settled`,
      );
  }
}

/** Some of them, and how many others. */
export function nameSome(uploaders: readonly string[]): string {
  const named = uploaders.slice(0, namedUploaders).join(", ");
  const others = uploaders.length - namedUploaders;
  return others > 0 ? `${named} and ${others} other uploaders` : named;
}
