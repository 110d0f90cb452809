/** The other end of sd_notify(3): a datagram socket with a name in the file system or in the abstract namespace. */
import { dlopen, FFIType, ptr } from "bun:ffi";
import { rm } from "node:fs/promises";

const AF_UNIX = 1;
const SOCK_DGRAM = 2;
const MSG_DONTWAIT = 0x40;
const longest = 8192;

const libc = dlopen("libc.so.6", {
  socket: { args: [FFIType.i32, FFIType.i32, FFIType.i32], returns: FFIType.i32 },
  bind: { args: [FFIType.i32, FFIType.ptr, FFIType.u32], returns: FFIType.i32 },
  recv: { args: [FFIType.i32, FFIType.ptr, FFIType.u64, FFIType.i32], returns: FFIType.i64 },
  close: { args: [FFIType.i32], returns: FFIType.i32 },
}).symbols;

export class NotifyListener {
  readonly #fd: number;
  readonly #address: string;
  readonly #messages: string[] = [];

  /** @param address a path, or `@` and a name */
  constructor(address: string) {
    this.#address = address;
    this.#fd = libc.socket(AF_UNIX, SOCK_DGRAM, 0);
    const name = Buffer.from(`\x01\x00${address.replace(/^@/, "\0")}`);
    if (libc.bind(this.#fd, ptr(name), name.length) !== 0) throw new Error(`can't bind ${address}`);
  }

  /** All that was sent until now, a line each. */
  get lines(): readonly string[] {
    const buffer = Buffer.alloc(longest);
    for (;;) {
      const length = Number(libc.recv(this.#fd, ptr(buffer), BigInt(longest), MSG_DONTWAIT));
      if (length < 0) return this.#messages;
      this.#messages.push(...buffer.toString("utf8", 0, length).split("\n"));
    }
  }

  async close(): Promise<void> {
    libc.close(this.#fd);
    if (!this.#address.startsWith("@")) await rm(this.#address);
  }
}
