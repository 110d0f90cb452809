/** `max_age`: files whose content is older than this are left alone. */
import type { Fingerprint } from "./fingerprint.ts";

/** A clock that says so has not been set yet, and knows no file's age: none is too old then. */
const earliestNowMs = Date.UTC(2015, 0, 1);

/**
 * Whether a file was modified too long ago.
 *
 * @param maxAgeMs undefined: none is too old
 * @param nowMs the wall clock's time, milliseconds since 1970
 */
export function isTooOld({ mtime }: Fingerprint, maxAgeMs: number | undefined, nowMs: number): boolean {
  if (maxAgeMs === undefined || nowMs < earliestNowMs) return false;
  return nowMs - Number(mtime) / 1e6 > maxAgeMs;
}
