/**
 * The records of the chunk topic: encode, decode and validate together, as docs/protocol.md specifies them.
 * What decodes is valid by every rule of that page; nothing downstream checks a field again.
 */
import { isUtf8 } from "node:buffer";
import { garbageOf, leaveGarbage } from "../lib/garbage.ts";
import { nameDigest } from "../lib/name-hash.ts";
import { type Attributes, decodeAttributes, encodeAttributes } from "./attributes.ts";
import { type Algorithm, isAlgorithm, parseChecksum } from "./checksum.ts";
import { filedUnder, isBeside } from "./filed-under.ts";
import { type Headers, type IncomingHeaders, pairsOf } from "./headers.ts";
import { cutTo, limits } from "./limits.ts";
import { countIn, crc32, formatSeconds, parseCount, parseSeconds } from "./numbers.ts";
import { pathProblem, pathToBytes, pathToText } from "./path.ts";

/** The format version that this agent writes, and the highest that it understands. */
export const formatVersion = 1;

/** Which file. */
export interface FileId {
  uploader: string;
  /** As text, see `path.ts`. */
  path: string;
}

/** Which file, and which version of it. */
export interface VersionId extends FileId {
  version: number;
}

/** Where reading a version may begin: the topic's id and an offset for each partition used. */
export interface From {
  topic: string;
  offsets: ReadonlyArray<{ partition: number; offset: number }>;
}

export interface Chunk extends VersionId {
  kind: "chunk";
  /** First byte in the file. */
  offset: number;
  /** The whole file, bytes. */
  size: number;
  /** Modification time, nanoseconds since 1970. */
  mtime: bigint;
  value: Buffer;
  /** For logs only. */
  index: number;
  count: number;
  from?: From;
  /** The kind of the file's checksum. */
  algorithm: Algorithm;
  /** On the last chunk: `md5:…` or `sha256:…` of the whole file. */
  checksum?: string;
  /** On the last chunk, of a file that has some. */
  attributes?: Attributes;
}

/** The uploader's word that a version will never be completed. */
export interface Abandoned extends VersionId {
  kind: "abandoned";
  reason: string;
}

/** What a record turned out to be; `corrupt` is a chunk whose bytes do not fit their CRC-32. */
export type Decoded =
  | Chunk
  | Abandoned
  | { kind: "foreign" }
  | { kind: "broken"; reason: string }
  | { kind: "refused"; reason: string; uploader: string; path: string }
  | ({ kind: "corrupt"; offset: number; length: number; size: number; from?: From } & VersionId)
  | { kind: "newer"; what: string; id?: VersionId };

/** With what is sent beside a name: who knows no such names parks it until an upgrade, rather than to take it for broken. */
export const besideHeader = { "!beside": "1" };

/** NAME, or NAME~NUMBER, see `filed-under.ts`. */
const nameRule = /^[A-Za-z0-9][A-Za-z0-9._-]*(~(0|[1-9][0-9]{0,3}))?$/;

/** Whether a text may be an uploader's name. */
export function isUploaderName(text: string): boolean {
  return filedUnder(text).length <= limits.uploader && nameRule.test(text);
}

/** Of one file it is asked for a dozen times in a row, and a long path makes a long key. */
let lastKey: FileId & { key: string; digest?: string } = { uploader: "", path: "", key: "/" };

/** The key of all records of a file. */
export function chunkKey({ uploader, path }: FileId): string {
  if (uploader === lastKey.uploader && path === lastKey.path) return lastKey.key;
  const key = `${uploader}/${path}`;
  lastKey = { uploader, path, key };
  leaveGarbage(garbageOf.nameCharacter * key.length);
  return key;
}

/** A key that is no longer than this is kept as it is. */
const longKey = 200;

/** What a file is called in maps of many: its key, or what stands for that where it is long. A path may have 4000 bytes. */
export function mapKey(id: FileId): string {
  const key = chunkKey(id);
  if (key.length <= longKey) return key;
  // Like no key: it has no slash.
  lastKey.digest ??= nameDigest(key);
  return lastKey.digest;
}

/** The headers of a chunk, in the order of docs/protocol.md. */
export function encodeChunk(chunk: Chunk): Headers {
  const headers: Record<string, string>[] = [
    ...encodeId(chunk),
    { offset: String(chunk.offset) },
    { size: String(chunk.size) },
    { mtime: formatSeconds(chunk.mtime) },
    { crc32: crc32(chunk.value) },
    { chunk: `${chunk.index}/${chunk.count}` },
  ];
  if (chunk.from) headers.push({ from: encodeFrom(chunk.from) });
  headers.push({ checksum: chunk.checksum ?? chunk.algorithm });
  if (chunk.checksum !== undefined) headers.push({ last: "1" });
  if (chunk.attributes) headers.push({ attributes: encodeAttributes(chunk.attributes) });
  return headers;
}

/** The headers of an `abandoned` record; its value is empty. */
export function encodeAbandoned(id: VersionId, reason: string): Headers {
  return [...encodeId(id), { abandoned: cutTo(reason, limits.reason) }];
}

export function encodeFrom(from: From): string {
  return [from.topic, ...from.offsets.map((o) => `${o.partition}@${o.offset}`)].join(" ");
}

/**
 * Taken apart in place: a text has hundreds of places, and an entry of the ledger, of which there are hundreds of thousands, has one.
 *
 * @param only the one partition of which the place, the first one, is wanted
 */
export function decodeFrom(text: string, only?: number): From | undefined {
  const topicEnd = text.indexOf(" ");
  if (text.length > limits.fromText || topicEnd < 1 || topicEnd > limits.topicId) return undefined;
  const offsets: { partition: number; offset: number }[] = [];
  let places = 0;
  for (let before = topicEnd; before < text.length; ) {
    const next = text.indexOf(" ", before + 1);
    const end = next < 0 ? text.length : next;
    const at = text.indexOf("@", before + 1);
    if (at < 0 || ++places > limits.places) return undefined;
    const partition = countIn(text, before + 1, at);
    const offset = countIn(text, at + 1, end);
    if (partition === undefined || offset === undefined || partition > limits.partition) return undefined;
    if (only === undefined || (partition === only && offsets.length === 0))
      offsets.push({ partition, offset });
    before = end;
  }
  return { topic: text.slice(0, topicEnd), offsets };
}

/** What a record of the chunk topic is. Never throws, whatever the bytes. */
export function decodeRecord(
  headers: IncomingHeaders | undefined,
  value: Buffer | null | undefined,
): Decoded {
  const fields = readFields(headers);
  const format = fields.get("streamsend");
  if (format === undefined) return { kind: "foreign" };
  const formatNumber = parseCount(format);
  if (formatNumber === undefined || formatNumber === 0) return broken("streamsend");
  const id = decodeId(fields);
  if (formatNumber > formatVersion) return newer(`format ${formatNumber}`, id);
  const unknown = [...fields.keys()].find((name) => name.startsWith("!") && !(name in besideHeader));
  if (unknown !== undefined) return newer(`header ${cutTo(unknown, maxShownHeader)}`, id);
  const tooLong = refusedForItsLength(fields);
  if (tooLong) return tooLong;
  const unreadable = fields.get(unreadableKey);
  if (unreadable !== undefined) return broken(unreadable);
  if (typeof id === "string") return broken(id);
  const problem = pathProblem(id.path);
  if (problem !== undefined) {
    // Escaped by now it may be longer than what came.
    const path = cutTo(id.path, limits.pathText);
    return { kind: "refused", reason: `path ${problem}`, uploader: id.uploader, path };
  }
  const reason = fields.get("abandoned");
  if (reason !== undefined && reason.length > limits.reason) return broken("abandoned");
  if (reason !== undefined)
    return value?.length ? broken("abandoned, with a value") : { kind: "abandoned", ...id, reason };
  return decodeChunk(id, fields, value ?? Buffer.alloc(0));
}

function decodeChunk(id: VersionId, fields: Map<string, string>, value: Buffer): Decoded {
  const offset = parseCount(fields.get("offset"));
  const size = parseCount(fields.get("size"));
  const mtime = parseSeconds(fields.get("mtime"));
  const crc = fields.get("crc32");
  const fromText = fields.get("from");
  const from = fromText === undefined ? undefined : decodeFrom(fromText);
  const checksum = fields.get("checksum") ?? "";
  const whole = parseChecksum(checksum);
  const algorithm = whole?.algorithm ?? checksum;
  const [index, count] = (fields.get("chunk") ?? "").split("/").map((part) => parseCount(part));
  if (offset === undefined || size === undefined || mtime === undefined)
    return broken("offset, size or mtime");
  if (crc === undefined || !/^[0-9a-f]{8}$/.test(crc)) return broken("crc32");
  // Only the chunk that is the whole file can do without.
  if (from === undefined && (fromText !== undefined || value.length < size)) return broken("from");
  if (index === undefined || count === undefined) return broken("chunk");
  if (offset + value.length > size) return broken("the value does not fit the size");
  if (value.length === 0 && size > 0) return broken("the value is empty");
  const last = fields.get("last");
  const ends = offset + value.length === size;
  if ((last === "1") !== ends || (last !== undefined && last !== "1")) return broken("last");
  if (!isAlgorithm(algorithm) || ends !== (whole !== undefined)) return broken("checksum");
  const pairs = fields.get("attributes");
  const attributes = pairs === undefined ? undefined : decodeAttributes(pairs);
  if (pairs !== undefined && (!ends || !attributes)) return broken("attributes");
  const optional = from === undefined ? {} : { from };
  if (crc32(value) !== crc)
    return { kind: "corrupt", ...id, offset, length: value.length, size, ...optional };
  const known = whole ? { ...optional, checksum } : optional;
  const told = attributes ? { ...known, attributes } : known;
  return { kind: "chunk", ...id, offset, size, mtime, value, index, count, algorithm, ...told };
}

function encodeId(id: VersionId): Record<string, string>[] {
  const headers: Record<string, string>[] = [
    { streamsend: String(formatVersion) },
    { uploader: id.uploader },
    { path: id.path },
    { version: String(id.version) },
  ];
  if (isBeside(id.uploader)) headers.push(besideHeader);
  return headers;
}

/** The id, or what is wrong with it. */
function decodeId(fields: Map<string, string>): VersionId | string {
  const uploader = fields.get("uploader");
  const pathText = fields.get("path");
  const version = parseCount(fields.get("version"));
  if (uploader === undefined || !isUploaderName(uploader)) return "uploader";
  if (pathText === undefined || pathText.length > limits.pathText) return "path";
  if (version === undefined) return "version";
  try {
    return { uploader, path: pathToText(pathToBytes(pathText)), version };
  } catch (error) {
    return `path: ${error instanceof Error ? error.message : String(error)}`;
  }
}

/** Longer than any of ours may be, bytes: it need not become a text to be refused. */
const longestHeader = limits.pathText;
/** So much of an unknown header's name is shown. */
const maxShownHeader = 40;

/** Stands in the map for the beginning of a path that no path can be as long as. */
const longPathKey = "\0path";
const shownOfPath = 200;

/** A path that is too long to become a text is refused as any other that is too long. */
function refusedForItsLength(fields: Map<string, string>): Decoded | undefined {
  const path = fields.get(longPathKey);
  const uploader = fields.get("uploader") ?? "";
  if (path === undefined || !isUploaderName(uploader)) return undefined;
  return { kind: "refused", reason: `path is longer than ${limits.path} bytes`, uploader, path: `${path}…` };
}

/** Stands in the map for what is wrong with the headers themselves; no header can have this name. */
const unreadableKey = "\0unreadable";

function readFields(headers: IncomingHeaders | undefined): Map<string, string> {
  const fields = new Map<string, string>();
  for (const [name, value] of pairsOf(headers)) {
    // Of what is none of ours only this counts, whatever it says.
    if (name.startsWith("!")) fields.set(name, "");
    if (!known.has(name)) continue;
    if (fields.has(name)) fields.set(unreadableKey, `header ${name} is repeated`);
    if (value.length > longestHeader && name === "path")
      fields.set(longPathKey, Buffer.from(value).toString("utf8", 0, shownOfPath));
    if (value.length > longestHeader) fields.set(unreadableKey, `header ${name} is too long`);
    else if (Buffer.isBuffer(value) && !isUtf8(value))
      fields.set(unreadableKey, `header ${name} is no UTF-8`);
    // Also of one that is too long: whose record it is may still be known by the others.
    fields.set(name, value.length > longestHeader ? "" : String(value));
  }
  return fields;
}

/** A repeated header is broken only if it is one of ours; others are none of our business. */
const known = new Set(
  "streamsend uploader path version offset size mtime crc32 chunk from checksum last attributes abandoned".split(
    " ",
  ),
);

function broken(reason: string): Decoded {
  return { kind: "broken", reason };
}

function newer(what: string, id: VersionId | string): Decoded {
  return typeof id === "string" ? { kind: "newer", what } : { kind: "newer", what, id };
}
