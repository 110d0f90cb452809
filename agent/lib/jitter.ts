/**
 * Thousands of agents that were started by one roll-out, or lost the same broker, would do what they do from time to time in
 * step: all of a fleet's requests in one moment, and none until the next. So each waits a little longer or shorter each time.
 */

/** From half to one and a half of `ms`: for the pause before a try, where the first comes soon and the longest is bounded. */
export function jitteredPauseMs(ms: number, random: () => number = Math.random): number {
  return ms * (0.5 + random());
}

/** From three quarters to all of `ms`: for what is done every so often, and is not to be done later than that. */
export function jitteredPeriodMs(ms: number, random: () => number = Math.random): number {
  return ms * (0.75 + random() / 4);
}
