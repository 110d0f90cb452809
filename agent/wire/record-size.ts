/**
 * How large a record becomes on the topic, for `max.message.bytes`: computed from Kafka's message format v2
 * (https://kafka.apache.org/documentation/#messageformat), not guessed.
 */
import { type Attributes, encodeAttributes } from "./attributes.ts";
import { besideHeader, type Chunk, encodeChunk, type FileId } from "./chunk.ts";
import { isBeside } from "./filed-under.ts";
import { pairsOf } from "./headers.ts";

/** A record batch's own header. */
const batchHeaderBytes = 61;
/** Attributes (1), timestamp delta and offset delta of the only record of a batch (at most 10 and 1 bytes). */
const recordFixedBytes = 12;
const longestVarint = 5;

/** What the longest headers of a file's chunks depend on. */
export interface OutgoingFile extends FileId {
  attributes?: Attributes | undefined;
  /** Partitions that its chunks are in; 1 without it. */
  places?: number | undefined;
}

/**
 * What a record of a file without a name comes to at most beside its value, by the file's places. It is asked for several
 * times a file, and to put such a record together takes some 4 µs.
 */
const besideValue = new Map<number, number>();

/** Bytes of a value that fit a batch of `batchBytes` beside the key and the longest headers of a file's chunks. */
export function largestValue(batchBytes: number, file: OutgoingFile): number {
  const { uploader, path, attributes, places = 1 } = file;
  let beside = besideValue.getOrInsertComputed(places, longestBesideValue);
  // Both are in the key, and each in a header.
  beside += 2 * (Buffer.byteLength(uploader) + Buffer.byteLength(path));
  if (attributes) beside += headerBytes("attributes", encodeAttributes(attributes));
  if (isBeside(uploader))
    for (const [name, value] of Object.entries(besideHeader)) beside += headerBytes(name, value);
  return Math.max(1, batchBytes - beside);
}

/** Every field at its longest. */
function longestBesideValue(places: number): number {
  const longest = Number.MAX_SAFE_INTEGER;
  const chunk: Chunk = {
    kind: "chunk",
    uploader: "",
    path: "",
    version: longest,
    offset: longest,
    size: longest,
    mtime: -(10n ** 20n),
    value: Buffer.alloc(0),
    index: longest,
    count: longest,
    from: {
      topic: "x".repeat(22),
      offsets: Array.from({ length: places }, () => ({ partition: 999_999, offset: longest })),
    },
    algorithm: "sha256",
    checksum: `sha256:${"0".repeat(64)}`,
  };
  const slashOfKey = 1;
  // The lengths of the record, its key and its value, and the number of its headers.
  const fixed = batchHeaderBytes + recordFixedBytes + 4 * longestVarint + slashOfKey;
  return pairsOf(encodeChunk(chunk)).reduce(
    (bytes, [name, value]) => bytes + headerBytes(name, value),
    fixed,
  );
}

function headerBytes(name: string, value: string | Buffer): number {
  return 2 * longestVarint + Buffer.byteLength(name) + Buffer.byteLength(value);
}
