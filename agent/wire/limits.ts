/**
 * The limits of docs/protocol.md, "Limits": of every text, list and number that another agent, or anybody else who may
 * write to a topic, can put into a record. The decoders hold them, so nothing that is kept of a record is larger; the
 * encoders never come near.
 */
export const limits = {
  /** A record's headers; the client gives none of one that has more (`upstream-fixes.patch`). */
  headers: 100,
  /** A path, bytes. */
  path: 4000,
  /** A path's segment, bytes: what file systems take. */
  segment: 255,
  /** A path as text, characters: each byte may be written `%XX`. */
  pathText: 12_000,
  /** An uploader's name, characters. */
  uploader: 200,
  /** A group's name, characters. */
  group: 249,
  /** A group's name as a part of a key, characters: each may be three bytes, written `%XX`. */
  groupText: 2241,
  /** A topic's id as text, characters; Kafka's have 22. */
  topicId: 64,
  /** Places of a `from`: one for each partition that a version is in. */
  places: 256,
  /** `from` as text, characters. */
  fromText: 7232,
  /** Why a version was given up, or can't be stored, characters. Longer ones are cut when they are written. */
  reason: 1000,
  /** A host's name, characters. */
  host: 255,
  /** The instance of an agent that holds a name, characters; ours have 36. */
  instance: 64,
  /** The process of such an agent, characters. */
  process: 128,
  /** An inode's number, characters. */
  inode: 40,
  /** Pairs of a file's attributes. */
  attributes: 16,
  /** The name of one, characters. */
  attributeName: 64,
  /** The value of one, bytes. */
  attributeValue: 256,
  /** All of them as JSON, bytes: a record of the smallest topic has room for them beside a path, and for a value. */
  attributesText: 6000,
  /** A point in time as text, characters. */
  time: 40,
  /** Which store a receipt is of, characters. */
  by: 64,
  /** Stores that a mark names. */
  stores: 16,
  /** Versions in each of a mark's two lists. */
  marked: 12_000,
  /** Files of a mark that are delivered and not noted. */
  early: 2000,
  /** Files of a batch. */
  files: 500,
  /** Places where a file was before. */
  was: 4,
  /** Versions that a batch names as open. */
  open: 64,
  /** Ranges of a request. */
  ranges: 1000,
  /** Partitions that a group's beginning names. */
  startPartitions: 10_000,
  /** A partition's number: an int32 of Kafka's. */
  partition: 2 ** 31 - 1,
  /** An entry's value, bytes; of `start`, which names every partition, and of `done`, `startEntry`. */
  entry: 65_536,
  startEntry: 524_288,
} as const;

/** A text that may be of any length, cut to `most` characters; never through the middle of one. */
export function cutTo(text: string, most: number): string {
  if (text.length <= most) return text;
  const cut = text.slice(0, most - 1);
  const isHalf = /[\ud800-\udbff]$/.test(cut);
  return `${isHalf ? cut.slice(0, -1) : cut}…`;
}
