/**
 * Buffers that chunks are read into and sent from, without a copy on the way: the client reads one until its record is
 * acknowledged, then the next chunk has it. So there are about as many as the window has room for, and none of them is garbage.
 */
import { leaveGarbage } from "../../lib/garbage.ts";

export class ChunkBuffers {
  readonly #free: Buffer[] = [];
  #users = 0;

  /** To be called before any is taken; the function that it returns, when all are given back. None is kept beyond that. */
  begin(): () => void {
    this.#users++;
    return () => {
      this.#users--;
      if (this.#users === 0) this.#dropFree();
    };
  }

  /** A buffer of so many bytes, or longer. */
  take(bytes: number): Buffer {
    const free = this.#free.pop();
    if (free && free.length >= bytes) return free;
    // Chunks have become larger: the others are too short as well.
    if (free) this.drop(free);
    this.#dropFree();
    return Buffer.allocUnsafeSlow(bytes);
  }

  /** Nobody reads it any more. */
  giveBack(buffer: Buffer): void {
    if (this.#users > 0) this.#free.push(buffer);
    else this.drop(buffer);
  }

  /** Nobody gets it again. */
  drop(buffer: Buffer): void {
    leaveGarbage(buffer.length);
  }

  #dropFree(): void {
    for (const buffer of this.#free.splice(0)) this.drop(buffer);
  }
}

/** A buffer for one chunk, if it needs one: what a small file has was read when it was opened. */
export class LentBuffer {
  readonly #buffers: ChunkBuffers;
  readonly #bytes: number;
  #buffer: Buffer | undefined;
  #until: Promise<void> | undefined;

  constructor(buffers: ChunkBuffers, bytes: number) {
    this.#buffers = buffers;
    this.#bytes = bytes;
  }

  /** To be called once. */
  take(): Buffer {
    this.#buffer = this.#buffers.take(this.#bytes);
    return this.#buffer.subarray(0, this.#bytes);
  }

  /** Somebody else reads it until this resolves. */
  usedUntil(until: Promise<void> | undefined): void {
    this.#until = until;
  }

  /** Its record is acknowledged. */
  giveBack(): void {
    const buffer = this.#buffer;
    if (!buffer) return;
    if (this.#until) void this.#until.then(() => this.#buffers.giveBack(buffer));
    else this.#buffers.giveBack(buffer);
  }

  /** Its record failed, or there is none: the client, or a read that goes on, may still have it. */
  drop(): void {
    if (this.#buffer) this.#buffers.drop(this.#buffer);
  }
}
