/** What the uploader's parts are given, grouped by what belongs together. */

/** How the process runs. */
export interface Run {
  /** Fires when the agent is to stop. */
  signal: AbortSignal;
  /** A missing right ends it instead of being waited for. */
  once: boolean;
  /** How long a stop waits for what is under way. */
  drainMs: number;
}
