/**
 * `max_age`: files whose content is older than this are left alone. That a file is old is the one thing that only clocks
 * can tell, and any of them may be wrong: so whatever speaks against it counts. An old file may be sent; a new one is never left.
 */
import { deviceNowMs } from "../../lib/clock.ts";
import type { Fingerprint } from "../access/fingerprint.ts";

/** A clock that says so has not been set yet, and knows no file's age. */
const earliestMs = Date.UTC(2015, 0, 1);

/**
 * Whether a file that was there before anybody looked was modified too long ago: by the device's clock as by the
 * brokers', and stamped by a file system whose clock was set.
 *
 * @param maxAgeMs undefined: none is too old
 * @param brokersNowMs the brokers' time, milliseconds since 1970; undefined where it is not known
 * @param deviceMs the device's time, milliseconds since 1970
 */
export function isTooOld(
  { mtime, ctime }: Fingerprint,
  maxAgeMs: number | undefined,
  brokersNowMs: number | undefined,
  deviceMs: number = deviceNowMs(),
): boolean {
  if (maxAgeMs === undefined || milliseconds(ctime) < earliestMs) return false;
  const nowMs = Math.min(deviceMs, brokersNowMs ?? deviceMs);
  return nowMs >= earliestMs && nowMs - milliseconds(mtime) > maxAgeMs;
}

/**
 * Whether a file that came while somebody looked brought an old time with it. When it came is its change time: that and
 * its modification time are one clock's, its file system's, and so is its age the same however long it waits.
 */
export function cameTooOld({ mtime, ctime }: Fingerprint, maxAgeMs: number | undefined): boolean {
  if (maxAgeMs === undefined || milliseconds(ctime) < earliestMs) return false;
  return milliseconds(ctime) - milliseconds(mtime) > maxAgeMs;
}

function milliseconds(nanoseconds: string): number {
  return Number(nanoseconds) / 1e6;
}
