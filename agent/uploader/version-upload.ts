/**
 * Sending one version: read chunks, produce, follow the acknowledgements, checkpoint, and note it as sent. A trouble on
 * the way (a client made anew, a topic that takes less) goes on from the acknowledged prefix; a file that changes is
 * given up at once, on both sides.
 */
import type { UploaderConfig } from "../config/config.ts";
import { KafkaError } from "../kafka/errors.ts";
import type { RecordProducer } from "../kafka/producer.ts";
import { describeTopic, endOffset, type Topic } from "../kafka/topics.ts";
import type { UploaderLedger } from "../ledger/uploader-ledger.ts";
import { AgentError, messageOf } from "../lib/errors.ts";
import { isPermanent, retry } from "../lib/retry.ts";
import type { Fields, Log } from "../observe/log.ts";
import type { Observer } from "../observe/observer.ts";
import type { Moving } from "../observe/status.ts";
import { type Chunk, chunkKey, encodeAbandoned, encodeChunk, encodeFrom, type From } from "../wire/chunk.ts";
import type { FileValue } from "../wire/entry.ts";
import { pathToDisplay } from "../wire/path.ts";
import { AcknowledgedPrefix } from "./acknowledged-prefix.ts";
import { Checkpoints } from "./checkpoints.ts";
import type { ChunkSize } from "./chunk-size.ts";
import type { Found } from "./scan.ts";
import { ChangedError, SourceFile } from "./source-file.ts";
import { isSentAlready, takeUp } from "./take-up.ts";
import type { Window } from "./window.ts";

export interface UploadOptions {
  config: UploaderConfig;
  producer: RecordProducer;
  ledger: UploaderLedger;
  topic: Topic;
  window: Window;
  chunkSize: ChunkSize;
  log: Log;
  observer: Observer;
  /** The versions under way; each adds itself when it is taken up. */
  moving: Set<VersionUpload>;
  logChunks: boolean;
  signal: AbortSignal;
  /** A missing right ends it instead of being waited for. */
  once: boolean;
  /** How long a stop waits for what is under way. */
  drainMs: number;
}

/**
 * sent: acknowledged and noted. unchanged: only looked different. changed: given up, settle again. stopped: the signal
 * fired, it goes on at the next start.
 */
export type Outcome = "sent" | "unchanged" | "changed" | "stopped";

/** The agent is being stopped. */
class StoppedError extends AgentError {
  constructor() {
    super("the agent is being stopped", "permanent");
    this.name = "StoppedError";
  }
}

/**
 * Sends a file as it was found. `onRead` is called when the reading is over and only acknowledgements are waited for.
 * Throws what the file system throws, and with `once` a permanent `KafkaError`.
 */
export async function uploadVersion(
  options: UploadOptions,
  found: Found,
  onRead: () => void,
): Promise<Outcome> {
  const source = await SourceFile.open(found, options.config.checksum);
  try {
    return await new VersionUpload(options, source, onRead).run();
  } finally {
    await source.rest();
  }
}

export class VersionUpload {
  readonly #options: UploadOptions;
  readonly #source: SourceFile;
  readonly #path: string;
  readonly #size: number;
  readonly #onRead: () => void;
  readonly #name: string;
  #version = 0;
  #partition = 0;
  #from: From | undefined;
  #prefix = new AcknowledgedPrefix(0);
  #checkpoints: Checkpoints;
  #chunkBytes = 0;
  #lastOffset = 0;
  #anythingSent = false;
  #leaveWindow: () => void = () => undefined;

  constructor(options: UploadOptions, source: SourceFile, onRead: () => void) {
    this.#options = options;
    this.#source = source;
    this.#path = source.file.path;
    this.#size = source.fingerprint.size;
    this.#onRead = onRead;
    this.#name = pathToDisplay(source.file.path);
    this.#checkpoints = this.#newCheckpoints(0);
  }

  get progress(): Moving {
    return { path: this.#name, version: this.#version, bytes: this.#prefix.bytes, size: this.#size };
  }

  async run(): Promise<Outcome> {
    const { log, signal, once, moving } = this.#options;
    try {
      if (await isSentAlready(this.#source, this.#options.ledger)) return "unchanged";
      await this.#begin();
      moving.add(this);
      // Troubles of Kafka are waited out; a file that has changed, or a stop, is not.
      const giveUp = (error: unknown) =>
        error instanceof ChangedError ||
        error instanceof StoppedError ||
        !(error instanceof AgentError) ||
        (once && isPermanent(error));
      await retry({ what: this.#name, log, signal, giveUp }, () => this.#sendRest());
      await this.#finish();
      return "sent";
    } catch (error) {
      if (error instanceof StoppedError || (signal.aborted && error instanceof AgentError))
        return this.#stop();
      if (!(error instanceof ChangedError)) throw error;
      await this.#giveUp(error.message);
      return "changed";
    } finally {
      moving.delete(this);
      this.#leaveWindow();
    }
  }

  async #begin(): Promise<void> {
    const { ledger, topic, log } = this.#options;
    this.#chunkBytes = this.#nextChunkBytes();
    const { version, partition, from, acknowledgedBytes, resumed } = takeUp(this.#source, ledger, topic);
    this.#version = version;
    this.#partition = partition;
    this.#from = from;
    this.#prefix = new AcknowledgedPrefix(acknowledgedBytes);
    this.#checkpoints = this.#newCheckpoints(acknowledgedBytes);
    this.#anythingSent = resumed;
    if (!resumed && this.#size > this.#chunkBytes) this.#from = await this.#askFrom();
    if (!resumed) await this.#checkpoints.begin();
    const [count, bytes] = [this.#chunkCount(), Math.min(this.#chunkBytes, this.#size)];
    log.info(`${this.#name}: ${this.#size} bytes, creating ${count} ${bytes}-byte chunks`, {
      ...this.#fields(),
      bytes: this.#size,
      chunks: count,
    });
    if (resumed)
      log.info(`${this.#name}: goes on after ${acknowledgedBytes} acknowledged bytes`, this.#fields());
    await this.#source.hashTo(acknowledgedBytes);
  }

  /** Where the version's first chunk can be: the end of its partition now. */
  async #askFrom(): Promise<From> {
    const { producer, topic } = this.#options;
    const ask = () => endOffset(producer.client, topic.name, this.#partition);
    const offset = await this.#waitFor("asking where its chunks begin", ask);
    return { topic: topic.id, offsets: [{ partition: this.#partition, offset }] };
  }

  /** Reads and sends everything behind the acknowledged prefix, and waits until it is acknowledged. */
  async #sendRest(): Promise<void> {
    const { producer } = this.#options;
    this.#prefix.restart();
    try {
      for (let offset = this.#prefix.bytes; offset < this.#size || !this.#anythingSent; ) {
        offset += await this.#sendChunk(offset);
      }
      // Thousands of small files may wait for their acknowledgements at once: not with an open handle each.
      await this.#source.rest();
      this.#onRead();
      await this.#prefix.all();
    } catch (error) {
      if (error instanceof KafkaError && error.tooLarge) await this.#shrink();
      else if (error instanceof AgentError && error.severity === "fatal") await producer.renew(error.message);
      // What was under way has ended by now, or will end without being waited for.
      this.#anythingSent = this.#size > 0;
      throw error;
    }
  }

  /** Returns how many bytes it took. */
  async #sendChunk(offset: number): Promise<number> {
    const { window, signal, producer, topic, chunkSize, log, observer, logChunks } = this.#options;
    this.#prefix.throwFailure();
    const length = Math.min(this.#nextChunkBytes(), this.#size - offset);
    // Also a file that was to be one chunk can come to several, when the chunks have become smaller meanwhile.
    if (length < this.#size) this.#from ??= await this.#askFrom();
    const windowBytes = length + recordCostBytes;
    if (!(await window.enter(windowBytes, signal))) throw new StoppedError();
    let entered = true;
    let handedOver = false;
    const leave = () => {
      if (entered) window.leave(windowBytes);
      entered = false;
    };
    try {
      const value = await observer.stalls.watch(`reading ${this.#name}`, this.#source.read(offset, length));
      const chunk = this.#chunk(offset, value);
      this.#anythingSent = true;
      const sent = this.#prefix.sent(offset, length);
      chunkSize.sent(length);
      handedOver = true;
      const record = {
        topic: topic.name,
        partition: this.#partition,
        key: chunkKey(chunk),
        value,
        headers: encodeChunk(chunk),
      };
      await producer.enqueue(record, (error, acknowledgement) => {
        // A file of one chunk keeps its place until the ledger has it: so many files wait at most.
        if (error || this.#size > length) leave();
        else this.#leaveWindow = leave;
        chunkSize.ended(length, error === undefined);
        if (error) observer.metrics.chunk("failed");
        else observer.metrics.chunk("sent", length);
        if (acknowledgement) this.#lastOffset = Math.max(this.#lastOffset, acknowledgement.offset);
        if (!error && logChunks)
          log.info(`${this.#name}: (${padded(chunk.index)} of ${padded(chunk.count)}) chunk uploaded`, {
            ...this.#fields(),
            chunk: chunk.index,
            chunks: chunk.count,
          });
        sent(error);
        this.#checkpoints.noteIfDue(this.#prefix.bytes);
      });
    } catch (error) {
      leave();
      if (handedOver) chunkSize.ended(length, false);
      throw error;
    }
    return length;
  }

  #chunk(offset: number, value: Buffer): Chunk {
    const { size, mtime } = this.#source.fingerprint;
    const last = offset + value.length === size;
    return {
      kind: "chunk",
      ...this.#id(),
      version: this.#version,
      offset,
      size,
      mtime: BigInt(mtime),
      value,
      index: size === 0 ? 1 : Math.ceil((offset + value.length) / this.#chunkBytes),
      count: this.#chunkCount(),
      ...(this.#from ? { from: this.#from } : {}),
      algorithm: this.#options.config.checksum,
      ...(last ? { checksum: this.#source.checksum() } : {}),
    };
  }

  async #finish(): Promise<void> {
    const { ledger, topic, log } = this.#options;
    await this.#checkpoints.settled();
    const checksum = this.#source.checksum();
    await ledger.put(this.#path, {
      ...this.#entry("sent"),
      topic: topic.id,
      partition: this.#partition,
      checksum,
      offset: this.#lastOffset,
    });
    log.info(`${this.#name}: finished ${this.#chunkCount()} chunk uploads`, this.#fields());
    const [algorithm, digest] = checksum.split(":");
    log.info(`${this.#name}: successfully processed, ${algorithm} checksum ${digest}`, {
      ...this.#fields(),
      bytes: this.#size,
      checksum,
    });
  }

  /** Tells both sides that this version will never be whole. */
  async #giveUp(reason: string): Promise<void> {
    const { ledger, producer, topic, log } = this.#options;
    log.warn(`${this.#name}: given up: ${reason}; it is sent again once it stands still`, this.#fields());
    await this.#checkpoints.settled();
    if (!this.#anythingSent) return;
    const id = { ...this.#id(), version: this.#version };
    const record = {
      topic: topic.name,
      partition: this.#partition,
      key: chunkKey(id),
      value: Buffer.alloc(0),
      headers: encodeAbandoned(id, reason),
    };
    await this.#waitFor("telling that it was given up", () => producer.send(record));
    await ledger.put(this.#path, { ...this.#entry("abandoned"), reason });
  }

  /** What was acknowledged so far is noted, so that the next start goes on from there. */
  async #stop(): Promise<Outcome> {
    const { drainMs, log } = this.#options;
    // A file of one chunk has nothing to go on from.
    if (!this.#from) return "stopped";
    try {
      await this.#checkpoints.finish(this.#prefix.all(), drainMs, () => this.#prefix.bytes);
    } catch (error) {
      // The brokers are away: the next start goes on from the checkpoint before.
      log.debug(`${this.#name}: checkpoint: ${messageOf(error)}`);
    }
    return "stopped";
  }

  #newCheckpoints(notedBytes: number): Checkpoints {
    const { log } = this.#options;
    // Without it more is sent again; what keeps it from being written, the chunks meet too.
    const onTrouble = (error: unknown) => log.debug(`${this.#name}: checkpoint: ${messageOf(error)}`);
    return new Checkpoints(
      this.#size,
      notedBytes,
      (acknowledged) => this.#noteSending(acknowledged),
      onTrouble,
    );
  }

  async #noteSending(acknowledged: number): Promise<void> {
    const { ledger, topic } = this.#options;
    await ledger.put(this.#path, {
      ...this.#entry("sending"),
      topic: topic.id,
      partition: this.#partition,
      ...(this.#from ? { from: encodeFrom(this.#from) } : {}),
      acknowledged,
    });
  }

  /** The topic takes less than was thought: smaller chunks, and smaller batches of small files. */
  async #shrink(): Promise<void> {
    const { producer, topic, chunkSize, log } = this.#options;
    const tried = chunkSize.topicBytes;
    const now = await this.#waitFor("asking for the topic's limit", () =>
      describeTopic(producer.client, topic.name),
    );
    // Another file may have been here before.
    if (chunkSize.topicBytes !== tried) return;
    const limit = now && now.maxMessageBytes < tried ? now.maxMessageBytes : Math.floor(tried / 2);
    chunkSize.limit(limit);
    log.warn(`topic ${topic.name} takes no more than ${limit} bytes at a time now: chunks become smaller`);
    await producer.limitBatches(limit);
  }

  #nextChunkBytes(): number {
    const { chunkSize, config } = this.#options;
    return Math.min(chunkSize.next(this.#id()), config.inFlightBytes);
  }

  #fields(): Fields {
    return { path: this.#path, version: this.#version };
  }

  #chunkCount(): number {
    return Math.max(1, Math.ceil(this.#size / this.#chunkBytes));
  }

  #id(): { uploader: string; path: string } {
    return { uploader: this.#options.ledger.uploader, path: this.#path };
  }

  #entry(state: FileValue["state"]): FileValue {
    return { format: 1, version: this.#version, state, ...this.#source.fingerprint };
  }

  #waitFor<T>(what: string, attempt: () => Promise<T>): Promise<T> {
    const { log, signal, once } = this.#options;
    return retry(
      { what: `${this.#name}: ${what}`, log, signal, giveUp: (e) => once && isPermanent(e) },
      attempt,
    );
  }
}

/** What a file or a record under way costs in memory beside the value: headers, promises, the client's bookkeeping. */
const recordCostBytes = 16 << 10;

function padded(count: number): string {
  return String(count).padStart(5, "0");
}
