/** Memory that the C library holds for the native Kafka client, outside the runtime's own heap. */
import { dlopen, FFIType } from "bun:ffi";

const libc = dlopen("libc.so.6", { malloc_trim: { args: [FFIType.u64], returns: FFIType.i32 } });

/** Gives what is freed there back to the system. Takes a few milliseconds. See malloc_trim(3). */
export function releaseNativeMemory(): void {
  libc.symbols.malloc_trim(0n);
}
