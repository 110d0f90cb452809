/**
 * Local time as `date` shows it. The runtime knows zones by name only, and takes any other TZ for UTC: a rule
 * (`CET-1CEST,M3.5.0,M10.5.0/3`), a path (`:/etc/localtime`), an /etc/localtime that is no link. The C library knows them all;
 * where it has no zone files, as in the smallest containers, the runtime's own have to do.
 */
import { dlopen, FFIType, ptr } from "bun:ffi";
import { existsSync } from "node:fs";
import { join } from "node:path";

const minuteMs = 60_000;
/** In `struct tm` of the C libraries of Linux, with 64 bits. */
const tmBytes = 56;
const gmtoffAt = 40;

export class LocalTime {
  readonly #offsetAt: (ms: number) => number;
  #minute = Number.NaN;
  #offsetMs = 0;

  constructor(environment: Readonly<Record<string, string | undefined>> = process.env) {
    this.#offsetAt = knowsZoneAlone(environment) ? offsetOfRuntime : offsetOfLibrary();
  }

  /** `20250415 20:30:49.202` */
  text(ms: number): string {
    const minute = Math.floor(ms / minuteMs);
    // A zone's clocks change at full minutes.
    if (minute !== this.#minute) {
      this.#minute = minute;
      this.#offsetMs = this.#offsetAt(ms);
    }
    return new Date(ms + this.#offsetMs).toISOString().replaceAll("-", "").replace("T", " ").slice(0, -1);
  }
}

/** Whether the runtime knows a zone whose file is not here for the C library. */
function knowsZoneAlone({ TZ, TZDIR }: Readonly<Record<string, string | undefined>>): boolean {
  if (!TZ || existsSync(join(TZDIR || "/usr/share/zoneinfo", TZ))) return false;
  try {
    new Intl.DateTimeFormat("en", { timeZone: TZ });
    return true;
  } catch {
    return false;
  }
}

function offsetOfRuntime(ms: number): number {
  return -new Date(ms).getTimezoneOffset() * minuteMs;
}

function offsetOfLibrary(): (ms: number) => number {
  const libc = dlopen("libc.so.6", {
    // Looks whether /etc/localtime has changed: localtime_r does not.
    tzset: { args: [], returns: FFIType.void },
    localtime_r: { args: [FFIType.ptr, FFIType.ptr], returns: FFIType.ptr },
  });
  const seconds = new BigInt64Array(1);
  const tm = new DataView(new ArrayBuffer(tmBytes));
  return (ms) => {
    seconds[0] = BigInt(Math.floor(ms / 1000));
    libc.symbols.tzset();
    if (libc.symbols.localtime_r(ptr(seconds), ptr(tm)) === null) return offsetOfRuntime(ms);
    return Number(tm.getBigInt64(gmtoffAt, true)) * 1000;
  };
}
