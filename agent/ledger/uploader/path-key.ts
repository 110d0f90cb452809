/**
 * A path to look for in a `PathTable`, as the UTF-8 bytes of its text: made in one buffer that is used again, so that a look at a
 * hundred thousand names makes no text of any.
 */
import { keyedHash } from "../../lib/keyed-hash.ts";
import { limits } from "../../wire/limits.ts";

const none = -1;

export class PathKey {
  /** The longest path: characters that are no ASCII are no longer as bytes than as escapes. */
  readonly bytes: Buffer = Buffer.allocUnsafeSlow(limits.pathText);
  /** Of the folder that names are put behind. */
  #folderLength = 0;
  #length = 0;

  /** How many of the bytes are the path; negative: it is longer than any path may be. */
  get length(): number {
    return this.#length;
  }

  get hash(): number {
    return keyedHash(this.bytes, this.#length);
  }

  /** The text of the path. */
  get text(): string {
    return this.bytes.toString("utf8", 0, Math.max(0, this.#length));
  }

  /** The key is a whole path from now on. */
  set(text: string): this {
    // As bytes it has three times as many at most, and is only counted where that may be too many.
    const fits = 3 * text.length <= this.bytes.length || Buffer.byteLength(text) <= this.bytes.length;
    this.#length = fits ? this.bytes.write(text) : none;
    this.#folderLength = none;
    return this;
  }

  /** The key is a folder's path, with its slash, for names to be put behind. */
  setFolder(text: string): void {
    this.#folderLength = this.set(text).length;
  }

  /**
   * Puts a name behind the folder, in the place of the one before. Returns false where the name's bytes do not stand for themselves in a
   * text, or it is too long: `setFolder` is to be called again after `set`.
   */
  setName(from: Uint8Array, at: number, length: number): boolean {
    const begin = this.#folderLength;
    if (begin < 0 || begin + length > this.bytes.length) return false;
    for (let index = 0; index < length; index++) {
      const byte = from[at + index] ?? 0;
      if (byte < 0x20 || byte > 0x7e || byte === percent) return false;
      this.bytes[begin + index] = byte;
    }
    this.#length = begin + length;
    return true;
  }
}

const percent = 0x25;
