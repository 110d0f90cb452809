/**
 * Which clock is for what. There are four, and no two of them agree:
 *
 * - **The monotonic clock** (`performance.now()`) is for everything that lasts: time-outs, pauses, how long a file has stood
 *   still. Nobody can set it.
 * - **The brokers' clock** orders what is sent and what is delivered: the time at which the log took a record. It comes with
 *   each acknowledgement and each record that is read, and goes on by the monotonic clock (`ledger/uploader/version-clock.ts`).
 * - **A file system's clock** stamps files. It may be a server's. Its stamps are compared for being the same, and with
 *   each other, never with another clock: a clock that is some seconds ahead of it would have every file that is being
 *   written taken for a finished one.
 * - **The device's clock** stands at 1970 where no battery keeps it, and jumps when the network is there. It is for people: log
 *   lines, the status, metrics.
 *
 * A `now` or `nowMs` that is handed down is the monotonic clock, in milliseconds, but where it is the ledger's own time (`version-clock.ts`,
 * `name-claim.ts`, `uploader-state.ts`), which is the brokers'.
 *
 * So what is said gets its time from `timeNow`, and a number of the device's clock is to be had from `deviceNowMs` only,
 * which `scripts/lint/clocks.grit` gives to few.
 */

/** The device's time as people read it in entries and in the status: ISO 8601, UTC. Nothing is decided by it. */
export function timeNow(): string {
  return new Date().toISOString();
}

/** The device's clock, milliseconds since 1970. Not for decisions: see above, and the exceptions in the lint rule. */
export function deviceNowMs(): number {
  return Date.now();
}
