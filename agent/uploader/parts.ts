/** What the uploader's parts are given, grouped by what belongs together. */
import type { Log } from "../observe/log.ts";
import type { Observer } from "../observe/observer.ts";
import type { Moving } from "../observe/status.ts";

/** Where it is told what happens. */
export interface Report {
  log: Log;
  observer: Observer;
  logChunks: boolean;
  /** The versions under way; each adds itself when it is taken up. */
  moving: Set<{ progress: Moving }>;
}

/** How the process runs. */
export interface Run {
  /** Fires when the agent is to stop. */
  signal: AbortSignal;
  /** A missing right ends it instead of being waited for. */
  once: boolean;
  /** How long a stop waits for what is under way. */
  drainMs: number;
}
