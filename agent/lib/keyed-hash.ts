/**
 * A quick hash for a place in a table: HalfSipHash-2-4 (Aumasson, Bernstein: SipHash, 2012; 32 bits) with a key of this process. Who
 * does not know the key can't have names crowd in one place. It says where to look and no more: 32 bits meet by chance, so who finds
 * something there compares it.
 */
const own = crypto.getRandomValues(new Uint32Array(2));

/**
 * The hash of the first `length` bytes, a whole number of 32 bits.
 *
 * @param key its two halves, for the tests
 */
export function keyedHash(bytes: Uint8Array, length: number, key: ArrayLike<number> = own): number {
  const [low, high] = [key[0] ?? 0, key[1] ?? 0];
  let [v0, v1, v2, v3] = [low, high, 0x6c796765 ^ low, 0x74656462 ^ high];
  const whole = length & ~3;
  for (let at = 0; at <= whole; at += 4) {
    const word = at < whole ? wordAt(bytes, at) : (length << 24) | restAt(bytes, at, length);
    v3 ^= word;
    for (let round = at === whole ? -4 : 0; round < 2; round++) {
      // Behind the last word come four rounds more.
      if (at === whole && round === -2) {
        v0 ^= word;
        v2 ^= 0xff;
      }
      v0 = (v0 + v1) | 0;
      v2 = (v2 + v3) | 0;
      v1 = ((v1 << 5) | (v1 >>> 27)) ^ v0;
      v3 = ((v3 << 8) | (v3 >>> 24)) ^ v2;
      v0 = (v0 << 16) | (v0 >>> 16);
      v2 = (v2 + v1) | 0;
      v0 = (v0 + v3) | 0;
      v1 = ((v1 << 13) | (v1 >>> 19)) ^ v2;
      v3 = ((v3 << 7) | (v3 >>> 25)) ^ v0;
      v2 = (v2 << 16) | (v2 >>> 16);
    }
    if (at < whole) v0 ^= word;
  }
  return (v1 ^ v3) >>> 0;
}

function wordAt(bytes: Uint8Array, at: number): number {
  return (
    (bytes[at] ?? 0) |
    ((bytes[at + 1] ?? 0) << 8) |
    ((bytes[at + 2] ?? 0) << 16) |
    ((bytes[at + 3] ?? 0) << 24)
  );
}

/** The last bytes, three at most. */
function restAt(bytes: Uint8Array, from: number, length: number): number {
  let word = 0;
  for (let at = from; at < length; at++) word |= (bytes[at] ?? 0) << (8 * (at - from));
  return word;
}
