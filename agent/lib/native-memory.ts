/** Memory outside the runtime's own heap: what the C library holds for the native Kafka client, and the executable's own code. */
import { dlopen, FFIType } from "bun:ffi";
import { readFileSync } from "node:fs";

const libc = dlopen("libc.so.6", {
  malloc_trim: { args: [FFIType.u64], returns: FFIType.i32 },
  getpagesize: { args: [], returns: FFIType.i32 },
  madvise: { args: [FFIType.u64, FFIType.u64, FFIType.i32], returns: FFIType.i32 },
});

/** 4096 on most machines; 16384 on a Raspberry Pi 5. */
export const pageBytes: number = libc.symbols.getpagesize();

/** Gives what is freed there back to the system. Takes a few milliseconds. See malloc_trim(3). */
export function releaseNativeMemory(): void {
  libc.symbols.malloc_trim(0n);
}

/** From madvise(2): a page of a file is read from it again, from the page cache as a rule, when it is used the next time. */
const MADV_DONTNEED = 4;

interface Mapping {
  from: bigint;
  to: bigint;
}

/**
 * Lets go of the executable's code: 26 MB are resident after a start, and half of it was for the start alone. What is in use
 * comes back at once, in a tenth of a millisecond. Only what can't have been written to: what has would be lost.
 */
export function releaseCode(): void {
  code ??= findCode();
  for (const { from, to } of code ?? []) libc.symbols.madvise(from, to - from, MADV_DONTNEED);
}

let code: Mapping[] | undefined;

/** The executable's mappings that may be executed and not be written to, see proc_pid_maps(5); undefined: can't be read at present. */
function findCode(): Mapping[] | undefined {
  let maps: string;
  try {
    maps = readFileSync("/proc/self/maps", "utf8");
  } catch {
    return undefined; // there is no file handle left, or no /proc
  }
  const own = maps.split("\n").filter((line) => / r-xp /.test(line) && line.endsWith(process.execPath));
  return own.map((line) => {
    const [from, to] = line.split(" ", 1).join().split("-");
    return { from: BigInt(`0x${from}`), to: BigInt(`0x${to}`) };
  });
}
