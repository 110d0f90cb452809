/**
 * The entries of the ledger topic: keys and values, encode, decode and validate together, as docs/protocol.md
 * specifies them. An entry that does not decode is left alone: it may be a newer agent's.
 */
import {
  count,
  countUpTo,
  fields,
  list,
  mapOf,
  oneOf,
  pair,
  type Shaped,
  textLike,
  textThat,
  textUpTo,
} from "../lib/json-shape.ts";
import { parseChecksum } from "./checksum.ts";
import { formatVersion, isUploaderName, type VersionId } from "./chunk.ts";
import { cutTo, limits } from "./limits.ts";
import { parseCount, partitionOf } from "./numbers.ts";
import { pathProblem, pathToBytes, pathToText } from "./path.ts";

const nanoseconds = textLike(/^-?\d{1,20}$/);
const format = oneOf(formatVersion);
const checksum = textThat((text) => parseChecksum(text) !== undefined);
const topic = textUpTo(limits.topicId);
const reason = textUpTo(limits.reason);
const time = textUpTo(limits.time);
const partition = countUpTo(limits.partition);
const isPartition = (text: string) => (parseCount(text) ?? Number.POSITIVE_INFINITY) <= limits.partition;

const nameValue = fields(
  {
    format,
    instance: textUpTo(limits.instance),
    host: textUpTo(limits.host),
    state: oneOf("held", "released"),
    highest: count,
  },
  { epoch: count, after: count, process: textUpTo(limits.process) },
);
const claimValue = fields({ format, instance: textUpTo(limits.instance), host: textUpTo(limits.host) });
const layoutValue = fields({ format, partitions: countUpTo(limits.partition) });

const fileFacts = {
  format,
  version: count,
  state: oneOf("sending", "sent", "abandoned", "gone"),
  size: count,
  mtime: nanoseconds,
  ctime: nanoseconds,
  inode: textUpTo(limits.inode),
};
const fileDetails = {
  topic,
  partition,
  from: textUpTo(limits.fromText),
  acknowledged: count,
  checksum,
  offset: count,
  answered: count,
  reason,
  epoch: count,
};
const fileFields = fields(fileFacts, fileDetails);

const deliveredValue = fields(
  { format, size: count, checksum, time },
  { mtime: nanoseconds, by: textUpTo(limits.by) },
);
const failedValue = fields({ format, reason, time });
const needsValue = fields({ format, ranges: list(pair(count), limits.ranges), time }, { since: count });
const offsets = mapOf(count, isPartition, limits.startPartitions);
const startValue = fields({ format, topic, offsets, time });

/** Who holds an uploader's name. */
export type NameValue = Shaped<typeof nameValue>;
/** An agent's question whether somebody works under the uploader's name. */
export type ClaimValue = Shaped<typeof claimValue>;
/** How the ledger's entries are spread over its partitions. */
export type LayoutValue = Shaped<typeof layoutValue>;
/** What an entry of a file says in every state. */
export type FileFacts = Omit<Shaped<typeof fileFields>, "state" | keyof FileDetails>;
type FileDetails = { [Key in keyof typeof fileDetails]?: Shaped<(typeof fileDetails)[Key]> | undefined };
/** What an entry of a file has once all of the version was sent: its content, and where it is. */
type SentDetails = {
  [Key in "topic" | "partition" | "checksum" | "offset"]-?: NonNullable<FileDetails[Key]>;
};

interface FileOf<State extends string> extends FileFacts, FileDetails {
  state: State;
}

/** The version is being sent. `acknowledged` says how far. */
export type SendingFile = FileOf<"sending">;
/** All of the version was sent. */
export type SentFile = FileOf<"sent"> & SentDetails;
/** The version will never be whole. */
export type AbandonedFile = FileOf<"abandoned">;
/** The file is no longer there. It may have been sent before that. */
export type GoneFile = FileOf<"gone">;
/** It is said to be sent, but not what or where: nothing can be done with that. No agent writes it. */
export type IncompleteFile = FileOf<"incomplete">;
/** The newest version of a path, as its uploader knows it. */
export type FileValue = SendingFile | SentFile | AbandonedFile | GoneFile | IncompleteFile;

/** A version that was sent whole; its file may be gone since. */
export type WholeFile = SentFile | (GoneFile & SentDetails);

export function wasSentWhole(file: FileValue): file is WholeFile {
  return (file.state === "sent" || file.state === "gone") && hasSentDetails(file);
}

/** A group's word that a version is verified and stored. */
export type DeliveredValue = Shaped<typeof deliveredValue>;
/** A group's word that a version can't be stored. */
export type FailedValue = Shaped<typeof failedValue>;
/** A group's request for ranges, `[from, to)` in bytes, of a version. */
export type NeedsValue = Shaped<typeof needsValue>;
/** The offsets at which a group began. */
export type StartValue = Shaped<typeof startValue>;

/** What a key names. The kinds with a group are receipts. */
export type EntryKey =
  | { kind: "name"; uploader: string }
  | { kind: "claim"; uploader: string }
  | { kind: "layout" }
  | { kind: "file"; uploader: string; path: string }
  | { kind: "start"; group: string }
  | ReceiptKey<"delivered">
  | ReceiptKey<"failed">
  | ReceiptKey<"needs">;

export type ReceiptKind = "delivered" | "failed" | "needs";

export type NameEntry = KeyOf<"name"> & NameValue;
export type ClaimEntry = KeyOf<"claim"> & ClaimValue;
export type LayoutEntry = KeyOf<"layout"> & LayoutValue;
export type FileEntry = KeyOf<"file"> & FileValue;
export type StartEntry = KeyOf<"start"> & StartValue;
export type DeliveredEntry = ReceiptKey<"delivered"> & DeliveredValue;
export type FailedEntry = ReceiptKey<"failed"> & FailedValue;
export type NeedsEntry = ReceiptKey<"needs"> & NeedsValue;
/** What stood under the key counts no longer. */
export interface Tombstone {
  kind: "tombstone";
  key: EntryKey;
}

/** An entry that says something: the fields of its key, and those of its value. */
export type ValueEntry =
  | NameEntry
  | ClaimEntry
  | LayoutEntry
  | FileEntry
  | StartEntry
  | DeliveredEntry
  | FailedEntry
  | NeedsEntry;

export type Entry = ValueEntry | Tombstone;

type KeyOf<K extends EntryKey["kind"]> = Extract<EntryKey, { kind: K }>;
export type ReceiptKey<K extends ReceiptKind> = { kind: K; group: string } & VersionId;

export function receiptKey<const K extends ReceiptKind>(
  kind: K,
  group: string,
  id: VersionId,
): ReceiptKey<K> {
  const { uploader, path, version } = id;
  return { kind, group, uploader, path, version };
}

export function tombstone(key: EntryKey): Tombstone {
  return { kind: "tombstone", key };
}

/** What the entry stands under, and nothing else of it. */
export function keyOf(entry: Entry): EntryKey {
  switch (entry.kind) {
    case "tombstone":
      return entry.key;
    case "name":
    case "claim":
      return { kind: entry.kind, uploader: entry.uploader };
    case "layout":
      return { kind: entry.kind };
    case "file":
      return { kind: entry.kind, uploader: entry.uploader, path: entry.path };
    case "start":
      return { kind: entry.kind, group: entry.group };
    default: {
      const { kind, group, uploader, path, version } = entry;
      return { kind, group, uploader, path, version };
    }
  }
}

export function encodeEntryKey(key: EntryKey): string {
  switch (key.kind) {
    case "name":
    case "claim":
      return `${key.kind}/${key.uploader}`;
    case "layout":
      return key.kind;
    case "file":
      return `file/${key.uploader}/${key.path}`;
    case "start":
      return `start/${escapeGroup(key.group)}`;
    default:
      return [key.kind, escapeGroup(key.group), key.uploader, key.version, key.path].join("/");
  }
}

/** The text whose hash chooses the entry's partition: the uploader's name, or the group's for `start`. */
export function entryPartitionKey(key: Exclude<EntryKey, { kind: "layout" }>): string {
  return key.kind === "start" ? key.group : key.uploader;
}

/** The partition of an entry in a ledger of so many. */
export function partitionOfEntry(key: EntryKey, partitions: number): number {
  // Where everybody looks for it.
  return key.kind === "layout" ? 0 : partitionOf(entryPartitionKey(key), partitions);
}

/** What stands under the entry's key, as JSON; null for a tombstone. Its `reason` is cut to the protocol's limit. */
export function encodeEntryValue(entry: Entry): string | null {
  if (entry.kind === "tombstone") return null;
  const value = entryValueOf(entry);
  if (!("reason" in value) || value.reason === undefined) return JSON.stringify(value);
  return JSON.stringify({ ...value, reason: cutTo(value.reason, limits.reason) });
}

/** The entry without the fields of its key, in the same order. */
function entryValueOf(entry: ValueEntry) {
  switch (entry.kind) {
    case "name":
    case "claim": {
      const { kind, uploader, ...value } = entry;
      return value;
    }
    case "layout": {
      const { kind, ...value } = entry;
      return value;
    }
    case "file":
      return writtenFile(fileValueOf(entry));
    case "start": {
      const { kind, group, ...value } = entry;
      return value;
    }
    default: {
      const { kind, group, uploader, path, version, ...value } = entry;
      return value;
    }
  }
}

/** What an entry says of its file. */
export function fileValueOf(entry: FileEntry): FileValue {
  const { kind, uploader, path, ...value } = entry;
  return value;
}

/** Any ledger record as an entry, `undefined` when it is none that this version knows. Never throws. */
export function decodeEntry(
  keyBytes: Buffer | null | undefined,
  valueBytes: Buffer | null,
): Entry | undefined {
  const decoded = decodeLedgerRecord(keyBytes, valueBytes);
  return decoded === "unknown" || decoded === "broken" ? undefined : decoded;
}

/**
 * What a record of the ledger is: an entry; `unknown`, which a newer agent may know; or `broken`, by the rules and limits
 * of this format. Never throws, and looks at no more of what is too large than its length.
 */
export function decodeLedgerRecord(
  keyBytes: Buffer | null | undefined,
  valueBytes: Buffer | null,
): Entry | "unknown" | "broken" {
  if (!keyBytes || keyBytes.length > longestKey) return keyBytes ? "broken" : "unknown";
  const [kind = "", ...rest] = keyBytes.toString("utf8").split("/");
  if (!isKind(kind)) return "unknown";
  if ((valueBytes?.length ?? 0) > (kind === "start" ? limits.startEntry : limits.entry)) return "broken";
  try {
    const key = decodeEntryKey(kind, rest);
    if (!key) return "broken";
    if (valueBytes === null) return tombstone(key);
    const parsed: unknown = JSON.parse(valueBytes.toString("utf8"));
    return isOfNewerFormat(parsed) ? "unknown" : decodeValue(key, parsed);
  } catch {
    // No JSON, of another shape, a path that is no path.
    return "broken";
  }
}

/** Puts the value's fields to the key's. Throws a `ShapeError`. */
function decodeValue(key: EntryKey, parsed: unknown): ValueEntry {
  switch (key.kind) {
    case "name":
      return Object.assign(key, nameValue(parsed));
    case "claim":
      return Object.assign(key, claimValue(parsed));
    case "layout":
      return Object.assign(key, layoutValue(parsed));
    case "file":
      return Object.assign(key, readFile(parsed));
    case "start":
      return Object.assign(key, startValue(parsed));
    case "delivered":
      return Object.assign(key, deliveredValue(parsed));
    case "failed":
      return Object.assign(key, failedValue(parsed));
    case "needs":
      return Object.assign(key, needsValue(parsed));
  }
}

function readFile(parsed: unknown): FileValue {
  const said = fileFields(parsed);
  if (isWhole(said) || isNotSent(said)) return said;
  return Object.assign(said, { state: "incomplete" } as const);
}

type ReadFile = Shaped<typeof fileFields>;

function isNotSent(said: ReadFile): said is SendingFile | AbandonedFile | GoneFile {
  return said.state !== "sent";
}

function isWhole(said: ReadFile): said is SentFile {
  return said.state === "sent" && hasSentDetails(said);
}

function hasSentDetails({ topic, partition, checksum, offset }: FileDetails): boolean {
  return topic !== undefined && partition !== undefined && checksum !== undefined && offset !== undefined;
}

/** As it was read: what is incomplete was said to be sent. */
function writtenFile(value: FileValue): ReadFile {
  return value.state === "incomplete" ? { ...value, state: "sent" } : value;
}

/** `needs/GROUP/UPLOADER/VERSION/PATH` with each at its longest, and some more. */
const longestKey = limits.pathText + limits.groupText + limits.uploader + 64;

const kinds: ReadonlySet<string> = new Set<EntryKey["kind"]>([
  "name",
  "claim",
  "layout",
  "file",
  "delivered",
  "failed",
  "needs",
  "start",
]);

function isKind(text: string): text is EntryKey["kind"] {
  return kinds.has(text);
}

function isOfNewerFormat(value: unknown): boolean {
  if (typeof value !== "object" || value === null || !("format" in value)) return false;
  return typeof value.format === "number" && value.format > formatVersion;
}

function decodeEntryKey(kind: EntryKey["kind"], rest: string[]): EntryKey | undefined {
  switch (kind) {
    case "layout":
      return rest.length === 0 ? { kind } : undefined;
    case "name":
    case "claim":
      return rest.length === 1 && isUploaderName(rest[0] ?? "")
        ? { kind, uploader: rest[0] as string }
        : undefined;
    case "start":
      return rest.length === 1 ? { kind, group: unescapeGroup(rest[0] as string) } : undefined;
    case "file": {
      const [uploader = "", ...path] = rest;
      return isUploaderName(uploader) && path.length > 0
        ? { kind, uploader, path: canonical(path) }
        : undefined;
    }
    case "delivered":
    case "failed":
    case "needs": {
      const [group = "", uploader = "", versionText, ...path] = rest;
      const version = parseCount(versionText);
      if (!isUploaderName(uploader) || version === undefined || path.length === 0) return undefined;
      return { kind, group: unescapeGroup(group), uploader, version, path: canonical(path) };
    }
  }
}

/** Throws for a path that no file may have: nothing is to be kept of it. */
function canonical(segments: string[]): string {
  const text = segments.join("/");
  if (text.length > limits.pathText) throw new RangeError("too long for a path");
  const path = pathToText(pathToBytes(text));
  if (pathProblem(path) !== undefined) throw new RangeError("no path of a file");
  return path;
}

function unescapeGroup(text: string): string {
  if (text.length > limits.groupText) throw new RangeError("too long for a group's name");
  const group = decodeURIComponent(text);
  if (group.length < 1 || group.length > limits.group) throw new RangeError("no group's name");
  return group;
}

function escapeGroup(group: string): string {
  return group.replace(/[%/]/g, (c) => (c === "/" ? "%2F" : "%25"));
}
