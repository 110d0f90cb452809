/**
 * flock(2): a lock that the kernel takes back when whoever has it ends, however that comes. It is on the file, by whatever path,
 * mount or container it is found.
 */
import { dlopen, FFIType, read } from "bun:ffi";

/** From <sys/file.h> and <errno.h>. */
const LOCK_EX = 2;
const LOCK_NB = 4;
const EACCES = 13;
const EAGAIN = 11;

const libc = dlopen("libc.so.6", {
  flock: { args: [FFIType.i32, FFIType.i32], returns: FFIType.i32 },
  __errno_location: { args: [], returns: FFIType.ptr },
});

/** `unsupported`: this file system knows no locks, or can't give one now. */
export type LockState = "locked" | "taken" | "unsupported";

/** Never waits. The lock ends when the descriptor, and all its duplicates, are closed. */
export function lockFile(fd: number): LockState {
  if (libc.symbols.flock(fd, LOCK_EX | LOCK_NB) === 0) return "locked";
  const errno = libc.symbols.__errno_location();
  const code = errno === null ? 0 : read.i32(errno, 0);
  // EACCES: by SMB.
  return code === EAGAIN || code === EACCES ? "taken" : "unsupported";
}
