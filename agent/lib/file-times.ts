/**
 * Setting a file's modification time to the nanosecond. Node's `utimes` takes seconds as a floating-point number,
 * which loses some 100 ns today; tools that compare times (rsync does, to the nanosecond) would see every file as
 * changed.
 */
import { dlopen, FFIType, ptr } from "bun:ffi";
import { AgentError } from "./errors.ts";

/** From utimensat(2), <fcntl.h> and <sys/stat.h>. */
const AT_FDCWD = -100;
const AT_SYMLINK_NOFOLLOW = 0x100;
const UTIME_OMIT = 0x3ffffffen;

const libc = dlopen("libc.so.6", {
  utimensat: { args: [FFIType.i32, FFIType.ptr, FFIType.ptr, FFIType.i32], returns: FFIType.i32 },
});

/** @param nanoseconds since 1970. Throws a retryable `AgentError` when the system refuses. */
export function setModificationTime(path: string | Buffer, nanoseconds: bigint): void {
  const bytes = Buffer.concat([Buffer.from(path as string), Buffer.from([0])]);
  let seconds = nanoseconds / 1_000_000_000n;
  let rest = nanoseconds % 1_000_000_000n;
  if (rest < 0n) {
    seconds -= 1n;
    rest += 1_000_000_000n;
  }
  const times = new BigInt64Array([0n, UTIME_OMIT, seconds, rest]);
  if (libc.symbols.utimensat(AT_FDCWD, ptr(bytes), ptr(times), AT_SYMLINK_NOFOLLOW) !== 0) {
    throw new AgentError(`setting the modification time of ${path} failed`, "retryable");
  }
}
