import { expect, test } from "bun:test";
import {
  countIn,
  crc32,
  formatSeconds,
  parseCount,
  parseSeconds,
  partitionOf,
} from "../../../agent/wire/numbers.ts";
import { Random } from "../../support/random.ts";

const inText = (text: string) => countIn(`7${text}8`, 1, 1 + text.length);

test("a number is decimal, without sign or leading zeros, at most 2^53 - 1", () => {
  for (const value of [0, 1, 9, 10, 943759, Number.MAX_SAFE_INTEGER])
    expect([parseCount(String(value)), inText(String(value))]).toEqual([value, value]);
  const others = [
    "",
    "00",
    "01",
    "+1",
    "-1",
    " 1",
    "1 ",
    "1.0",
    "1e3",
    "0x1",
    "٣",
    "9007199254740992",
    "1".repeat(99),
  ];
  expect(parseCount(undefined)).toBeUndefined();
  for (const text of others) expect([parseCount(text), inText(text)]).toEqual([undefined, undefined]);
});

test.each<[bigint, string]>([
  [1744741849202123456n, "1744741849.202123456"],
  [0n, "0.000000000"],
  [1n, "0.000000001"],
  [-1n, "-0.000000001"],
  [-1_500_000_000n, "-1.500000000"],
  [999_999_999_999_999_999_999n, "999999999999.999999999"],
])("%p nanoseconds are the text %p", (nanoseconds, text) => {
  expect(formatSeconds(nanoseconds)).toBe(text);
  expect(parseSeconds(text)).toBe(nanoseconds);
});

test("seconds in any other text are refused", () => {
  const others = [
    "",
    "1",
    "1.5",
    ".000000000",
    "1.0000000000",
    "+1.000000000",
    "01.000000000",
    "1,000000000",
  ];
  for (const text of [undefined, ...others]) expect(parseSeconds(text)).toBeUndefined();
});

test("any modification time comes back as it was", () => {
  const random = new Random(2);
  for (let round = 0; round < 2000; round++) {
    const value = BigInt.asIntN(68, random.bytes(9).readBigUInt64LE() * BigInt(1 + random.below(4)));
    expect(parseSeconds(formatSeconds(value))).toBe(value);
  }
});

test("CRC-32 is zlib's, in 8 lower-case hex digits", () => {
  expect(crc32(Buffer.from("hello"))).toBe("3610a686");
  expect(crc32(Buffer.from("123456789"))).toBe("cbf43926");
  expect(crc32(Buffer.alloc(0))).toBe("00000000");
});

test("a text's partition is the CRC-32 of its UTF-8 bytes, modulo the number of partitions", () => {
  expect(partitionOf("123456789", 64)).toBe(0xcbf43926 % 64);
  expect(partitionOf("é", 1000)).toBe(Bun.hash.crc32(Buffer.from([0xc3, 0xa9])) % 1000);
  expect(partitionOf("anything", 1)).toBe(0);
});
