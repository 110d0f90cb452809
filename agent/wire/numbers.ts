/** Numbers as the records write them: decimal, no sign, no leading zeros, at most 2^53 - 1. */
export function parseCount(text: string | undefined): number | undefined {
  if (text === undefined || !/^(0|[1-9]\d{0,15})$/.test(text)) return undefined;
  const value = Number(text);
  return Number.isSafeInteger(value) ? value : undefined;
}

const zero = 48;
const mostDigits = 16;

/** What `parseCount` says of a part of the text, which is not made for that. */
export function countIn(text: string, from: number, to: number): number | undefined {
  const length = to - from;
  if (length < 1 || length > mostDigits || (length > 1 && text.charCodeAt(from) === zero)) return undefined;
  let value = 0;
  for (let at = from; at < to; at++) {
    const digit = text.charCodeAt(at) - zero;
    if (!(digit >= 0 && digit <= 9)) return undefined;
    value = 10 * value + digit;
  }
  return Number.isSafeInteger(value) ? value : undefined;
}

/** Nanoseconds since 1970 as seconds with nine decimals: `1744741849.202123456`. */
export function formatSeconds(nanoseconds: bigint): string {
  const sign = nanoseconds < 0n ? "-" : "";
  const digits = (nanoseconds < 0n ? -nanoseconds : nanoseconds).toString().padStart(10, "0");
  return `${sign}${digits.slice(0, -9)}.${digits.slice(-9)}`;
}

/** The nanoseconds of a text that `formatSeconds` wrote, `undefined` for any other text. */
export function parseSeconds(text: string | undefined): bigint | undefined {
  const parts = text === undefined ? null : /^(-?)(0|[1-9]\d{0,11})\.(\d{9})$/.exec(text);
  if (!parts) return undefined;
  const value = BigInt(`${parts[2]}${parts[3]}`);
  return parts[1] === "-" ? -value : value;
}

/** CRC-32 (zlib's polynomial) as 8 lower-case hex digits. */
export function crc32(bytes: Uint8Array): string {
  return Bun.hash.crc32(bytes).toString(16).padStart(8, "0");
}

/** The partition that a text is assigned to among `partitions`: its UTF-8 bytes' CRC-32, modulo. */
export function partitionOf(text: string, partitions: number): number {
  return Bun.hash.crc32(Buffer.from(text, "utf8")) % partitions;
}
