/** Which version a file is: one that was sent already, one to go on with, or a new one. */
import type { UploaderLedger } from "../ledger/uploader-ledger.ts";
import { chunkKey, decodeFrom, type From } from "../wire/chunk.ts";
import type { FileValue } from "../wire/entry.ts";
import { partitionOf } from "../wire/numbers.ts";
import { sameFingerprint, sameSizeAndTime } from "./fingerprint.ts";
import type { SourceFile } from "./source-file.ts";

/** A version that is to be sent. Its partition is chosen once, and holds when partitions are added. */
export interface Version {
  version: number;
  topicId: string;
  partition: number;
  /** Of a version that is gone on with, where the ledger has it. */
  from: From | undefined;
  /** Of a version that is gone on with: bytes from the file's beginning that the brokers have. */
  resumedAt: number | undefined;
}

/**
 * Whether the file is what the ledger has as sent, and only its ctime or inode is another, or it was out of sight. The
 * ledger learns its present state then. Throws like `SourceFile.read` and `Ledger.write`.
 *
 * @param takesAway whether sources are deleted or moved away once they are sent
 */
export async function isSentAlready(
  source: SourceFile,
  ledger: UploaderLedger,
  takesAway: boolean,
): Promise<boolean> {
  const { path } = source.file;
  const entry = ledger.file(path);
  if (!entry || !(await isSameContent(source, entry, takesAway))) return false;
  await ledger.put(path, { ...entry, ...source.fingerprint, state: "sent" });
  return true;
}

/** The version to send: the one that was being sent into this very topic, else a new one. */
export function takeUp(
  source: SourceFile,
  ledger: UploaderLedger,
  topic: { id: string; partitions: number },
): Version {
  const { path } = source.file;
  const entry = ledger.file(path);
  if (entry?.state === "sending" && entry.topic === topic.id && sameFingerprint(entry, source.fingerprint)) {
    return {
      version: entry.version,
      topicId: topic.id,
      partition: entry.partition ?? 0,
      from: decodeFrom(entry.from ?? ""),
      // At least the last byte is sent, so that it is known where the version ends in its partition.
      resumedAt: Math.max(0, Math.min(entry.acknowledged ?? 0, entry.size - 1)),
    };
  }
  const partition = partitionOf(chunkKey({ uploader: ledger.uploader, path }), topic.partitions);
  return {
    version: ledger.nextVersion(),
    topicId: topic.id,
    partition,
    from: undefined,
    resumedAt: undefined,
  };
}

async function isSameContent(source: SourceFile, entry: FileValue, takesAway: boolean): Promise<boolean> {
  if (entry.checksum === undefined || !sameSizeAndTime(entry, source.fingerprint)) return false;
  if (entry.state === "gone") {
    // A file system that was not mounted for a while: the file was out of sight, not gone.
    if (sameFingerprint(entry, source.fingerprint)) return true;
    // Whoever puts a file again where it was taken away wants it sent again.
    if (takesAway) return false;
  } else if (entry.state !== "sent") return false;
  return source.hasChecksum(entry.checksum);
}
