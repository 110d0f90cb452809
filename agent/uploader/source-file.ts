/**
 * A file while it is read: chunks into one reused buffer, a running checksum over what was read in order, and with each
 * read the question whether it still is the file that was taken up.
 */
import { constants } from "node:fs";
import { type FileHandle, lstat, open } from "node:fs/promises";
import { AgentError, codeOf } from "../lib/errors.ts";
import { leaveGarbage } from "../lib/garbage.ts";
import type { Algorithm } from "../wire/chunk.ts";
import { type Fingerprint, fingerprintOf, sameFingerprint } from "./fingerprint.ts";
import type { Found } from "./scan.ts";
import type { WatchedFile } from "./watched-file.ts";

/** The file is no longer what it was when it was taken up. */
export class ChangedError extends AgentError {
  constructor(what: string) {
    super(what, "permanent");
    this.name = "ChangedError";
  }
}

/** Without following a link, and without waiting for the other end of a pipe. */
const openFlags = constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK;
const hashStepBytes = 1 << 20;

export class SourceFile {
  readonly file: WatchedFile;
  readonly fingerprint: Fingerprint;
  #handle: FileHandle | undefined;
  readonly #algorithm: Algorithm;
  readonly #hasher: Bun.CryptoHasher;
  #hashedTo = 0;
  #hashing: Promise<void> | undefined;
  #closed = false;
  #digest: string | undefined;
  #buffer = Buffer.alloc(0);

  private constructor(found: Found, handle: FileHandle, algorithm: Algorithm) {
    this.file = found.file;
    this.fingerprint = fingerprintOf(found.stats);
    this.#handle = handle;
    this.#algorithm = algorithm;
    this.#hasher = new Bun.CryptoHasher(algorithm);
  }

  /** Throws what the file system throws. */
  static async open(found: Found, algorithm: Algorithm): Promise<SourceFile> {
    return new SourceFile(found, await openFile(found.file), algorithm);
  }

  /** Gives the handle and the buffer back until something is read again, if ever. */
  async rest(): Promise<void> {
    const handle = this.#handle;
    this.#handle = undefined;
    leaveGarbage(this.#buffer.length);
    this.#buffer = Buffer.alloc(0);
    if (handle) await this.file.watch.access.run(() => handle.close());
  }

  /** Ends what goes on beside the reading, too. */
  async close(): Promise<void> {
    this.#closed = true;
    await this.#hashing?.catch(() => undefined);
    await this.rest();
  }

  /**
   * Throws a `ChangedError` when what stands at the path is not the file that was taken up, in the state it had, else what
   * the file system throws.
   */
  async compareState(): Promise<void> {
    const { watch, relative } = this.file;
    const stats = await watch.access
      .run(() => lstat(watch.native(relative), { bigint: true }))
      .catch((error: unknown) => {
        if (codeOf(error) !== "ENOENT" && codeOf(error) !== "ENOTDIR") throw error;
      });
    if (!stats) throw new ChangedError("it is gone");
    if (!stats.isFile() || !sameFingerprint(fingerprintOf(stats), this.fingerprint)) {
      throw new ChangedError("it changed while it was read");
    }
  }

  /**
   * Reads a part and takes it into the running checksum, if it is what comes next there. The bytes are valid until the
   * next read. Throws a `ChangedError` when the file has changed, else what the file system throws.
   */
  async read(offset: number, length: number): Promise<Buffer> {
    if (this.#buffer.length < length) this.#buffer = Buffer.allocUnsafeSlow(length);
    const bytes = this.#buffer.subarray(0, length);
    await this.#fill(bytes, offset);
    if (!this.#hashing && offset <= this.#hashedTo && offset + length > this.#hashedTo) {
      this.#hasher.update(bytes.subarray(this.#hashedTo - offset));
      this.#hashedTo = offset + length;
    }
    await this.compareState();
    return bytes;
  }

  /** Takes the file into the checksum beside its reading, which begins in the middle. `checksum` waits for it. */
  hashBeside(): void {
    this.#hashing ??= this.#hashRest();
    // Whoever waits for the checksum is told.
    this.#hashing.catch(() => undefined);
  }

  /** Resolves when what is hashed beside the reading is hashed. Throws like `read`. */
  async hashed(): Promise<void> {
    await this.#hashing;
  }

  /** `md5:…` or `sha256:…` of the whole file; reads what was not read in order. Throws like `read`. */
  async checksum(): Promise<string> {
    if (this.#hashedTo < this.fingerprint.size) this.hashBeside();
    await this.#hashing;
    this.#digest ??= this.#hasher.digest("hex");
    return `${this.#algorithm}:${this.#digest}`;
  }

  /** Whether the whole content has this checksum, of whichever kind. Throws like `read`. */
  async hasChecksum(checksum: string): Promise<boolean> {
    const algorithm = checksum.startsWith("sha256:") ? "sha256" : "md5";
    const hasher = new Bun.CryptoHasher(algorithm);
    const { size } = this.fingerprint;
    const buffer = Buffer.allocUnsafeSlow(Math.min(hashStepBytes, size));
    for (let offset = 0; offset < size; offset += buffer.length) {
      const bytes = buffer.subarray(0, Math.min(buffer.length, size - offset));
      await this.#fill(bytes, offset);
      hasher.update(bytes);
    }
    leaveGarbage(buffer.length);
    await this.compareState();
    return checksum === `${algorithm}:${hasher.digest("hex")}`;
  }

  async #hashRest(): Promise<void> {
    const { size } = this.fingerprint;
    const buffer = Buffer.allocUnsafeSlow(Math.min(hashStepBytes, size));
    while (this.#hashedTo < size && !this.#closed) {
      const bytes = buffer.subarray(0, Math.min(buffer.length, size - this.#hashedTo));
      await this.#fill(bytes, this.#hashedTo);
      this.#hasher.update(bytes);
      this.#hashedTo += bytes.length;
    }
    leaveGarbage(buffer.length);
    await this.compareState();
  }

  async #fill(bytes: Buffer, offset: number): Promise<void> {
    this.#handle ??= await openFile(this.file);
    for (let at = 0; at < bytes.length; ) {
      const handle = this.#handle;
      const { bytesRead } = await this.file.watch.access.run(() =>
        handle.read(bytes, at, bytes.length - at, offset + at),
      );
      if (bytesRead === 0) throw new ChangedError("it became shorter while it was read");
      at += bytesRead;
    }
  }
}

function openFile(file: WatchedFile): Promise<FileHandle> {
  return file.watch.access.run(() => open(file.watch.native(file.relative), openFlags));
}
