/** What an entry of the ledger stands under: encode and decode together, as docs/protocol.md specifies it. */
import { isUploaderName, type VersionId } from "./chunk.ts";
import { filedUnder } from "./filed-under.ts";
import { limits } from "./limits.ts";
import { parseCount, partitionOf } from "./numbers.ts";
import { canonicalPath } from "./path.ts";

/** What a key names. The kinds with a group are receipts. */
export type EntryKey =
  | { kind: "name"; uploader: string }
  | { kind: "claim"; uploader: string }
  | { kind: "layout" }
  | { kind: "files"; uploader: string; epoch: number; slot: number }
  | { kind: "start"; group: string }
  | DoneKey
  | ReceiptKey<"failed">
  | ReceiptKey<"needs">
  | ReceiptKey<"again">;

export type ReceiptKind = "failed" | "needs" | "again";

/** The mark of what a group has of an uploader's versions in one partition of the chunks. */
export interface DoneKey {
  kind: "done";
  group: string;
  uploader: string;
  partition: number;
}

export type ReceiptKey<K extends ReceiptKind> = { kind: K; group: string } & VersionId;

export function receiptKey<const K extends ReceiptKind>(
  kind: K,
  group: string,
  id: VersionId,
): ReceiptKey<K> {
  const { uploader, path, version } = id;
  return { kind, group, uploader, path, version };
}

/** `needs/GROUP/UPLOADER/VERSION/PATH` with each at its longest, and some more. */
export const longestKeyBytes = limits.pathText + limits.groupText + limits.uploader + 72;

const kinds: ReadonlySet<string> = new Set<EntryKey["kind"]>([
  "name",
  "claim",
  "layout",
  "files",
  "failed",
  "needs",
  "again",
  "done",
  "start",
]);

export function isEntryKind(text: string): text is EntryKey["kind"] {
  return kinds.has(text);
}

export function encodeEntryKey(key: EntryKey): string {
  switch (key.kind) {
    case "name":
    case "claim":
      return `${key.kind}/${key.uploader}`;
    case "layout":
      return key.kind;
    case "files":
      return `files/${key.uploader}/${key.epoch}/${key.slot}`;
    case "start":
      return `start/${escapeGroup(key.group)}`;
    case "done":
      return `done/${escapeGroup(key.group)}/${key.uploader}/${key.partition}`;
    default:
      return [key.kind, escapeGroup(key.group), key.uploader, key.version, key.path].join("/");
  }
}

/**
 * The text whose hash chooses the entry's partition: the name that the uploader's files are filed under, or the group's for `start`. So
 * all who send under a name read of each other.
 */
export function entryPartitionKey(key: Exclude<EntryKey, { kind: "layout" }>): string {
  return key.kind === "start" ? key.group : filedUnder(key.uploader);
}

/** Whether it says something of this uploader: its own word, or what a group or a claimant says of it. */
export function isAboutUploader(key: EntryKey, uploader: string): boolean {
  return "uploader" in key && key.uploader === uploader;
}

/** Whether it is a group's word, and not an uploader's. */
export function isOfGroups(key: EntryKey): key is Extract<EntryKey, { group: string }> {
  return "group" in key;
}

/** Whether it is a group's word on a version. */
export function isReceipt(key: EntryKey): key is ReceiptKey<ReceiptKind> {
  return isOfGroups(key) && "version" in key;
}

/** The partition of an entry in a ledger of so many. */
export function partitionOfEntry(key: EntryKey, partitions: number): number {
  // Where everybody looks for it.
  return key.kind === "layout" ? 0 : partitionOf(entryPartitionKey(key), partitions);
}

/** Throws for a path or a group that there can't be; undefined: it is no key of this kind. */
export function decodeEntryKey(kind: EntryKey["kind"], rest: string[]): EntryKey | undefined {
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
    case "files": {
      const [uploader = "", epochText, slotText, ...more] = rest;
      const epoch = parseCount(epochText);
      const slot = parseCount(slotText);
      if (!isUploaderName(uploader) || epoch === undefined || slot === undefined) return undefined;
      return more.length === 0 ? { kind, uploader, epoch, slot } : undefined;
    }
    case "done": {
      const [group = "", uploader = "", partitionText, ...more] = rest;
      const partition = parseCount(partitionText);
      if (!isUploaderName(uploader) || partition === undefined || partition > limits.partition)
        return undefined;
      return more.length === 0 ? { kind, group: unescapeGroup(group), uploader, partition } : undefined;
    }
    case "failed":
    case "needs":
    case "again": {
      const [group = "", uploader = "", versionText, ...path] = rest;
      const version = parseCount(versionText);
      if (!isUploaderName(uploader) || version === undefined || path.length === 0) return undefined;
      return { kind, group: unescapeGroup(group), uploader, version, path: canonicalPath(path.join("/")) };
    }
  }
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
