/**
 * Chunks as docs/protocol.md writes them, put together here by hand: what these tests send is decided by the page,
 * not by the agent's own encoder.
 */
import { createHash } from "node:crypto";
import { crc32 } from "node:zlib";
import type { PlainRecord } from "./records.ts";

export interface HandMadeFile {
  uploader: string;
  /** As the records write it. */
  path: string;
  content: Buffer;
  version?: number;
  chunkBytes?: number;
  /** The chunk topic's id, for files of more than one chunk. */
  topicId?: string;
  attributes?: Record<string, string>;
}

export const handMadeVersion = 1744741849202123;
export const handMadeMtime = "1744741849.202123456";

/** The records of a file, in order. */
export function chunksOf(file: HandMadeFile): PlainRecord[] {
  const { content, chunkBytes = content.length || 1 } = file;
  const count = Math.max(1, Math.ceil(content.length / chunkBytes));
  return Array.from({ length: count }, (_, at) => {
    const offset = at * chunkBytes;
    return chunkAt(file, offset, content.subarray(offset, offset + chunkBytes), `${at + 1}/${count}`);
  });
}

/** One record with any part of the file. */
export function chunkAt(file: HandMadeFile, offset: number, value: Buffer, chunk = "1/1"): PlainRecord {
  const { uploader, path, content, version = handMadeVersion, topicId, attributes } = file;
  const isLast = offset + value.length === content.length;
  const md5 = createHash("md5").update(content).digest("hex");
  return {
    key: `${uploader}/${path}`,
    value,
    headers: [
      { streamsend: "1" },
      { uploader },
      { path },
      { version: String(version) },
      { offset: String(offset) },
      { size: String(content.length) },
      { mtime: handMadeMtime },
      { crc32: crc32(value).toString(16).padStart(8, "0") },
      { chunk },
      ...(value.length < content.length ? [{ from: `${topicId} 0@0` }] : []),
      { checksum: isLast ? `md5:${md5}` : "md5" },
      ...(isLast ? [{ last: "1" }] : []),
      ...(isLast && attributes ? [{ attributes: JSON.stringify(attributes) }] : []),
    ],
  };
}

/** The record with one header changed, added, or (undefined) left out. */
export function withHeader(record: PlainRecord, name: string, text: string | undefined): PlainRecord {
  const others = record.headers.filter((header) => !(name in header));
  const at = record.headers.findIndex((header) => name in header);
  const added = text === undefined ? [] : [{ [name]: text }];
  return { ...record, headers: others.toSpliced(at < 0 ? others.length : at, 0, ...added) };
}
