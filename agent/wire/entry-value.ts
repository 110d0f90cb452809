/** What an entry of the ledger says, by its kind: the shapes that docs/protocol.md specifies, and their types. */
import {
  count,
  countUpTo,
  fields,
  list,
  mapOf,
  oneOf,
  pair,
  type Shaped,
  text,
  textLike,
  textThat,
  textUpTo,
} from "../lib/json-shape.ts";
import { attributesShape } from "./attributes.ts";
import { isChecksum } from "./checksum.ts";
import { formatVersion } from "./chunk.ts";
import { limits } from "./limits.ts";
import { parseCount } from "./numbers.ts";
import { canonicalPath } from "./path.ts";

const nanoseconds = textLike(/^-?\d{1,20}$/);
const format = oneOf(formatVersion);
const checksum = textThat(isChecksum);
const topic = textUpTo(limits.topicId);
const reason = textUpTo(limits.reason);
const time = textUpTo(limits.time);
const partition = countUpTo(limits.partition);
const isPartition = (text: string) => (parseCount(text) ?? Number.POSITIVE_INFINITY) <= limits.partition;

export const nameValue = fields(
  {
    format,
    instance: textUpTo(limits.instance),
    host: textUpTo(limits.host),
    state: oneOf("held", "released"),
    highest: count,
  },
  { epoch: count, after: count, process: textUpTo(limits.process) },
);
export const claimValue = fields({
  format,
  instance: textUpTo(limits.instance),
  host: textUpTo(limits.host),
});
export const layoutValue = fields({ format, partitions: countUpTo(limits.partition) });

const fileFacts = {
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
  to: textUpTo(limits.fromText),
  acknowledged: count,
  checksum,
  attributes: attributesShape,
  offset: count,
  answered: count,
  reason,
  /** Of what is gone: since when, by the brokers' clock, milliseconds since 1970. */
  since: count,
  /** The ledger offset at which the version was first noted as sent whole, where it is now; without it: here. */
  at: count,
  /** Where it was before it was sent again to another topic, and since which ledger offset; the last one is the newest. */
  was: list(fields({ topic, partition, offset: count, at: count }), limits.was),
};
const notedFields = fields({ path: (value) => canonicalPath(text(value)), ...fileFacts }, fileDetails);
const filesFields = fields(
  { format, next: count, open: list(count, limits.open), files: list(notedFile, limits.files) },
  { moved: oneOf(true) },
);

export const failedValue = fields({ format, reason, time });
export const needsValue = fields(
  { format, ranges: list(pair(count), limits.ranges), time },
  { since: count },
);
export const againValue = fields({ format, time });
const earlyFile = fields(
  { path: (value) => canonicalPath(text(value)), version: count, size: count, checksum },
  { mtime: nanoseconds, attributes: attributesShape },
);
const marked = list(count, limits.marked);
export const doneValue = fields(
  {
    ...{ format, to: count, at: count, but: marked, also: marked, early: list(earlyFile, limits.early) },
    ...{ by: mapOf(count, (store) => store.length <= limits.by, limits.stores), time },
  },
  { start: fields({ topic, offset: count, ms: count }), failed: count },
);
const offsets = mapOf(count, isPartition, limits.startPartitions);
export const startValue = fields({ format, topic, offsets, time });

/** Who holds an uploader's name. */
export type NameValue = Shaped<typeof nameValue>;
/** An agent's question whether somebody works under the uploader's name. */
export type ClaimValue = Shaped<typeof claimValue>;
/** How the ledger's entries are spread over its partitions. */
export type LayoutValue = Shaped<typeof layoutValue>;
/** What is said of a file in every state. */
export type FileFacts = Omit<Shaped<typeof notedFields>, "path" | "state" | keyof FileDetails>;
type FileDetails = { [Key in keyof typeof fileDetails]?: Shaped<(typeof fileDetails)[Key]> | undefined };
/** What is said of it once all of the version was sent: its content, and where it is. */
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

/** A group's word that a version can't be stored. */
export type FailedValue = Shaped<typeof failedValue>;
/** A group's request for ranges, `[from, to)` in bytes, of a version. */
export type NeedsValue = Shaped<typeof needsValue>;
/** A group's wish to have a version once more that it has, or has had. */
export type AgainValue = Shaped<typeof againValue>;
/** What a group has of an uploader's versions in one partition of the chunks. */
export type DoneValue = Shaped<typeof doneValue>;
/** A version that a group has, and that its uploader may not have noted. */
export type EarlyFile = Shaped<typeof earlyFile>;
/** The offsets at which a group began. */
export type StartValue = Shaped<typeof startValue>;

/** One of a batch: what is said of a path. */
export type NotedFile = FileValue & { path: string };

/** A batch of what an uploader notes of its files. */
export type FilesValue = Omit<Shaped<typeof filesFields>, "files"> & { files: NotedFile[] };

/** A batch's value; throws a `ShapeError` when it is none. */
export const filesValue: (parsed: unknown) => FilesValue = filesFields;

function notedFile(parsed: unknown): NotedFile {
  const said = notedFields(parsed);
  if (isWhole(said) || isNotSent(said)) return said;
  return Object.assign(said, { state: "incomplete" } as const);
}

type ReadFile = Shaped<typeof notedFields>;

function isNotSent(said: ReadFile): said is ReadFile & (SendingFile | AbandonedFile | GoneFile) {
  return said.state !== "sent";
}

function isWhole(said: ReadFile): said is ReadFile & SentFile {
  return said.state === "sent" && hasSentDetails(said);
}

function hasSentDetails({ topic, partition, checksum, offset }: FileDetails): boolean {
  return topic !== undefined && partition !== undefined && checksum !== undefined && offset !== undefined;
}

/** As it was read: what is incomplete was said to be sent. */
export function writtenFiles({ files, ...batch }: FilesValue) {
  const written = files.map((file) => (file.state === "incomplete" ? { ...file, state: "sent" } : file));
  return { ...batch, files: written };
}
