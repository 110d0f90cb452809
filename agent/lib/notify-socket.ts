/**
 * The socket on which a service manager hears of this process: sd_notify(3), by hand, as the runtime has no datagram sockets of the file
 * system. Messages come from the main process, so the unit needs no more than `NotifyAccess=main`.
 */
import { dlopen, FFIType, ptr } from "bun:ffi";

/** From Linux' headers. */
const AF_UNIX = 1;
const SOCK_DGRAM = 2;
const SOCK_CLOEXEC = 0o2000000;
const MSG_DONTWAIT = 0x40;
const MSG_NOSIGNAL = 0x4000;
/** Of `sun_path` in unix(7). */
const longestPath = 107;

/** Sends lines, `READY=1`, without ever waiting. Returns whether they were taken: a listener that is behind takes none, nor does one that is away. */
export type Notify = (lines: string) => boolean;

/**
 * Opens it.
 *
 * @param address `$NOTIFY_SOCKET`: a path, or `@` and a name in the abstract namespace
 * @returns undefined for an address that is none, or where there are no more handles
 */
export function openNotifySocket(address: string): Notify | undefined {
  const name = Buffer.from(address.replace(/^@/, "\0"));
  if (!/^[/@]/.test(address) || name.length > longestPath) return undefined;
  const { socket, sendto } = dlopen("libc.so.6", {
    socket: { args: [FFIType.i32, FFIType.i32, FFIType.i32], returns: FFIType.i32 },
    sendto: {
      args: [FFIType.i32, FFIType.ptr, FFIType.u64, FFIType.i32, FFIType.ptr, FFIType.u32],
      returns: FFIType.i64,
    },
  }).symbols;
  const fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  if (fd < 0) return undefined;
  const family = Buffer.from(Uint16Array.of(AF_UNIX).buffer);
  // The name of a file ends with a NUL, an abstract one does not.
  const to = Buffer.concat([family, name, Buffer.alloc(address.startsWith("@") ? 0 : 1)]);
  return (lines) => {
    const message = Buffer.from(lines);
    const length = BigInt(message.length);
    return sendto(fd, ptr(message), length, MSG_DONTWAIT | MSG_NOSIGNAL, ptr(to), to.length) === length;
  };
}
