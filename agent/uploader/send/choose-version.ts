/** Which version a file is: one that was sent already, one to go on with, or a new one. */
import type { GroupReceipt } from "../../ledger/uploader/version-receipts.ts";
import type { Attributes } from "../../wire/attributes.ts";
import { decodeFrom, encodeFrom, type From } from "../../wire/chunk.ts";
import { type WholeFile, wasSentWhole } from "../../wire/entry-value.ts";
import { pathToDisplay } from "../../wire/path.ts";
import { partitionsOf } from "../../wire/places.ts";
import { sameFingerprint, sameSizeAndTime } from "../access/fingerprint.ts";
import { stillCounts } from "../access/still-counts.ts";
import type { UploadOptions } from "../upload-options.ts";
import type { SourceFile } from "./source-file.ts";
import { newPartitions } from "./target.ts";

/** A version that is to be sent, and its partitions. */
export interface Version {
  version: number;
  topicId: string;
  partitions: readonly number[];
  /** Of a version that is gone on with, where the ledger has it. */
  from: From | undefined;
  /** As the settings say of a new version; of one that is gone on with as the ledger has them, whatever those say now. */
  attributes: Attributes | undefined;
  /** Of a version that is gone on with: bytes from the file's beginning that the brokers have. */
  resumedAt: number | undefined;
}

/**
 * Whether the file is what the ledger has as sent, and only its ctime or inode is another, or it was out of sight; or what
 * a group has, as this agent was killed before it noted it as sent. The ledger learns its present state then. Throws like
 * `SourceFile.read`, `Transport.wait` and `Ledger.write`.
 */
export async function isSentAlready(source: SourceFile, options: UploadOptions): Promise<boolean> {
  const { ledger, config, transport } = options;
  const { path } = source.file;
  const receipt = ledger.deliveredUnnoted(path, transport.retentionMs);
  // What stands at the destination is newer than the entry.
  if (receipt) return stillCounts(source.file, receipt, ledger) && isStoredAlready(source, receipt, options);
  const entry = ledger.file(path);
  const takesAway = config.after !== "keep";
  if (!entry || !wasSentWhole(entry) || !stillCounts(source.file, entry, ledger)) return false;
  if (!(await isSameContent(source, entry, takesAway))) return false;
  await ledger.put(path, { ...entry, ...source.fingerprint, state: "sent" });
  return true;
}

/** The version to send: the one that was being sent into this very topic, else a new one. See `UploaderLedger.ready`. */
export async function chooseVersion(source: SourceFile, options: UploadOptions): Promise<Version> {
  const { ledger, transport } = options;
  const { topic } = transport;
  const { path, watch } = source.file;
  const entry = ledger.file(path);
  const begunIn = entry ? partitionsOf(entry) : [];
  const isThere = entry?.state === "sending" && entry.topic === topic.id && areThere(begunIn, topic);
  // If only its ctime or inode is another, its content is most likely the same; the checksum at its end tells.
  if (isThere && stillCounts(source.file, entry, ledger) && sameSizeAndTime(entry, source.fingerprint)) {
    return {
      version: entry.version,
      topicId: topic.id,
      partitions: begunIn,
      from: decodeFrom(entry.from ?? ""),
      attributes: entry.attributes,
      // At least the last byte is sent, so that it is known where the version ends in its partition.
      resumedAt: Math.max(0, Math.min(entry.acknowledged ?? 0, entry.size - 1)),
    };
  }
  const partitions = newPartitions(options, path);
  return {
    version: await ledger.nextVersion(path),
    topicId: topic.id,
    partitions,
    from: undefined,
    attributes: watch.attributes,
    resumedAt: undefined,
  };
}

async function isStoredAlready(
  source: SourceFile,
  { path, version, size, mtime, checksum, attributes }: GroupReceipt,
  options: UploadOptions,
): Promise<boolean> {
  const { ledger, transport, run } = options;
  const { fingerprint } = source;
  if (size !== fingerprint.size || mtime !== fingerprint.mtime || checksum === undefined) return false;
  const { id } = transport.topic;
  const entry = ledger.file(path);
  const begun = entry?.version === version ? entry : undefined;
  if (begun && begun.topic !== id) return false;
  if (!(await source.hasChecksum(checksum))) return false;
  // Where it was sent to is known only if it has begun by the ledger: else it is where a file of one chunk is.
  const partitions = begun ? partitionsOf(begun) : newPartitions(options, path).slice(0, 1);
  // Where its last chunk is nobody has noted: somewhere before the end. A group that misses it there asks for it.
  const what = `${pathToDisplay(path)}: asking where it is`;
  const ends = await transport.wait(what, run, () => transport.ends(partitions));
  const lasts = partitions.map((partition, at) => ({ partition, offset: Math.max(0, (ends[at] ?? 0) - 1) }));
  const [first = { partition: 0, offset: 0 }] = lasts;
  await ledger.putStored(path, {
    version,
    state: "sent",
    ...fingerprint,
    topic: id,
    ...first,
    ...(begun?.from === undefined ? {} : { from: begun.from }),
    ...(lasts.length > 1 ? { to: encodeFrom({ topic: id, offsets: lasts }) } : {}),
    checksum,
    attributes: begun ? begun.attributes : attributes,
  });
  return true;
}

/** A topic that was made again may have fewer, and be taken for the same one where the brokers have no topic ids. */
function areThere(partitions: readonly number[], topic: { partitions: number }): boolean {
  return partitions.length > 0 && partitions.every((partition) => partition < topic.partitions);
}

async function isSameContent(source: SourceFile, entry: WholeFile, takesAway: boolean): Promise<boolean> {
  if (!sameSizeAndTime(entry, source.fingerprint)) return false;
  if (entry.state === "gone") {
    // A file system that was not mounted for a while: the file was out of sight, not gone.
    if (sameFingerprint(entry, source.fingerprint)) return true;
    // Whoever puts a file again where it was taken away wants it sent again.
    if (takesAway) return false;
  }
  return source.hasChecksum(entry.checksum);
}
