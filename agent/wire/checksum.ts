/** A whole file's checksum, as records and entries write it: `md5:HEX` or `sha256:HEX`. */
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
  readonly #hasher: Bun.CryptoHasher;

  constructor(algorithm: Algorithm) {
    this.algorithm = algorithm;
    this.#hasher = new Bun.CryptoHasher(algorithm);
  }

  update(bytes: Uint8Array): void {
    this.#hasher.update(bytes);
  }

  /** The checksum of what has come until now; more may come. */
  get value(): string {
    return `${this.algorithm}:${this.#hasher.copy().digest("hex")}`;
  }
}
