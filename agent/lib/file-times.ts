/**
 * Setting a file's modification time to the nanosecond. Node's `utimes` takes seconds as a floating-point number,
 * which loses some 100 ns today; tools that compare times (rsync does, to the nanosecond) would see every file as
 * changed.
 */
import { dlopen, FFIType, ptr } from "bun:ffi";

/** From utimensat(2), <fcntl.h> and <sys/stat.h>. */
const AT_FDCWD = -100;
const AT_SYMLINK_NOFOLLOW = 0x100;
/** As access time. Drivers in user space skip a call that leaves it out (libfuse 2: exfat-fuse), and the other time with it. */
const UTIME_NOW = 0x3fffffffn;
const billion = 1_000_000_000n;

const libc = dlopen("libc.so.6", {
  utimensat: { args: [FFIType.i32, FFIType.ptr, FFIType.ptr, FFIType.i32], returns: FFIType.i32 },
});

/** @param nanoseconds since 1970. Returns whether the system has taken it. */
export function setModificationTime(path: string | Buffer, nanoseconds: bigint): boolean {
  const bytes = Buffer.concat([Buffer.from(path as string), Buffer.from([0])]);
  const times = new BigInt64Array([0n, UTIME_NOW, ...timespecOf(nanoseconds)]);
  return libc.symbols.utimensat(AT_FDCWD, ptr(bytes), ptr(times), AT_SYMLINK_NOFOLLOW) === 0;
}

/** Seconds, and the nanoseconds after them; also before 1970 those are not negative. */
export function timespecOf(nanoseconds: bigint): [bigint, bigint] {
  const rest = ((nanoseconds % billion) + billion) % billion;
  return [(nanoseconds - rest) / billion, rest];
}
