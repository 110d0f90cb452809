/**
 * Sending one version for the first time: which one it is, its chunks, its progress in the ledger, and its end: noted as
 * sent, given up on both sides because the file has changed, or left for the next start.
 */

import { VoidVersionError } from "../../ledger/uploader/void-version-error.ts";
import { AgentError, messageOf } from "../../lib/errors.ts";
import type { Fields } from "../../observe/log.ts";
import type { Moving } from "../../observe/status.ts";
import { parseChecksum } from "../../wire/checksum.ts";
import { chunkKey, encodeAbandoned } from "../../wire/chunk.ts";
import type { FileFacts, FileValue } from "../../wire/entry-value.ts";
import { pathToDisplay } from "../../wire/path.ts";
import { fingerprintOf, sameSizeAndTime } from "../access/fingerprint.ts";
import type { Found } from "../discover/scan.ts";
import { ChangedError, StoppedError, TopicReplacedError } from "../errors.ts";
import type { UploadOptions } from "../upload-options.ts";
import { Checkpoints } from "./checkpoints.ts";
import { chooseVersion, isSentAlready, type Version } from "./choose-version.ts";
import { RangeSender } from "./range-sender.ts";
import { SourceFile } from "./source-file.ts";
import { LastOffsets, placeOf, sentPlaceOf, type Target } from "./target.ts";

/**
 * sent: acknowledged and noted. unchanged: only looked different. changed: given up, settle again. open: somebody has it
 * open for writing, it is not finished. gone: there is no such file any more, or a link is on the way. stopped: the signal
 * fired, it goes on at the next start.
 */
export type Outcome = "sent" | "unchanged" | "changed" | "open" | "gone" | "stopped";

/**
 * Sends a file as it was found. `onRead` is called when the reading is over and only acknowledgements are waited for.
 * Throws what the file system throws, and with `once` a permanent `KafkaError`.
 */
export async function sendFile(options: UploadOptions, found: Found, onRead: () => void): Promise<Outcome> {
  const source = await SourceFile.open(options.files, found.file, options.config.checksum);
  if (!source) return "gone";
  try {
    // It waited for a place, maybe for long.
    if (!sameSizeAndTime(fingerprintOf(found.stats), source.fingerprint)) return "changed";
    if (await source.isOpenForWriting()) return "open";
    if (await isSentAlready(source, options)) return "unchanged";
    for (;;) {
      const outcome = await sendAsVersion(options, source, onRead);
      if (outcome !== "replaced") return outcome;
    }
  } catch (error) {
    if (error instanceof VoidVersionError)
      options.reporting.log.warn(
        `${pathToDisplay(found.file.path)}: is numbered and sent anew: another agent may have had the name meanwhile`,
      );
    if (error instanceof ChangedError || error instanceof VoidVersionError) return "changed";
    throw error;
  } finally {
    options.ledger.endVersion(found.file.path);
    await source.close();
  }
}

/** One attempt, to its end; replaced: what was sent of it went with the topic. */
async function sendAsVersion(
  options: UploadOptions,
  source: SourceFile,
  onRead: () => void,
): Promise<Outcome | "replaced"> {
  const { signal } = options.run;
  const { observer } = options.reporting;
  const { moving } = options;
  const upload = new VersionUpload(options, source, await chooseVersion(source, options));
  moving.add(upload);
  try {
    await upload.send(onRead);
    return "sent";
  } catch (error) {
    if (error instanceof TopicReplacedError) {
      observer.metrics.recovery("topic");
      return "replaced";
    }
    if (error instanceof ChangedError) {
      await upload.giveUp(error.message);
      return "changed";
    }
    const stopped = error instanceof StoppedError || (signal.aborted && error instanceof AgentError);
    if (!stopped) throw error;
    await upload.stop();
    return "stopped";
  } finally {
    moving.delete(upload);
    upload.close();
  }
}

class VersionUpload {
  readonly #options: UploadOptions;
  readonly #source: SourceFile;
  readonly #path: string;
  readonly #size: number;
  readonly #name: string;
  readonly #resumedAt: number | undefined;
  readonly #target: Target;
  readonly #sender: RangeSender;
  readonly #checkpoints: Checkpoints;

  constructor(options: UploadOptions, source: SourceFile, taken: Version) {
    this.#options = options;
    this.#source = source;
    this.#path = source.file.path;
    this.#size = source.fingerprint.size;
    this.#name = pathToDisplay(this.#path);
    const { resumedAt, ...version } = taken;
    this.#resumedAt = resumedAt;
    const checksum = () => source.checksum();
    this.#target = { ...version, lasts: new LastOffsets(), algorithm: options.config.checksum, checksum };
    this.#sender = new RangeSender(options, source, this.#target, [[0, this.#size]], resumedAt);
    this.#checkpoints = this.#newCheckpoints(resumedAt ?? 0);
  }

  get progress(): Moving {
    const bytes = this.#sender.acknowledgedBytes;
    const { version, attributes } = this.#target;
    return { path: this.#name, version, bytes, size: this.#size, attributes };
  }

  async send(onRead: () => void): Promise<void> {
    const { log, observer } = this.#options.reporting;
    if (this.#resumedAt === undefined) {
      await this.#sender.prepare();
      await this.#checkpoints.begin();
    } else await this.#sender.prepareToGoOn();
    const { count, bytes } = this.#sender.chunks;
    log.info(`${this.#name}: ${this.#size} bytes, creating ${count} ${bytes}-byte chunks`, {
      ...this.#fields(),
      bytes: this.#size,
      chunks: count,
    });
    if (this.#resumedAt !== undefined) {
      log.info(`${this.#name}: goes on after ${this.#resumedAt} acknowledged bytes`, this.#fields());
      observer.metrics.recovery("resumed");
      if (this.#resumedAt > 0) this.#source.hashBeside();
    }
    const onAcknowledged = () => this.#checkpoints.noteIfDue(this.#sender.acknowledgedBytes);
    await this.#sender.send({ onRead, onAcknowledged });
    await this.#noteSent();
  }

  /** Tells both sides that this version will never be whole. */
  async giveUp(reason: string): Promise<void> {
    const { ledger, transport, run } = this.#options;
    const { log } = this.#options.reporting;
    const { version, partitions, from } = this.#target;
    log.warn(`${this.#name}: given up: ${reason}; it is sent again once it stands still`, this.#fields());
    await this.#checkpoints.settled();
    if (!this.#sender.anythingSent) return;
    const id = { uploader: ledger.uploader, path: this.#path, version };
    const record = { key: chunkKey(id), value: Buffer.alloc(0), headers: encodeAbandoned(id, reason) };
    const what = `${this.#name}: telling that it was given up`;
    // Behind its last chunk in each: what is read of one partition says nothing of the others.
    for (const partition of from ? partitions : partitions.slice(0, 1))
      await transport.wait(what, run, () => transport.deliver({ ...record, partition }));
    await ledger.put(this.#path, { ...this.#entry("abandoned"), reason });
  }

  /** What was acknowledged so far is noted, so that the next start goes on from there. */
  async stop(): Promise<void> {
    const { drainMs } = this.#options.run;
    const { log } = this.#options.reporting;
    // A file of one chunk has nothing to go on from.
    if (!this.#target.from) return;
    try {
      const underWay = this.#sender.underWay();
      await this.#checkpoints.finish(underWay, drainMs, () => this.#sender.acknowledgedBytes);
    } catch (error) {
      // The brokers are away: the next start goes on from the checkpoint before.
      log.debug(`${this.#name}: checkpoint: ${messageOf(error)}`);
    }
  }

  close(): void {
    this.#sender.close();
  }

  async #noteSent(): Promise<void> {
    const { ledger } = this.#options;
    const { log } = this.#options.reporting;
    await this.#checkpoints.settled();
    const checksum = await this.#source.checksum();
    await ledger.putOwn(this.#path, {
      ...this.#entry("sent"),
      ...sentPlaceOf(this.#target),
      checksum,
    });
    log.info(`${this.#name}: finished ${this.#sender.chunks.count} chunk uploads`, this.#fields());
    const said = parseChecksum(checksum);
    log.info(`${this.#name}: successfully processed, ${said?.algorithm} checksum ${said?.digest}`, {
      ...this.#fields(),
      bytes: this.#size,
      checksum,
    });
  }

  #newCheckpoints(notedBytes: number): Checkpoints {
    const { ledger, checkpoints } = this.#options;
    const { log } = this.#options.reporting;
    const write = (acknowledged: number) =>
      ledger.putOwn(this.#path, { ...this.#entry("sending"), ...placeOf(this.#target), acknowledged });
    // Without it more is sent again; what keeps it from being written, the chunks meet too.
    const onTrouble = (error: unknown) => log.debug(`${this.#name}: checkpoint: ${messageOf(error)}`);
    return new Checkpoints(checkpoints, this.#size, notedBytes, write, onTrouble);
  }

  #entry<const State extends FileValue["state"]>(
    state: State,
  ): FileFacts & Pick<FileValue, "attributes"> & { state: State } {
    const { version, attributes } = this.#target;
    return { version, state, ...this.#source.fingerprint, attributes };
  }

  #fields(): Fields {
    return { path: this.#path, version: this.#target.version };
  }
}
