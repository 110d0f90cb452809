import type { Log } from "./log.ts";
import type { Observer } from "./observer.ts";

/** Where a part reports what it does: the log for people, the observer for metrics and the status. */
export interface Reporting {
  readonly log: Log;
  readonly observer: Observer;
  /** Whether each chunk gets a line in the log. */
  readonly logChunks: boolean;
}
