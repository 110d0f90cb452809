/** File contents that are cheap to make and that no two files share: blocks of one random block, each stamped with whose and which it is. */
import { closeSync, openSync, writeSync } from "node:fs";
import { open } from "node:fs/promises";
import { Random } from "../../test/support/random.ts";

const blockBytes = 1 << 20;

export class Contents {
  readonly #base: Buffer;
  #made = 0;

  constructor(seed: number) {
    this.#base = new Random(seed).bytes(blockBytes);
  }

  /** Writes a new file of so many bytes that no other file has; gives its MD5. Lets others run between two blocks. */
  async write(path: string, bytes: number): Promise<string> {
    const id = ++this.#made;
    const hasher = new Bun.CryptoHasher("md5");
    const file = await open(path, "wx");
    try {
      for (let at = 0; at < bytes; at += blockBytes) {
        const block = this.#block(id, at / blockBytes, Math.min(blockBytes, bytes - at));
        hasher.update(block);
        await file.write(block);
      }
    } finally {
      await file.close();
    }
    return hasher.digest("hex");
  }

  /** Changes a file where it stands, in one system call, so that nothing between before and after can be read. */
  overwrite(path: string, at: number, bytes: number): void {
    const file = openSync(path, "r+");
    try {
      writeSync(file, this.#block(++this.#made, 0, Math.min(bytes, blockBytes)), 0, undefined, at);
    } finally {
      closeSync(file);
    }
  }

  #block(id: number, index: number, bytes: number): Buffer {
    const block = Buffer.from(this.#base.subarray(0, Math.max(bytes, 8)));
    // Also a file of a few bytes differs from the one before it.
    block.writeUInt32LE(id, 0);
    block.writeUInt32LE(index, 4);
    return block.subarray(0, bytes);
  }
}

/** The MD5 of what a descriptor leads to, whatever has become of the name. Lets others run between two blocks. */
export async function md5Of(
  read: (buffer: Buffer, at: number) => Promise<number>,
): Promise<{ md5: string; size: number }> {
  const hasher = new Bun.CryptoHasher("md5");
  const buffer = Buffer.allocUnsafe(blockBytes);
  let size = 0;
  for (;;) {
    const bytes = await read(buffer, size);
    if (bytes === 0) return { md5: hasher.digest("hex"), size };
    hasher.update(buffer.subarray(0, bytes));
    size += bytes;
  }
}
