/** Entries of the ledger as docs/protocol.md writes them, put together by hand: what an uploader says of a file. */
import { createHash } from "node:crypto";
import { anyEpoch } from "./entries.ts";
import { type HandMadeFile, handMadeVersion } from "./hand-made.ts";
import type { PlainRecord } from "./records.ts";

export interface HandMadeEntry {
  state?: "sending" | "sent" | "gone" | "abandoned";
  topicId: string;
  /** Of the version's last chunk. */
  offset: number;
  /** As the chunks' header has it. */
  from?: string;
}

/** The uploader's word on a file; everything is in partition 0. */
export function fileEntry(file: HandMadeFile, entry: HandMadeEntry): PlainRecord {
  const { uploader, path, content, version = handMadeVersion, attributes } = file;
  const { state = "sent", topicId, offset, from } = entry;
  const noted = {
    path,
    version,
    state,
    size: content.length,
    mtime: "1744741849202123456",
    ctime: "1744741849202123456",
    inode: "1",
    topic: topicId,
    partition: 0,
    ...(from === undefined ? {} : { from }),
    checksum: `md5:${createHash("md5").update(content).digest("hex")}`,
    attributes,
    offset,
  };
  return fileAsNoted(uploader, noted);
}

/** The uploader's word on a file, as a batch has it. */
export function fileAsNoted(
  uploader: string,
  noted: { readonly path: string; readonly version: number },
): PlainRecord {
  const { path, version } = noted;
  // A slot that no agent comes to.
  const slot = 1_000_000 + Bun.hash.crc32(path);
  return {
    key: `files/${uploader}/${anyEpoch}/${slot}`,
    value: Buffer.from(JSON.stringify({ format: 1, open: [], next: version + 1, files: [noted] })),
    headers: [],
  };
}

/** A group's request for ranges of a version; `undefined`: it is taken back. */
export function request(
  group: string,
  { uploader, path, version }: { uploader: string; path: string; version: number },
  ranges: readonly (readonly [number, number])[] | undefined,
): PlainRecord {
  const value = { format: 1, ranges, time: new Date().toISOString() };
  return {
    key: `needs/${group}/${uploader}/${version}/${path}`,
    value: ranges ? Buffer.from(JSON.stringify(value)) : null,
    headers: [],
  };
}

interface Id {
  uploader: string;
  path: string;
  version: number;
}

/** A group's word that it has a version, noted or not: the mark of partition 0, which says nothing of any other one. */
export function delivered(group: string, id: Id, content: { size: number; checksum: string }): PlainRecord {
  const { uploader, path, version } = id;
  const early = [{ path, version, size: content.size, checksum: content.checksum }];
  const mark = { format: 1, to: 0, at: 0, but: [], also: [], early, by: {}, time: new Date().toISOString() };
  return { key: `done/${group}/${uploader}/0`, value: Buffer.from(JSON.stringify(mark)), headers: [] };
}

/** A group's word that it can't store a version. */
export function failed(group: string, id: Id, reason: string): PlainRecord {
  return receipt("failed", group, id, { reason });
}

function receipt(kind: string, group: string, { uploader, path, version }: Id, value: object): PlainRecord {
  return {
    key: `${kind}/${group}/${uploader}/${version}/${path}`,
    value: Buffer.from(JSON.stringify({ format: 1, ...value, time: new Date().toISOString() })),
    headers: [],
  };
}
