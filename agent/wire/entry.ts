/**
 * The entries of the ledger topic: keys and values, encode, decode and validate together, as docs/protocol.md
 * specifies them. An entry that does not decode is left alone: it may be a newer agent's.
 */
import { formatVersion } from "./chunk.ts";
import {
  type DoneKey,
  decodeEntryKey,
  type EntryKey,
  isEntryKind,
  longestKeyBytes,
  type ReceiptKey,
} from "./entry-key.ts";
import {
  type AgainValue,
  againValue,
  type ClaimValue,
  claimValue,
  type DoneValue,
  doneValue,
  type FailedValue,
  type FilesValue,
  type FileValue,
  failedValue,
  filesValue,
  type LayoutValue,
  layoutValue,
  type NameValue,
  type NeedsValue,
  type NotedFile,
  nameValue,
  needsValue,
  type StartValue,
  startValue,
  writtenFiles,
} from "./entry-value.ts";
import { type Headers, type IncomingHeaders, pairsOf } from "./headers.ts";
import { cutTo, limits } from "./limits.ts";

export type NameEntry = KeyOf<"name"> & NameValue;
export type ClaimEntry = KeyOf<"claim"> & ClaimValue;
export type LayoutEntry = KeyOf<"layout"> & LayoutValue;
export type FilesEntry = KeyOf<"files"> & FilesValue;
export type StartEntry = KeyOf<"start"> & StartValue;
export type FailedEntry = ReceiptKey<"failed"> & FailedValue;
export type NeedsEntry = ReceiptKey<"needs"> & NeedsValue;
export type AgainEntry = ReceiptKey<"again"> & AgainValue;
export type DoneEntry = DoneKey & DoneValue;
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
  | FilesEntry
  | StartEntry
  | FailedEntry
  | NeedsEntry
  | AgainEntry
  | DoneEntry;

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
    case "files":
      return { kind: entry.kind, uploader: entry.uploader, epoch: entry.epoch, slot: entry.slot };
    case "start":
      return { kind: entry.kind, group: entry.group };
    case "done": {
      const { kind, group, uploader, partition } = entry;
      return { kind, group, uploader, partition };
    }
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

/** Whether a ledger of this id is told from one that is made in its place. */
export function isToldApart(ledgerId: string): boolean {
  return ledgerId !== noTopicId;
}

/** Whether it says something of one ledger, and nothing in another: an uploader's, or by its offsets. What a group asks for is so in any. */
function isOfOneLedger({ kind }: EntryKey): boolean {
  return kind === "name" || kind === "files" || kind === "done";
}

/** The headers of an entry's record. */
export function encodeMeantFor(key: EntryKey, ledgerId: string): Headers | undefined {
  return isOfOneLedger(key) && isToldApart(ledgerId) ? [{ [meantHeader]: ledgerId }] : undefined;
}

/**
 * Whether a record was meant for another ledger than the one of this id: that one was deleted as the record was under way. Of
 * several headers the first counts.
 */
export function isMeantForAnother(
  key: EntryKey,
  headers: IncomingHeaders | undefined,
  ledgerId: string,
): boolean {
  if (!isOfOneLedger(key) || !isToldApart(ledgerId)) return false;
  for (const [name, meant] of pairsOf(headers))
    if (name === meantHeader) return meant.length !== ledgerId.length || meant.toString() !== ledgerId;
  return false;
}

/** What stands under the entry's key, as JSON; null for a tombstone. Its `reason` is cut to the protocol's limit. */
export function encodeEntryValue(entry: Entry): string | null {
  if (entry.kind === "tombstone") return null;
  const value = entryValueOf(entry);
  return JSON.stringify(value, (name, inner: unknown) =>
    name === "reason" && typeof inner === "string" ? cutTo(inner, limits.reason) : inner,
  );
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
    case "files": {
      const { kind, uploader, epoch, slot, ...value } = entry;
      return writtenFiles(value);
    }
    case "start": {
      const { kind, group, ...value } = entry;
      return value;
    }
    case "done": {
      const { kind, group, uploader, partition, ...value } = entry;
      return value;
    }
    default: {
      const { kind, group, uploader, path, version, ...value } = entry;
      return value;
    }
  }
}

/** What a batch says of one of its files. */
export function fileValueOf(noted: NotedFile): FileValue {
  const { path, ...value } = noted;
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
  if ((valueBytes?.length ?? 0) > mostBytes(kind)) return "broken";
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

/** An entry's value, bytes. */
function mostBytes(kind: EntryKey["kind"]): number {
  return kind === "start" || kind === "done" ? limits.startEntry : limits.entry;
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
    case "files":
      return Object.assign(key, filesValue(parsed));
    case "start":
      return Object.assign(key, startValue(parsed));
    case "failed":
      return Object.assign(key, failedValue(parsed));
    case "needs":
      return Object.assign(key, needsValue(parsed));
    case "again":
      return Object.assign(key, againValue(parsed));
    case "done":
      return Object.assign(key, doneValue(parsed));
  }
}

function isOfNewerFormat(value: unknown): boolean {
  if (typeof value !== "object" || value === null || !("format" in value)) return false;
  return typeof value.format === "number" && value.format > formatVersion;
}
