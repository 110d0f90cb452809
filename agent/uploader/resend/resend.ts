/**
 * Sends again what groups ask for of a version that was sent whole: these ranges, as chunks of the same version. Only if
 * the file on disk still is that version; nothing is opened that a scan would not have found.
 */
import type { Request } from "../../ledger/uploader/requests.ts";
import { VoidVersionError } from "../../ledger/uploader/void-version-error.ts";
import { AgentError } from "../../lib/errors.ts";
import type { Moving } from "../../observe/status.ts";
import { lengthOf } from "../../wire/byte-ranges.ts";
import { algorithmOf } from "../../wire/checksum.ts";
import { decodeFrom } from "../../wire/chunk.ts";
import { type FileFacts, type WholeFile, wasSentWhole } from "../../wire/entry-value.ts";
import { pathToDisplay } from "../../wire/path.ts";
import { partitionsOf, placesOf } from "../../wire/places.ts";
import { sameFingerprint, sameSizeAndTime } from "../access/fingerprint.ts";
import type { WatchedFile } from "../access/watch.ts";
import { ChangedError, StoppedError, TopicReplacedError } from "../errors.ts";
import { RangeSender } from "../send/range-sender.ts";
import { SourceFile } from "../send/source-file.ts";
import { LastOffsets, newPartitions, sentPlaceOf, type Target } from "../send/target.ts";
import type { UploadOptions } from "../upload-options.ts";

/**
 * sent: the ledger says so. gone: there is no such file any more; noted. changed: it is to be looked at as any file that
 * has changed. stopped: the signal fired, the request is there at the next start.
 */
export type ResendOutcome = "sent" | "gone" | "changed" | "stopped";

/** Size and times are as they were, the content is not: a disk that lies, or a change within one tick of its clock. */
class ContentError extends ChangedError {
  constructor() {
    super("its content is not what was sent");
  }
}

/** Called between two chunks with what was sent so far, bytes; it may take its time. Throws a `StoppedError`. */
export type Between = (sentBytes: number) => Promise<void>;

/**
 * Answers a request. Throws what the file system throws, and with `once` a permanent `KafkaError`.
 *
 * @param file where the path is, if a watch has it
 */
export async function resend(
  options: UploadOptions,
  request: Request,
  file: WatchedFile | undefined,
  between: Between,
): Promise<ResendOutcome> {
  const { ledger, transport, files, run } = options;
  const entry = ledger.file(request.path);
  if (entry?.state !== "sent" && entry?.state !== "gone") return "changed";
  const source = file && (await SourceFile.open(files, file, algorithmOf(entry.checksum)));
  if (!source) {
    if (file) await throwIfElsewhere(file);
    await ledger.put(request.path, { ...entry, state: "gone" });
    return "gone";
  }
  try {
    if (!wasSentWhole(entry) || !(await isStill(source, entry))) return "changed";
    await transport.wait(`looking at topic ${transport.topic.name}`, run, () =>
      transport.refreshTopicSince(request.heardMs),
    );
    while (!(await sendRanges(options, request, entry, source, between)));
    return "sent";
  } catch (error) {
    if (error instanceof ContentError) await noteOtherContent(options, request.path, entry, error);
    if (error instanceof ChangedError || error instanceof VoidVersionError) return "changed";
    if (error instanceof StoppedError || (run.signal.aborted && error instanceof AgentError))
      return "stopped";
    throw error;
  } finally {
    await source.close();
  }
}

/** What is not seen where another device has taken the watch's place is not gone. Throws an `AgentError` then. */
async function throwIfElsewhere({ watch: { device, config } }: WatchedFile): Promise<void> {
  if (!device.isKnown(await device.now()))
    throw new AgentError(`${config.path} is on another device than before: is it mounted?`, "retryable");
}

/** The version can't be had any more, though nothing but the content shows it: the file is a new version. */
async function noteOtherContent(
  { ledger, reporting }: UploadOptions,
  path: string,
  { version, size, mtime, ctime, inode }: FileFacts,
  { message: reason }: ContentError,
): Promise<void> {
  reporting.log.warn(`${pathToDisplay(path)}: version ${version} is given up: ${reason}`, { path, version });
  await ledger.put(path, { version, state: "abandoned", size, mtime, ctime, inode, reason });
}

/** Whether the file on disk is the version of the entry: by its fingerprint, or by its content if only that can tell. */
async function isStill(source: SourceFile, entry: WholeFile): Promise<boolean> {
  if (sameFingerprint(entry, source.fingerprint)) return true;
  return sameSizeAndTime(entry, source.fingerprint) && source.hasChecksum(entry.checksum);
}

/** One attempt; returns false when it has to begin anew, as the topic is another one now. */
async function sendRanges(
  options: UploadOptions,
  request: Request,
  entry: WholeFile,
  source: SourceFile,
  between: Between,
): Promise<boolean> {
  const { ledger, moving } = options;
  const { observer, log } = options.reporting;
  const { path, version, ranges } = request;
  const name = pathToDisplay(path);
  const bytes = lengthOf(ranges);
  const target = targetOf(options, path, entry, () => checksumOf(source, entry, bytes));
  const sender = new RangeSender(options, source, target, ranges, undefined);
  const resending = {
    get progress(): Moving {
      const { attributes } = target;
      return { path: name, version, bytes: sender.acknowledgedBytes, size: bytes, attributes };
    },
  };
  const groups = request.groups.join(", ");
  log.info(`${name}: sending ${bytes} bytes of version ${version} again, as group ${groups} asks for them`, {
    path,
    version,
    bytes,
  });
  moving.add(resending);
  try {
    await sender.send({ between });
  } catch (error) {
    if (error instanceof TopicReplacedError) return false;
    throw error;
  } finally {
    moving.delete(resending);
    sender.close();
  }
  // Its content was not compared at the end, and something but its size and time has changed.
  if (source.isInDoubt && !(await source.hasChecksum(entry.checksum))) throw new ContentError();
  await ledger.put(path, {
    ...entry,
    ...source.fingerprint,
    ...sentPlaceOf(target),
    answered: request.offset,
  });
  observer.metrics.recovery("needs");
  log.info(`${name}: ${bytes} bytes of version ${version} were sent again`, { path, version, bytes });
  return true;
}

/** Where the version is, if its topic still is the same one; else where it goes now. */
function targetOf(
  options: UploadOptions,
  path: string,
  entry: WholeFile,
  checksum: () => Promise<string>,
): Target {
  const { id: topicId, partitions: count } = options.transport.topic;
  const algorithm = algorithmOf(entry.checksum);
  const version = { version: entry.version, topicId, algorithm, attributes: entry.attributes, checksum };
  const partitions = partitionsOf(entry);
  if (entry.topic !== topicId || partitions.some((partition) => partition >= count))
    return {
      ...version,
      partitions: newPartitions(options, path),
      from: undefined,
      lasts: new LastOffsets(),
    };
  const from = decodeFrom(entry.from ?? "");
  return { ...version, partitions, from, lasts: new LastOffsets(placesOf(entry)) };
}

/** For the last chunk. Throws a `ContentError` when all of the file was read and is not what was sent. */
async function checksumOf(source: SourceFile, entry: WholeFile, bytes: number): Promise<string> {
  if (bytes === entry.size && (await source.checksum()) !== entry.checksum) throw new ContentError();
  return entry.checksum;
}
