/** The entries by which a group says what it has, as docs/protocol.md writes them. */
import { describe, expect, test } from "bun:test";
import { decodeEntry, type Entry, encodeEntryValue, keyOf, tombstone } from "../../../agent/wire/entry.ts";
import { encodeEntryKey, partitionOfEntry } from "../../../agent/wire/entry-key.ts";
import { limits } from "../../../agent/wire/limits.ts";

const checksum = "md5:5d41402abc4b2a76b9719d911017c592";
const time = "2025-04-15T18:30:49.202Z";
const version = 1744741849202123;
const key = { group: "a/b%", uploader: "pos-0042", partition: 3 };
const early = { path: "dir/a.txt", version, size: 5, checksum };

const golden: [string, string, Entry][] = [
  [
    "done/a%2Fb%25/pos-0042/3",
    `{"format":1,"to":${version},"at":55,"but":[7,9],"also":[],"early":[],"by":{},"time":"${time}"}`,
    {
      ...{ kind: "done", ...key },
      ...{ format: 1, to: version, at: 55, but: [7, 9], also: [], early: [], by: {}, time },
    },
  ],
  [
    "done/a%2Fb%25/pos-0042/3",
    `{"format":1,"to":0,"at":0,"but":[],"also":[${version}],"early":[{"path":"dir/a.txt","version":${version},"size":5,"checksum":"${checksum}","mtime":"1744741849202123456"}],"by":{"5f0c12ab34cd":17},"time":"${time}","start":{"topic":"n8XqQ1tHQbGqGL8hUaTcAw","offset":1234,"ms":1744741849202},"failed":9}`,
    {
      ...{ kind: "done", ...key, format: 1, to: 0, at: 0, but: [], also: [version] },
      early: [{ ...early, mtime: "1744741849202123456" }],
      by: { "5f0c12ab34cd": 17 },
      time,
      start: { topic: "n8XqQ1tHQbGqGL8hUaTcAw", offset: 1234, ms: 1744741849202 },
      failed: 9,
    },
  ],
  [
    `again/streamsend/pos-0042/${version}/dir/a.txt`,
    `{"format":1,"time":"${time}"}`,
    {
      ...{ kind: "again", group: "streamsend", uploader: "pos-0042", version, path: "dir/a.txt" },
      ...{ format: 1, time },
    },
  ],
];

describe("an entry is written and read as the specification has it", () => {
  test.each(golden)("%s %s", (text, json, entry) => {
    expect(decodeEntry(Buffer.from(text), Buffer.from(json))).toEqual(entry);
    expect(encodeEntryKey(keyOf(entry))).toBe(text);
    expect(encodeEntryValue(entry)).toBe(json);
    expect(decodeEntry(Buffer.from(text), null)).toEqual(tombstone(keyOf(entry)));
  });
});

test("a mark is in the partition of its uploader", () => {
  expect(partitionOfEntry({ kind: "done", ...key }, 64)).toBe(
    partitionOfEntry({ kind: "name", uploader: key.uploader }, 64),
  );
});

const mark = { format: 1, to: 9, at: 5, but: [], also: [], early: [], by: {}, time };

test.each<[string, string, object]>([
  ["of a partition that is no number", "done/g/u/x", mark],
  ["of a partition that there can't be", `done/g/u/${limits.partition + 1}`, mark],
  ["with more in its key", "done/g/u/3/a", mark],
  ["of an uploader that there can't be", "done/g/../3", mark],
  ["whose list has something else than versions", "done/g/u/3", { ...mark, but: ["7"] }],
  ["whose early file has an impossible path", "done/g/u/3", { ...mark, early: [{ ...early, path: "../x" }] }],
  ["whose early file has no checksum", "done/g/u/3", { ...mark, early: [{ ...early, checksum: "x" }] }],
  ["without the offset that it speaks of", "done/g/u/3", { ...mark, at: undefined }],
  ["of a wish for no version", "again/g/u/x/a", { format: 1, time }],
])("left alone is an entry %s", (_, text, value) => {
  expect(decodeEntry(Buffer.from(text), Buffer.from(JSON.stringify(value)))).toBeUndefined();
});

test.each<[string, number, (size: number) => object]>([
  ["versions that are not done", limits.marked, (size) => ({ but: Array(size).fill(7) })],
  ["versions that are done as well", limits.marked, (size) => ({ also: Array(size).fill(7) })],
  ["early files", limits.early, (size) => ({ early: Array(size).fill(early) })],
  ["stores", limits.stores, (size) => ({ by: countsOf(size) })],
  ["a store's name", limits.by, (size) => ({ by: { ["s".repeat(size)]: 5 } })],
  ["the text of a mark", limits.startEntry, (size) => padded(size)],
])("a mark with as many %s as it may have is taken, one with more is not", (_, most, withSize) => {
  const isTaken = (size: number) => {
    const value = { ...mark, ...withSize(size) };
    return decodeEntry(Buffer.from("done/g/u/3"), Buffer.from(JSON.stringify(value))) !== undefined;
  };
  expect([isTaken(most - 1), isTaken(most), isTaken(most + 1)]).toEqual([true, true, false]);
});

function countsOf(size: number): Record<string, number> {
  return Object.fromEntries(Array.from({ length: size }, (_, at) => [`store-${at}`, 5]));
}

/** With a field that nobody knows, so that it is of this size as JSON. */
function padded(size: number): object {
  return { pad: "x".repeat(size - JSON.stringify({ ...mark, pad: "" }).length) };
}
