/** Signals that are no order to end, and would end the process all the same if nobody said otherwise. */

import { dlopen, FFIType } from "bun:ffi";
import { constants } from "node:os";
import type { Log } from "../observe/log.ts";

/** SIG_IGN of signal.h. */
const ignore = 1n;
/** Those that an application may use; the C library and the runtime keep the ones before and SIGPWR for themselves. */
const realTime = { first: 34, last: 64 };
/** Not in the runtime's list on every architecture. */
const SIGSTKFLT = 16;

/**
 * From now on only SIGTERM, SIGINT, SIGQUIT and SIGKILL end the agent, and its own mistakes. SIGHUP says that there is nothing to be read again;
 * a pipe without a reader and a file that is too large are errors of the call.
 */
export function ignoreOtherSignals(log: Log): void {
  const libc = dlopen("libc.so.6", { signal: { args: [FFIType.i32, FFIType.u64], returns: FFIType.u64 } });
  try {
    const { SIGUSR1, SIGUSR2, SIGPIPE, SIGALRM, SIGXFSZ, SIGVTALRM, SIGPROF, SIGIO } = constants.signals;
    const named = [SIGUSR1, SIGUSR2, SIGPIPE, SIGALRM, SIGXFSZ, SIGVTALRM, SIGPROF, SIGIO, SIGSTKFLT];
    for (const number of named) libc.symbols.signal(number, ignore);
    for (let number = realTime.first; number <= realTime.last; number++) libc.symbols.signal(number, ignore);
  } finally {
    libc.close();
  }
  process.on("SIGHUP", () =>
    log.info("SIGHUP: ignored: the log goes to standard output, and settings are read at the start only"),
  );
}
