/** What a reader does with records that it can't take (docs/protocol.md). */
import { describe, expect, test } from "bun:test";
import { type Decoded, decodeRecord } from "../../../agent/wire/chunk.ts";
import type { Headers } from "../../../agent/wire/headers.ts";
import { asHeaders, firstOfTwoHeaders, firstOfTwoValue, goldenHeaders, goldenValue } from "./golden.ts";

type Change = Record<string, string | Buffer | undefined>;

function kindOf(change: Change, value: Buffer | null = goldenValue): Decoded["kind"] {
  return decodeRecord(asHeaders({ ...goldenHeaders, ...change }), value).kind;
}

function kindOfFirst(change: Change, value: Buffer | null = firstOfTwoValue): Decoded["kind"] {
  return decodeRecord(asHeaders({ ...firstOfTwoHeaders, ...change }), value).kind;
}

describe("foreign is a record", () => {
  const { streamsend, ...others } = goldenHeaders;
  test.each<[string, Headers | undefined]>([
    ["without headers", undefined],
    ["with an empty list of headers", []],
    ["with others' headers only", [{ traceparent: "00-1-2-00" }]],
    ["with all of our headers but `streamsend`", asHeaders(others)],
  ])("%s", (_, headers) => {
    expect(decodeRecord(headers, goldenValue)).toEqual({ kind: "foreign" });
    expect(streamsend).toBe("1");
  });
});

describe("broken is a record", () => {
  const required = ["uploader", "path", "version", "offset", "size", "mtime", "crc32", "chunk"];
  test.each([...required, "checksum", "last"])("without `%s`", (name) => {
    expect(kindOf({ [name]: undefined })).toBe("broken");
  });

  test("of several chunks without `from` or `checksum`", () => {
    expect(kindOfFirst({ from: undefined })).toBe("broken");
    expect(kindOfFirst({ checksum: undefined })).toBe("broken");
  });

  test.each(Object.keys(goldenHeaders))("with `%s` twice", (name) => {
    const headers = asHeaders(goldenHeaders);
    const again = headers.filter((header) => name in header);
    expect(decodeRecord([...headers, ...again], goldenValue).kind).toBe("broken");
  });

  test.each<[string, string]>([
    ["streamsend", "0"],
    ["streamsend", ""],
    ["streamsend", "one"],
    ["streamsend", "01"],
    ["uploader", ""],
    ["uploader", "../evil"],
    ["uploader", "a/b"],
    ["path", "a%zz"],
    ["path", "a%4"],
    ["version", "-1"],
    ["version", "1.5"],
    ["version", "007"],
    ["version", "9007199254740992"],
    ["version", "1e3"],
    ["offset", "-5"],
    ["offset", " 0"],
    ["size", "0x5"],
    ["size", "five"],
    ["mtime", "1744741849"],
    ["mtime", "1744741849.2"],
    ["mtime", "01744741849.202123456"],
    ["mtime", "NaN"],
    ["crc32", "3610a68"],
    ["crc32", "3610a68600"],
    ["crc32", "3610a68g"],
    ["chunk", "1"],
    ["chunk", "one/two"],
    ["checksum", "5d41402abc4b2a76b9719d911017c592"],
    ["checksum", "md5:5d41"],
    ["checksum", "md5:5D41402ABC4B2A76B9719D911017C592"],
    ["checksum", "sha1:5d41402abc4b2a76b9719d911017c592"],
    ["last", "0"],
    ["last", "yes"],
    ["from", "topic"],
  ])("with `%s` as %p", (name, text) => {
    expect(kindOf({ [name]: text })).toBe("broken");
  });

  test("whose value reaches past the size", () => {
    expect(kindOf({ offset: "1" })).toBe("broken");
    expect(kindOfFirst({ size: "1" })).toBe("broken");
  });

  test("whose value is empty though the file is not", () => {
    expect(kindOf({ crc32: "00000000" }, Buffer.alloc(0))).toBe("broken");
    expect(kindOf({ crc32: "00000000" }, null)).toBe("broken");
  });

  test("that says `last` where the file does not end, or ends it without", () => {
    expect(kindOfFirst({ last: "1" })).toBe("broken");
    expect(kindOf({ last: undefined, checksum: undefined })).toBe("broken");
  });

  test("that has a checksum's value in mid-file, or none at the end", () => {
    expect(kindOfFirst({ checksum: goldenHeaders.checksum })).toBe("broken");
    expect(kindOf({ checksum: "md5" })).toBe("broken");
  });

  test("that gives a version up and has a value", () => {
    const { streamsend, uploader, path, version } = goldenHeaders;
    const headers = asHeaders({ streamsend, uploader, path, version, abandoned: "it changed" });
    expect(decodeRecord(headers, goldenValue).kind).toBe("broken");
  });

  test("whose name or path is no UTF-8", () => {
    expect(kindOf({ path: Buffer.from("caf\xe9", "latin1") })).toBe("broken");
    expect(kindOf({ uploader: Buffer.from("caf\xe9", "latin1") })).toBe("broken");
  });
});

describe("refused is a record whose path", () => {
  test.each([
    ["leaves the output", "../x"],
    ["leaves it further in", "a/../../x"],
    ["leaves it escaped", "%2E%2E/x"],
    ["is absolute", "/etc/passwd"],
    ["is empty", ""],
    ["contains NUL", "a%00b"],
    ["leads into .streamsend", ".streamsend/x"],
    ["leads into .streamsend in another case", "a/.StreamSend/x"],
    ["has a segment of 256 bytes", "x".repeat(256)],
    ["is longer than 4,000 bytes", "x/".repeat(2000).concat("x")],
  ])("%s", (_, path) => {
    const record = decodeRecord(asHeaders({ ...goldenHeaders, path }), goldenValue);
    expect(record).toMatchObject({ kind: "refused", uploader: "pos-0042" });
  });
});

test("corrupt is a chunk whose bytes do not fit their CRC-32; it says what is to be fetched again", () => {
  const record = decodeRecord(asHeaders(firstOfTwoHeaders), Buffer.from("hE"));
  expect(record).toEqual({
    kind: "corrupt",
    uploader: "pos-0042",
    path: "dir/a.txt",
    version: 1744741849202123,
    offset: 0,
    length: 2,
    size: 5,
    from: { topic: "n8XqQ1tHQbGqGL8hUaTcAw", offsets: [{ partition: 0, offset: 1234 }] },
  });
});

describe("newer, to be read again after an upgrade, is a record", () => {
  const id = { uploader: "pos-0042", path: "dir/a.txt", version: 1744741849202123 };

  test("of a higher format, whatever else it has", () => {
    expect(decodeRecord(asHeaders({ ...goldenHeaders, streamsend: "2" }), goldenValue)).toMatchObject({
      kind: "newer",
      id,
    });
    expect(decodeRecord([{ streamsend: "3" }, { name: "other headers" }], null).kind).toBe("newer");
  });

  test("with a header that must be understood and is not", () => {
    const headers = asHeaders({ ...goldenHeaders, "!encrypted": "1" });
    expect(decodeRecord(headers, goldenValue)).toMatchObject({ kind: "newer", id });
  });
});

test("broken is also a record with `attributes` twice", () => {
  const attributes = { attributes: '{"a":"b"}' };
  const headers = [...asHeaders(goldenHeaders), attributes, attributes];
  expect(decodeRecord(headers, goldenValue).kind).toBe("broken");
});

test("unknown headers are ignored, also when they are repeated", () => {
  const headers = [...asHeaders(goldenHeaders), { traceparent: "a" }, { traceparent: "b" }];
  expect(decodeRecord(headers, goldenValue).kind).toBe("chunk");
});
