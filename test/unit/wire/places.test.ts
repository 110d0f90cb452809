import { expect, test } from "bun:test";
import { encodeChunk, encodeFrom } from "../../../agent/wire/chunk.ts";
import { decodeEntry } from "../../../agent/wire/entry.ts";
import { type WholeFile, wasSentWhole } from "../../../agent/wire/entry-value.ts";
import { limits } from "../../../agent/wire/limits.ts";
import { isSpread, partitionsOf, placesOf } from "../../../agent/wire/places.ts";
import { largestValue } from "../../../agent/wire/record-size.ts";

const topic = "n8XqQ1tHQbGqGL8hUaTcAw";

/** As the ledger has it. */
function entry(where: object): WholeFile {
  const facts = { path: "a", version: 5, state: "sent", size: 5, mtime: "1", ctime: "1", inode: "2" };
  const file = { ...facts, topic, checksum: "md5:5d41402abc4b2a76b9719d911017c592", ...where };
  const value = { format: 1, open: [], next: 6, files: [file] };
  const decoded = decodeEntry(Buffer.from("files/u/0/0"), Buffer.from(JSON.stringify(value)));
  const [noted] = decoded?.kind === "files" ? decoded.files : [];
  if (!noted || !wasSentWhole(noted)) throw new Error("it was not sent");
  return noted;
}

test("a version of one chunk is where that is, one of several in a partition from its beginning on", () => {
  const single = entry({ partition: 3, offset: 9 });
  expect(placesOf(single)).toEqual([{ partition: 3, from: 9, last: 9 }]);
  expect(partitionsOf(single)).toEqual([3]);
  const several = entry({ partition: 3, offset: 9, from: `${topic} 3@7` });
  expect(placesOf(several)).toEqual([{ partition: 3, from: 7, last: 9 }]);
  expect(partitionsOf(several)).toEqual([3]);
});

test("one that is spread has a place in each of its partitions, with the last chunk there, if it has any", () => {
  const spread = entry({
    partition: 2,
    offset: 30,
    from: `${topic} 2@20 0@10 1@15`,
    to: `${topic} 0@11 2@30`,
  });
  expect(placesOf(spread)).toEqual([
    { partition: 2, from: 20, last: 30 },
    { partition: 0, from: 10, last: 11 },
    { partition: 1, from: 15, last: -1 },
  ]);
  expect(partitionsOf(spread)).toEqual([2, 0, 1]);
});

test("an entry whose places are of another topic, or can't be read, is where its partition says", () => {
  for (const where of [
    { from: "other 2@20 0@10", to: `${topic} 0@11 2@30` },
    { from: `${topic} 2@20 0@10`, to: "other 0@11 2@30" },
    { from: `${topic} 2@20 0@10`, to: "none" },
    { from: "none", to: `${topic} 0@11` },
  ])
    expect(placesOf(entry({ partition: 2, offset: 30, ...where }))).toMatchObject([
      { partition: 2, last: 30 },
    ]);
});

test("a version is spread where it names several partitions of the topic that it is in", () => {
  const offsets = [0, 1].map((partition) => ({ partition, offset: 0 }));
  expect(isSpread({ topic, offsets }, topic)).toBe(true);
  expect(isSpread({ topic, offsets }, "another")).toBe(false);
  expect(isSpread({ topic, offsets: offsets.slice(1) }, topic)).toBe(false);
});

test("a chunk of as many places as there may be fits the batch that it is made for, and its `from` the limit", () => {
  const batchBytes = 1_048_588;
  const file = { uploader: "u", path: "a" };
  const valueBytes = largestValue(batchBytes, { ...file, places: limits.places });
  const offsets = Array.from({ length: limits.places }, (_, at) => ({
    partition: 999_744 + at,
    offset: Number.MAX_SAFE_INTEGER,
  }));
  expect(encodeFrom({ topic, offsets }).length).toBeLessThanOrEqual(limits.fromText);
  const headers = encodeChunk({
    ...{ kind: "chunk", ...file, version: 2 ** 53 - 1, offset: 0, size: valueBytes, mtime: 0n },
    ...{ value: Buffer.alloc(0), index: 1, count: 1, from: { topic, offsets } },
    ...{ algorithm: "sha256", checksum: `sha256:${"0".repeat(64)}` },
  });
  const bytes = headers
    .flatMap((one) => Object.entries(one))
    .flat()
    .join("").length;
  expect(valueBytes + bytes).toBeLessThan(batchBytes);
  expect(batchBytes - valueBytes - bytes).toBeLessThan(500);
});
