/**
 * An open file of the machine's file system. What is written goes on to the disk soon, a few megabytes at a time: a sync then finds
 * little to wait for, also one for a small file beside a large one. What only closing a file tells is told: some file systems (FUSE, NFS)
 * take or refuse what was written then, and Bun's `close` says nothing of it (1.4.4).
 */
import type { FileHandle } from "node:fs/promises";
import type { DiskFile } from "./disk.ts";
import { codeOf } from "./errors.ts";

/** What Node's API has no call for. */
export interface NativeFile {
  /** Does what closing a file does, which stays open, and tells how that went. */
  handOver(fd: number, callback: (error: NodeJS.ErrnoException | null) => void): void;
  /** Waits for what of the file is on its way to the disk, and sends the rest there. It is not to be closed meanwhile. */
  startWriting(fd: number, callback: (error: NodeJS.ErrnoException | null) => void): void;
}

/** By default Linux lets written bytes rest for half a minute: a sync had up to 64 MiB to write. */
const mostRestingBytes = 8 << 20;

export class LocalFile implements DiskFile {
  readonly #handle: FileHandle;
  readonly #native: NativeFile;
  /** Bytes that were written since the system was told to send them to the disk. */
  #restingBytes = 0;
  /** Something was written that is not handed over. */
  #isWritten = false;

  constructor(handle: FileHandle, native: NativeFile) {
    this.#handle = handle;
    this.#native = native;
  }

  async read(buffer: Buffer, length: number, position: number): Promise<number> {
    return (await this.#handle.read(buffer, 0, length, position)).bytesRead;
  }

  async write(bytes: Buffer, position: number): Promise<void> {
    this.#isWritten = true;
    for (let at = 0; at < bytes.length; ) {
      at += (await this.#handle.write(bytes, at, bytes.length - at, position + at)).bytesWritten;
    }
    this.#restingBytes += bytes.length;
    if (this.#restingBytes >= mostRestingBytes) await this.#startWriting();
  }

  async extend(from: number, to: number): Promise<boolean> {
    const isEnd = (await this.#handle.stat()).size <= from;
    this.#isWritten = true;
    if (isEnd) await this.#handle.truncate(to);
    return isEnd;
  }

  chmod(mode: number): Promise<void> {
    return whereThereAreModes(this.#handle.chmod(mode));
  }

  async close(): Promise<void> {
    try {
      if (this.#isWritten) await handOver(this.#native, this.#handle.fd);
    } finally {
      await this.#handle.close();
    }
  }

  /** Whatever it reports is nobody else's to hear, also not of a sync; but for a system that has no such call. */
  #startWriting(): Promise<void> {
    this.#restingBytes = 0;
    return new Promise((resolve, reject) => {
      this.#native.startWriting(this.#handle.fd, (error) => {
        if (error && error.code !== "ENOSYS" && error.code !== "EINVAL") reject(error);
        else resolve();
      });
    });
  }
}

/** Has the file system take what was written to an open file. Throws when it does not. */
export function handOver(native: NativeFile, fd: number): Promise<void> {
  return new Promise((resolve, reject) => {
    native.handOver(fd, (error) => (error ? reject(error) : resolve()));
  });
}

/** vfat refuses the modes that it can't keep, also for what the agent has just made. */
export async function whereThereAreModes(change: Promise<void>): Promise<void> {
  await change.catch((error: unknown) => {
    if (codeOf(error) !== "EPERM") throw error;
  });
}
