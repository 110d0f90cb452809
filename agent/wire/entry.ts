/**
 * The entries of the ledger topic: keys and values, encode, decode and validate together, as docs/protocol.md
 * specifies them. An entry that does not decode is left alone: it may be a newer agent's.
 */
import { count, fields, list, mapOf, oneOf, pair, type Shaped, text, textLike } from "../lib/shape.ts";
import { formatVersion, isUploaderName, type VersionId } from "./chunk.ts";
import { parseCount } from "./numbers.ts";
import { pathToBytes, pathToText } from "./path.ts";

const maxGroupLength = 249;
const nanoseconds = textLike(/^-?\d{1,20}$/);
const format = oneOf(formatVersion);
const checksum = textLike(/^(md5:[0-9a-f]{32}|sha256:[0-9a-f]{64})$/);

const nameValue = fields(
  { format, instance: text, host: text, state: oneOf("held", "released"), highest: count },
  { answers: text },
);

const fileValue = fields(
  {
    format,
    version: count,
    state: oneOf("sending", "sent", "abandoned", "gone"),
    size: count,
    mtime: nanoseconds,
    ctime: nanoseconds,
    inode: text,
  },
  {
    topic: text,
    partition: count,
    from: text,
    acknowledged: count,
    checksum,
    offset: count,
    answered: count,
    reason: text,
  },
);

const deliveredValue = fields({ format, size: count, checksum, time: text }, { mtime: nanoseconds });
const failedValue = fields({ format, reason: text, time: text });
const needsValue = fields({ format, ranges: list(pair(count)), time: text }, { since: count });
const startValue = fields({ format, topic: text, offsets: mapOf(count), time: text });

/** Who holds an uploader's name. */
export type NameValue = Shaped<typeof nameValue>;
/** The newest version of a path, as its uploader knows it. */
export type FileValue = Shaped<typeof fileValue>;
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
  | { kind: "file"; uploader: string; path: string }
  | { kind: "start"; group: string }
  | ({ kind: ReceiptKind; group: string } & VersionId);

export type ReceiptKind = "delivered" | "failed" | "needs";

/** A decoded entry; `value` is null for a tombstone. */
export type Entry =
  | { key: Extract<EntryKey, { kind: "name" }>; value: NameValue | null }
  | { key: Extract<EntryKey, { kind: "file" }>; value: FileValue | null }
  | { key: Extract<EntryKey, { kind: "start" }>; value: StartValue | null }
  | { key: ReceiptKey<"delivered">; value: DeliveredValue | null }
  | { key: ReceiptKey<"failed">; value: FailedValue | null }
  | { key: ReceiptKey<"needs">; value: NeedsValue | null };

export type ReceiptKey<K extends ReceiptKind> = { kind: K; group: string } & VersionId;

const valueShapes = {
  name: nameValue,
  file: fileValue,
  delivered: deliveredValue,
  failed: failedValue,
  needs: needsValue,
  start: startValue,
};

export function encodeEntryKey(key: EntryKey): string {
  switch (key.kind) {
    case "name":
      return `name/${key.uploader}`;
    case "file":
      return `file/${key.uploader}/${key.path}`;
    case "start":
      return `start/${escapeGroup(key.group)}`;
    default:
      return [key.kind, escapeGroup(key.group), key.uploader, key.version, key.path].join("/");
  }
}

/** The text whose hash chooses the entry's partition: the uploader's name, or the group's for `start`. */
export function entryPartitionKey(key: EntryKey): string {
  return key.kind === "start" ? key.group : key.uploader;
}

export function encodeEntryValue(value: NonNullable<Entry["value"]>): string {
  return JSON.stringify(value);
}

/** Any ledger record as an entry, `undefined` when it is none that this version knows. Never throws. */
export function decodeEntry(
  keyBytes: Buffer | null | undefined,
  valueBytes: Buffer | null,
): Entry | undefined {
  try {
    const key = decodeEntryKey(keyBytes?.toString("utf8") ?? "");
    if (!key) return undefined;
    const value = valueBytes === null ? null : valueShapes[key.kind](JSON.parse(valueBytes.toString("utf8")));
    return { key, value } as Entry;
  } catch {
    // Not JSON, a newer format, a path that is no path: all the same here, see above.
    return undefined;
  }
}

function decodeEntryKey(text: string): EntryKey | undefined {
  const [kind, ...rest] = text.split("/");
  switch (kind) {
    case "name":
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
    default:
      return undefined;
  }
}

function canonical(segments: string[]): string {
  return pathToText(pathToBytes(segments.join("/")));
}

function unescapeGroup(text: string): string {
  const group = decodeURIComponent(text);
  if (group.length < 1 || group.length > maxGroupLength) throw new RangeError("no group's name");
  return group;
}

function escapeGroup(group: string): string {
  return group.replace(/[%/]/g, (c) => (c === "/" ? "%2F" : "%25"));
}
