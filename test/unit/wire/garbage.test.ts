/** What comes from the topics is anybody's: whatever it is, decoding answers and never throws. */
import { describe, expect, test } from "bun:test";
import { decodeFrom, decodeRecord } from "../../../agent/wire/chunk.ts";
import { decodeEntry, keyOf } from "../../../agent/wire/entry.ts";
import type { Headers } from "../../../agent/wire/headers.ts";
import { Random } from "../../support/random.ts";
import { asHeaders, goldenHeaders, goldenValue } from "./golden.ts";

const rounds = 5000;
const kinds = ["chunk", "abandoned", "foreign", "broken", "refused", "corrupt", "newer"];
const odd = [
  "",
  "0",
  "-1",
  "1",
  "2",
  "5",
  "../x",
  "a%00",
  "%",
  "1/1",
  "md5:",
  "NaN",
  "9".repeat(30),
  "\0",
  "\ud800",
];

test("any headers and any value decode to a kind of record", () => {
  const random = new Random(3);
  for (let round = 0; round < rounds; round++) {
    const headers = garbageHeaders(random);
    const value = random.pick([null, goldenValue, Buffer.alloc(0), random.bytes(random.below(20))]);
    const decoded = decodeRecord(headers, value);
    expect(kinds).toContain(decoded.kind);
    if (decoded.kind !== "chunk") continue;
    expect(decoded.offset + decoded.value.length).toBeLessThanOrEqual(decoded.size);
  }
});

describe("headers whose names mean something to JavaScript are unknown headers like any other", () => {
  const names = ["__proto__", "constructor", "prototype", "toString", "hasOwnProperty", "length"];
  test.each(names)("%s", (name) => {
    // As a client does it that assigns header[name] = value: for __proto__ that sets the prototype.
    const header: Record<string, Buffer> = {};
    header[name] = Buffer.from("x");
    expect(decodeRecord([...asHeaders(goldenHeaders), header], goldenValue).kind).toBe("chunk");
    const own: Record<string, string> = JSON.parse(`{"${name}":"x"}`);
    expect(decodeRecord([own, ...asHeaders(goldenHeaders)], goldenValue).kind).toBe("chunk");
  });
});

test("any text decodes as `from` or not", () => {
  const random = new Random(4);
  for (let round = 0; round < rounds; round++) {
    const text = random
      .list(random.below(12), () => random.pick(["t", " ", "@", "0", "1", "-", "é"]))
      .join("");
    const from = decodeFrom(text);
    if (from) expect(from.offsets.length).toBeGreaterThan(0);
  }
});

test("any key and any value decode as an entry or not", () => {
  const random = new Random(5);
  for (let round = 0; round < rounds; round++) {
    const entry = decodeEntry(garbageKey(random), garbageJson(random));
    if (entry)
      expect(["name", "files", "start", "done", "failed", "needs", "again"]).toContain(keyOf(entry).kind);
  }
});

test("a value that is nested without end is no entry", () => {
  const deep = Buffer.from(`{"format":1,"ranges":${"[".repeat(200_000)}`);
  expect(decodeEntry(Buffer.from("needs/g/u/1/a"), deep)).toBeUndefined();
});

function garbageHeaders(random: Random): Headers {
  const fields: Record<string, string | Buffer>[] = Object.entries(goldenHeaders).map(([name, text]) => ({
    [name]: random.below(12) > 0 ? text : random.pick([random.bytes(random.below(9)), random.pick(odd)]),
  }));
  const changes = random.below(3);
  for (let change = 0; change < changes; change++) {
    const at = random.below(fields.length + 1);
    const extra = { [random.pick(["from", "!new", "other", "last", "abandoned", ""])]: random.pick(odd) };
    random.pick([() => fields.splice(at, 1), () => fields.splice(at, 0, extra), () => fields.reverse()])();
  }
  return fields;
}

function garbageKey(random: Random): Buffer | null {
  const words = [
    "name",
    "files",
    "start",
    "done",
    "again",
    "failed",
    "needs",
    "u",
    "1",
    "..",
    "%2F",
    "%E9",
    "%",
    "",
    "é",
  ];
  const word = () => random.pick(words);
  return random.pick([
    () => null,
    () => random.bytes(random.below(30)),
    () => Buffer.from(random.list(random.below(7), word).join("/")),
  ])();
}

function garbageJson(random: Random): Buffer | null {
  const leaves = ["1", "-1", '"x"', "null", "true", "[]", "[[0,1]]", "{}", '{"__proto__":1}', "1e999"];
  const fields = ["format", "version", "state", "size", "ranges", "offsets", "time", "reason", "__proto__"];
  const pair = () => `"${random.pick(fields)}":${random.pick(leaves)}`;
  return random.pick([
    () => null,
    () => random.bytes(random.below(40)),
    () => Buffer.from(random.pick(leaves)),
    () => Buffer.from(`{"format":1,${random.list(1 + random.below(6), pair).join(",")}}`),
  ])();
}
