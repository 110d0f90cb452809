/**
 * The entries of the ledger topic: keys and values, encode, decode and validate together, as docs/protocol.md
 * specifies them. An entry that does not decode is left alone: it may be a newer agent's.
 */
import { formatVersion, type Headers } from "./chunk.ts";
import { decodeEntryKey, type EntryKey, isEntryKind, longestKeyBytes, type ReceiptKey } from "./entry-key.ts";
import {
  type ClaimValue,
  claimValue,
  type DeliveredValue,
  deliveredValue,
  type FailedValue,
  type FileValue,
  failedValue,
  fileValue,
  type LayoutValue,
  layoutValue,
  type NameValue,
  type NeedsValue,
  nameValue,
  needsValue,
  type StartValue,
  startValue,
  writtenFile,
} from "./entry-value.ts";
import { cutTo, limits } from "./limits.ts";

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

/** The header of an uploader's entry that names the ledger that it was meant for, by its topic id. */
const meantHeader = "ledger";

/** What brokers without topic ids (before Kafka 2.8) call every topic: sixteen zero bytes. It tells nothing apart. */
const noTopicId = "AAAAAAAAAAAAAAAAAAAAAA";

/** Whether it says something of one ledger, and nothing in another: an uploader's. What a group has is so in any. */
function isOfOneLedger({ kind }: EntryKey): boolean {
  return kind === "name" || kind === "file";
}

/** The headers of an entry's record. */
export function encodeMeantFor(key: EntryKey, ledgerId: string): Headers | undefined {
  return isOfOneLedger(key) && ledgerId !== noTopicId ? [{ [meantHeader]: ledgerId }] : undefined;
}

/**
 * Whether a record was meant for another ledger than the one of this id: that one was deleted as the record was under way. Of
 * several headers the first counts.
 */
export function isMeantForAnother(key: EntryKey, headers: Headers | undefined, ledgerId: string): boolean {
  if (!isOfOneLedger(key) || ledgerId === noTopicId) return false;
  for (const header of headers ?? []) {
    const meant = header[meantHeader];
    if (meant !== undefined) return meant.length !== ledgerId.length || meant.toString() !== ledgerId;
  }
  return false;
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
  if (!keyBytes || keyBytes.length > longestKeyBytes) return keyBytes ? "broken" : "unknown";
  const [kind = "", ...rest] = keyBytes.toString("utf8").split("/");
  if (!isEntryKind(kind)) return "unknown";
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
      return Object.assign(key, fileValue(parsed));
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

function isOfNewerFormat(value: unknown): boolean {
  if (typeof value !== "object" || value === null || !("format" in value)) return false;
  return typeof value.format === "number" && value.format > formatVersion;
}
