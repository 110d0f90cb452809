/**
 * How large a record becomes on the topic, for `max.message.bytes`: computed from Kafka's message format v2
 * (https://kafka.apache.org/documentation/#messageformat), not guessed.
 */
import type { Attributes } from "./attributes.ts";
import { type Chunk, chunkKey, encodeChunk, type FileId } from "./chunk.ts";
import { type Headers, pairsOf } from "./headers.ts";

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

/** Bytes of a value that fit a batch of `batchBytes` beside the key and the longest headers of a file's chunks. */
export function largestValue(batchBytes: number, file: OutgoingFile): number {
  const beside = batchHeaderBytes + recordFixedBytes + 3 * longestVarint;
  return Math.max(
    1,
    batchBytes - beside - Buffer.byteLength(chunkKey(file)) - headersBytes(longestHeaders(file)),
  );
}

/** Every field at its longest. */
function longestHeaders({ uploader, path, attributes, places = 1 }: OutgoingFile): Headers {
  const longest = Number.MAX_SAFE_INTEGER;
  const chunk: Chunk = {
    kind: "chunk",
    uploader,
    path,
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
    ...(attributes ? { attributes } : {}),
  };
  return encodeChunk(chunk);
}

function headersBytes(headers: Headers): number {
  let bytes = longestVarint;
  for (const [name, value] of pairsOf(headers))
    bytes += 2 * longestVarint + Buffer.byteLength(name) + Buffer.byteLength(value);
  return bytes;
}
