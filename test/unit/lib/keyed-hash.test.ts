import { expect, test } from "bun:test";
import { keyedHash } from "../../../agent/lib/keyed-hash.ts";

test("it is HalfSipHash-2-4, by the test vectors of its authors", () => {
  const bytes = Uint8Array.from({ length: 16 }, (_, at) => at);
  const key = [0x03020100, 0x07060504];
  const expected = ["a9359f5b", "27475ab8", "fa62a603", "8afee704", "2a6e4689", "c5fab669", "5863fc23"];
  const hex = (length: number) => {
    const hash = Buffer.alloc(4);
    hash.writeUInt32LE(keyedHash(bytes, length, key));
    return hash.toString("hex");
  };
  expect(expected.map((_, length) => hex(length))).toEqual(expected);
  expect([hex(7), hex(8)]).toEqual(["8bcf63c5", "d0b8848f"]);
});

test("without a key it is this process's, and the same all the time", () => {
  const bytes = Buffer.from("folder/name");
  expect(keyedHash(bytes, bytes.length)).toBe(keyedHash(bytes, bytes.length));
  expect(keyedHash(bytes, bytes.length)).not.toBe(keyedHash(bytes, bytes.length - 1));
});
