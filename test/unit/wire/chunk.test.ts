import { describe, expect, test } from "bun:test";
import {
  type Chunk,
  chunkKey,
  decodeFrom,
  decodeRecord,
  encodeAbandoned,
  encodeChunk,
  encodeFrom,
  isUploaderName,
  mapKey,
} from "../../../agent/wire/chunk.ts";
import { asHeaders, firstOfTwoHeaders, firstOfTwoValue, goldenHeaders, goldenValue } from "./golden.ts";

const golden: Chunk = {
  kind: "chunk",
  uploader: "pos-0042",
  path: "dir/a.txt",
  version: 1744741849202123,
  offset: 0,
  size: 5,
  mtime: 1744741849202123456n,
  value: goldenValue,
  index: 1,
  count: 1,
  algorithm: "md5",
  checksum: "md5:5d41402abc4b2a76b9719d911017c592",
};

const firstOfTwo: Chunk = {
  kind: "chunk",
  uploader: "pos-0042",
  path: "dir/a.txt",
  version: 1744741849202123,
  offset: 0,
  size: 5,
  mtime: 1744741849202123456n,
  value: firstOfTwoValue,
  index: 1,
  count: 2,
  from: { topic: "n8XqQ1tHQbGqGL8hUaTcAw", offsets: [{ partition: 0, offset: 1234 }] },
  algorithm: "md5",
};

describe("the golden record", () => {
  test("is what its chunk encodes to, header by header in the order of the specification", () => {
    expect(encodeChunk(golden)).toEqual(asHeaders(goldenHeaders));
    expect(mapKey(golden)).toBe(chunkKey(golden));
    expect(mapKey({ ...golden, path: "p".repeat(4000) })).toMatch(/^[0-9a-f]{32}$/);
    expect(chunkKey(golden)).toBe("pos-0042/dir/a.txt");
    expect(chunkKey({ ...golden, uploader: "pos-0043" })).toBe("pos-0043/dir/a.txt");
    expect(chunkKey({ ...golden, path: "b.txt" })).toBe("pos-0042/b.txt");
    expect(chunkKey(golden)).toBe("pos-0042/dir/a.txt");
  });

  test("decodes to its chunk, from text as from bytes", () => {
    const bytes = Object.entries(goldenHeaders).map(([name, text]) => ({ [name]: Buffer.from(text) }));
    expect(decodeRecord(bytes, goldenValue)).toEqual(golden);
    expect(decodeRecord(asHeaders(goldenHeaders), goldenValue)).toEqual(golden);
  });

  test("decodes whatever the order of its headers", () => {
    expect(decodeRecord(asHeaders(goldenHeaders).toReversed(), goldenValue)).toEqual(golden);
  });
});

test("a chunk that is not the last says where to begin reading and the kind of checksum, and not last", () => {
  expect(encodeChunk(firstOfTwo)).toEqual(asHeaders(firstOfTwoHeaders));
  expect(decodeRecord(asHeaders(firstOfTwoHeaders), firstOfTwoValue)).toEqual(firstOfTwo);
});

test("the last of several chunks says where to begin reading, the checksum and last, in this order", () => {
  const last: Chunk = { ...firstOfTwo, offset: 2, value: Buffer.from("llo"), index: 2 };
  const headers = encodeChunk({ ...last, checksum: golden.checksum as string });
  expect(headers.flatMap((header) => Object.keys(header)).slice(-3)).toEqual(["from", "checksum", "last"]);
  expect(decodeRecord(headers, last.value)).toEqual({ ...last, checksum: golden.checksum as string });
});

test("an empty file is one record with an empty value, or with none", () => {
  const checksum = "md5:d41d8cd98f00b204e9800998ecf8427e";
  const headers = asHeaders({ ...goldenHeaders, size: "0", crc32: "00000000", checksum });
  const empty = { ...golden, size: 0, value: Buffer.alloc(0), checksum };
  expect(decodeRecord(headers, Buffer.alloc(0))).toEqual(empty);
  expect(decodeRecord(headers, null)).toEqual(empty);
  expect(encodeChunk(empty)).toEqual(headers);
});

test("a version that was given up is one record with the reason and no chunk's headers", () => {
  const id = { uploader: "pos-0042", path: "dir/a.txt", version: 7 };
  const headers = encodeAbandoned(id, "changed while it was read");
  expect(headers).toEqual([
    { streamsend: "1" },
    { uploader: "pos-0042" },
    { path: "dir/a.txt" },
    { version: "7" },
    { abandoned: "changed while it was read" },
  ]);
  const reason = "changed while it was read";
  expect(decodeRecord(headers, Buffer.alloc(0))).toEqual({ kind: "abandoned", ...id, reason });
});

test("all records of what is sent beside a name have a header that parks them where no such names are known", () => {
  const id = { uploader: "pos-0042~7", path: "dir/a.txt", version: 7 };
  for (const headers of [encodeChunk({ ...golden, ...id }), encodeAbandoned(id, "gone")])
    expect(headers.slice(0, 5)).toEqual([
      ...[{ streamsend: "1" }, { uploader: "pos-0042~7" }, { path: "dir/a.txt" }],
      ...[{ version: "7" }, { "!beside": "1" }],
    ]);
  expect(decodeRecord(encodeChunk({ ...golden, ...id }), golden.value)).toEqual({ ...golden, ...id });
});

test("the same path in two spellings is the same path", () => {
  const headers = asHeaders({ ...goldenHeaders, path: "%64ir/%61.txt" });
  expect(decodeRecord(headers, goldenValue)).toEqual(golden);
});

test("a modification time before 1970 is negative", () => {
  const before = { ...golden, mtime: -1_500_000_000n };
  expect(encodeChunk(before)).toContainEqual({ mtime: "-1.500000000" });
  expect(decodeRecord(encodeChunk(before), goldenValue)).toEqual(before);
});

test("a sha256 checksum is as good as md5", () => {
  const whole: Chunk = { ...golden, algorithm: "sha256", checksum: `sha256:${"0a".repeat(32)}` };
  expect(decodeRecord(encodeChunk(whole), goldenValue)).toEqual(whole);
  const first: Chunk = { ...firstOfTwo, algorithm: "sha256" };
  expect(encodeChunk(first)).toContainEqual({ checksum: "sha256" });
  expect(decodeRecord(encodeChunk(first), firstOfTwoValue)).toEqual(first);
});

test("`from` names the topic and an offset for each partition used", () => {
  const offsets = [
    { partition: 0, offset: 1234 },
    { partition: 11, offset: 0 },
  ];
  const from = { topic: "n8XqQ1tHQbGqGL8hUaTcAw", offsets };
  expect(encodeFrom(from)).toBe("n8XqQ1tHQbGqGL8hUaTcAw 0@1234 11@0");
  expect(decodeFrom(encodeFrom(from))).toEqual(from);
  expect(decodeFrom("topic 1@5 11@7 1@6", 1)).toEqual({
    topic: "topic",
    offsets: [{ partition: 1, offset: 5 }],
  });
  expect(decodeFrom("topic 1@5", 2)).toEqual({ topic: "topic", offsets: [] });
});

test.each([
  "",
  "topic",
  "topic ",
  "topic 0",
  "topic 0@",
  "topic @1",
  "topic 0@1@2",
  "topic 0@01",
  "topic -1@0",
  "topic 0@0 ",
  "topic 0@0  1@0",
  "topic 0 1@0",
  " 0@0",
])("`from` is refused as %p", (text) => {
  expect(decodeFrom(text)).toBeUndefined();
});

test("an uploader's name is 1 to 200 letters, digits, dots, underscores and dashes, a letter or digit first", () => {
  for (const name of ["a", "0", "pos-0042", "A.b_c-", "x".repeat(200)])
    expect(isUploaderName(name)).toBe(true);
  for (const name of ["till~0", `${"x".repeat(200)}~9999`]) expect(isUploaderName(name)).toBe(true);
  for (const name of ["till~", "till~00", "~0", "till~10000", "till~0~0", "till~a", `${"x".repeat(201)}~0`])
    expect(isUploaderName(name)).toBe(false);
  for (const name of ["", ".", "..", "-a", "_a", ".a", "a/b", "a b", "ä", "a\n", "x".repeat(201)]) {
    expect(isUploaderName(name)).toBe(false);
  }
});
