import { expect, test } from "bun:test";
import { besideHeader, chunkKey, encodeChunk } from "../../../agent/wire/chunk.ts";
import { headersBytes } from "../../../agent/wire/headers.ts";
import { largestValue, type OutgoingFile } from "../../../agent/wire/record-size.ts";

const batchBytes = 1_048_588;

/** Bytes of a record's key and headers. */
function keyAndHeaders({ uploader, path, attributes }: OutgoingFile): number {
  const headers = encodeChunk({
    ...{ kind: "chunk", uploader, path, version: 1, offset: 0, size: 1, mtime: 0n, value: Buffer.alloc(1) },
    ...{ index: 1, count: 1, algorithm: "md5", checksum: `md5:${"0".repeat(32)}` },
    ...(attributes ? { attributes } : {}),
  });
  return Buffer.byteLength(chunkKey({ uploader, path })) + headersBytes(headers);
}

test("each file's value has as much less room as its names and attributes take in the key and the headers", () => {
  const files: OutgoingFile[] = [
    { uploader: "u", path: "a" },
    { uploader: "u".repeat(200), path: "folder/file.txt" },
    { uploader: "u", path: "ü".repeat(2000) },
    { uploader: "u", path: "a" },
  ];
  const rests = files.map((file) => batchBytes - largestValue(batchBytes, file) - keyAndHeaders(file));
  expect(new Set(rests).size).toBe(1);
  const spread = files.map((file) => largestValue(batchBytes, { ...file, places: 3 }));
  const room = (at: number) => largestValue(batchBytes, files[at] ?? { uploader: "", path: "" });
  const perPlaces = spread.map((bytes, at) => room(at) - bytes);
  expect(new Set(perPlaces).size).toBe(1);
  expect(perPlaces[0]).toBeGreaterThan(2 * "999999@0".length);
});

test("what is sent beside a name leaves room for the header that says so", () => {
  const room = (uploader: string) => largestValue(batchBytes, { uploader, path: "a" });
  expect(room("till00") - room("till~0")).toBeGreaterThan(headersBytes([besideHeader]));
});

test("a name that takes all of a batch leaves a byte", () => {
  expect(largestValue(1000, { uploader: "u", path: "p".repeat(1000) })).toBe(1);
});
