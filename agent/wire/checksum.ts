/** A whole file's checksum, as records and entries write it: `md5:HEX` or `sha256:HEX`. */
import { Digest } from "../lib/digest.ts";
import { native } from "../native/load-native.ts";

export const algorithms = ["md5", "sha256"] as const;
export type Algorithm = (typeof algorithms)[number];

export interface Checksum {
  algorithm: Algorithm;
  /** Lower-case hex digits. */
  digest: string;
}

const whole = /^(?:md5:[0-9a-f]{32}|sha256:[0-9a-f]{64})$/;

export function isChecksum(text: string): boolean {
  return whole.test(text);
}

/** The parts of a checksum, `undefined` for any other text. */
export function parseChecksum(text: string): Checksum | undefined {
  const [algorithm, digest = ""] = text.split(":", 2);
  return isChecksum(text) && isAlgorithm(algorithm) ? { algorithm, digest } : undefined;
}

export function isAlgorithm(text: string | undefined): text is Algorithm {
  return algorithms.some((one) => one === text);
}

/** Which kind a checksum is; MD5 where there is none. */
export function algorithmOf(checksum: string | undefined): Algorithm {
  return parseChecksum(checksum ?? "")?.algorithm ?? "md5";
}

/** The checksum of bytes that are all there. */
export function checksumOf(algorithm: Algorithm, bytes: Uint8Array): string {
  return `${algorithm}:${Bun.CryptoHasher.hash(algorithm, bytes, "hex")}`;
}

/** The checksum of bytes that come one part after the other. */
export class RunningChecksum {
  readonly algorithm: Algorithm;
  readonly #digest: Digest;

  constructor(algorithm: Algorithm) {
    this.algorithm = algorithm;
    this.#digest = new Digest(native, algorithm);
  }

  /** See `Digest.update`. */
  update(bytes: Uint8Array): Promise<void> | undefined {
    return this.#digest.update(bytes);
  }

  /** The checksum of what has come until now; more may come. */
  get value(): string {
    return `${this.algorithm}:${this.#digest.hex}`;
  }
}
