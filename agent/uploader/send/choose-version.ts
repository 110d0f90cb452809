/** Which version a file is: one that was sent already, one to go on with, or a new one. */
import type { UploaderLedger } from "../../ledger/uploader/uploader-ledger.ts";
import type { GroupReceipt } from "../../ledger/uploader/version-receipts.ts";
import type { Attributes } from "../../wire/attributes.ts";
import { chunkKey, decodeFrom, type From } from "../../wire/chunk.ts";
import { type WholeFile, wasSentWhole } from "../../wire/entry-value.ts";
import { partitionOf } from "../../wire/numbers.ts";
import { pathToDisplay } from "../../wire/path.ts";
import { sameFingerprint, sameSizeAndTime } from "../access/fingerprint.ts";
import type { UploadOptions } from "../upload-options.ts";
import type { SourceFile } from "./source-file.ts";

/** A version that is to be sent. Its partition is chosen once, and holds when partitions are added. */
export interface Version {
  version: number;
  topicId: string;
  partition: number;
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
  if (receipt) return isStoredAlready(source, receipt, options);
  const entry = ledger.file(path);
  const takesAway = config.after !== "keep";
  if (!entry || !wasSentWhole(entry) || !(await isSameContent(source, entry, takesAway))) return false;
  await ledger.put(path, { ...entry, ...source.fingerprint, state: "sent" });
  return true;
}

/** The version to send: the one that was being sent into this very topic, else a new one. See `UploaderLedger.ready`. */
export async function chooseVersion(
  source: SourceFile,
  ledger: UploaderLedger,
  topic: { id: string; partitions: number },
): Promise<Version> {
  const { path } = source.file;
  const entry = ledger.file(path);
  const { partition: begunIn = topic.partitions } = entry ?? {};
  const isThere = entry?.state === "sending" && entry.topic === topic.id && begunIn < topic.partitions;
  // If only its ctime or inode is another, its content is most likely the same; the checksum at its end tells.
  if (isThere && sameSizeAndTime(entry, source.fingerprint)) {
    return {
      version: entry.version,
      topicId: topic.id,
      partition: begunIn,
      from: decodeFrom(entry.from ?? ""),
      attributes: entry.attributes,
      // At least the last byte is sent, so that it is known where the version ends in its partition.
      resumedAt: Math.max(0, Math.min(entry.acknowledged ?? 0, entry.size - 1)),
    };
  }
  const partition = partitionOf(chunkKey({ uploader: ledger.uploader, path }), topic.partitions);
  return {
    version: await ledger.nextVersion(),
    topicId: topic.id,
    partition,
    from: undefined,
    attributes: source.file.watch.attributes,
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
  const { id, partitions } = transport.topic;
  const entry = ledger.file(path);
  const begun = entry?.version === version ? entry : undefined;
  if (begun && begun.topic !== id) return false;
  if (!(await source.hasChecksum(checksum))) return false;
  const partition =
    begun?.partition ?? partitionOf(chunkKey({ uploader: ledger.uploader, path }), partitions);
  // Where its last chunk is nobody has noted: somewhere before the end. A group that misses it there asks for it.
  const what = `${pathToDisplay(path)}: asking where it is`;
  const end = await transport.wait(what, run, () => transport.end(partition));
  await ledger.putStored(path, {
    format: 1,
    version,
    state: "sent",
    ...fingerprint,
    topic: id,
    partition,
    ...(begun?.from === undefined ? {} : { from: begun.from }),
    checksum,
    attributes: begun ? begun.attributes : attributes,
    offset: Math.max(0, end - 1),
  });
  return true;
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
