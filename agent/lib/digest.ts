/**
 * A digest of bytes that come one part after the other. Large parts are taken in on a worker thread: a megabyte takes a
 * millisecond or more, in which everything else of the agent would stand still.
 */

/** What Node's API has no calls for, as scripts/native has it. */
export interface NativeDigest {
  /** @param done null: at once; else on a worker thread, and until it is called neither buffer may be changed */
  updateDigest(algorithm: number, state: Buffer, bytes: Uint8Array, done: (() => void) | null): void;
  finishDigest(algorithm: number, state: Buffer): Buffer;
}

/** In the order of scripts/native/digest.cc. */
const algorithms = ["md5", "sha256"] as const;
const stateBytes = 128;
/**
 * What is smaller is taken in at once: to go to a thread and back takes 20 µs, as long as MD5 of 16 KiB. What is not much larger
 * leaves a thread little to do.
 */
const smallBytes = 64 << 10;

export class Digest {
  readonly #native: NativeDigest;
  readonly #number: number;
  /** Of most small files none is ever needed. */
  #state: Buffer | undefined;

  constructor(native: NativeDigest, algorithm: (typeof algorithms)[number]) {
    this.#native = native;
    this.#number = algorithms.indexOf(algorithm);
  }

  /** Takes a part in. Until it resolves the bytes may not change, and no other part may come. Never throws. */
  update(bytes: Uint8Array): Promise<void> | undefined {
    this.#state ??= Buffer.alloc(stateBytes);
    const state = this.#state;
    if (bytes.length < smallBytes) return void this.#native.updateDigest(this.#number, state, bytes, null);
    return new Promise((resolve) => this.#native.updateDigest(this.#number, state, bytes, resolve));
  }

  /** Lower-case hex digits, of what has come until now; more may come. */
  get hex(): string {
    return this.#native.finishDigest(this.#number, this.#state ?? Buffer.alloc(stateBytes)).toString("hex");
  }
}
