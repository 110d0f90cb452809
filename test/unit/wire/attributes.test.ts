/** Attributes as docs/protocol.md specifies them: on the chunk that ends a file, and in the entries of one. */
import { describe, expect, test } from "bun:test";
import {
  type Attributes,
  decodeAttributes,
  encodeAttributes,
  someAttributes,
} from "../../../agent/wire/attributes.ts";
import { type Chunk, decodeRecord, encodeChunk } from "../../../agent/wire/chunk.ts";
import { limits } from "../../../agent/wire/limits.ts";
import { largestValue } from "../../../agent/wire/record-size.ts";
import {
  asHeaders,
  attributesHeader,
  firstOfTwoHeaders,
  firstOfTwoValue,
  goldenAttributes,
  goldenHeaders,
  goldenValue,
} from "./golden.ts";

const withAttributes = (text: string) =>
  decodeRecord(asHeaders({ ...goldenHeaders, attributes: text }), goldenValue);

/** As many, and as long, as they may be. */
const most: Attributes = Object.fromEntries(
  Array.from({ length: limits.attributes }, (_, at) => [
    `${at}`.padEnd(limits.attributeName, "n"),
    "é".repeat(limits.attributeValue / 2),
  ]),
);

test("they are one header, the last one of the chunk that ends the file", () => {
  const { kind: _, ...plain } = decodeRecord(asHeaders(goldenHeaders), goldenValue) as Chunk;
  const chunk: Chunk = { kind: "chunk", ...plain, attributes: goldenAttributes };
  expect(encodeChunk(chunk)).toEqual(asHeaders({ ...goldenHeaders, attributes: attributesHeader }));
  expect(withAttributes(attributesHeader)).toEqual(chunk);
  const bytes = asHeaders({ ...goldenHeaders, attributes: Buffer.from(attributesHeader) });
  expect(decodeRecord(bytes, goldenValue)).toEqual(chunk);
});

test("a record without them has none, not an empty set", () => {
  const chunk = decodeRecord(asHeaders(goldenHeaders), goldenValue);
  expect("attributes" in chunk).toBe(false);
  expect(someAttributes({})).toBeUndefined();
  expect(someAttributes(goldenAttributes)).toBe(goldenAttributes);
});

test("a chunk that does not end its file may not have them", () => {
  const headers = { ...firstOfTwoHeaders, attributes: attributesHeader };
  expect(decodeRecord(asHeaders(headers), firstOfTwoValue).kind).toBe("broken");
});

describe("broken is a record whose attributes are", () => {
  const value = (text: string) => JSON.stringify({ a: text });
  test.each<[string, string]>([
    ["no JSON", "store=7"],
    ["cut off", attributesHeader.slice(0, -1)],
    ["nothing", ""],
    ["an empty set", "{}"],
    ["a list", '["store"]'],
    ["null", "null"],
    ["a number", '{"store":7}'],
    ["nested", '{"store":{"a":"b"}}'],
    ["named in capitals", '{"Store":"7"}'],
    ["named by nothing", '{"":"7"}'],
    ["named with a blank", '{"a b":"7"}'],
    ["named with a line break", '{"a\\n":"7"}'],
    ["half a character", '{"a":"\\ud83c"}'],
    ["a value of too many bytes", value("é".repeat(limits.attributeValue / 2 + 1))],
    [
      "too long together",
      JSON.stringify(Object.fromEntries(Object.keys(most).map((key) => [key, '"'.repeat(256)]))),
    ],
  ])("%s", (_, text) => {
    expect(withAttributes(text).kind).toBe("broken");
  });
});

test("any text is a value, whatever is in it, and so is every name that the rule allows", () => {
  for (const text of ["", " ", "\0", "a\nb", '"quoted"', "\\", "=", "🎬", "\u2028", "x".repeat(256)]) {
    const attributes = { a: text };
    expect(decodeAttributes(encodeAttributes(attributes))).toEqual(attributes);
  }
  const names = ["a", "0", ".", "-", "_", "a.b_c-d", "constructor", "n".repeat(64)];
  const named = Object.fromEntries(names.map((name) => [name, "x"]));
  expect(decodeAttributes(encodeAttributes(named))).toEqual(named);
  const odd = decodeAttributes('{"__proto__":"x"}') ?? {};
  expect(encodeAttributes(odd)).toBe('{"__proto__":"x"}');
});

test("as many and as long as they may be, they leave room in the smallest record for a path, and for a value", () => {
  const text = encodeAttributes(most);
  expect(decodeAttributes(text)).toEqual(most);
  const file = { uploader: "u".repeat(limits.uploader), path: "p".repeat(limits.path) };
  expect(largestValue(16_384, { ...file, attributes: most })).toBeGreaterThan(1000);
  const without = largestValue(1_048_588, file);
  const lost = without - largestValue(1_048_588, { ...file, attributes: most });
  expect(lost).toBeGreaterThanOrEqual(Buffer.byteLength(text) + "attributes".length);
  expect(lost).toBeLessThan(Buffer.byteLength(text) + 30);
});
