/**
 * Sends ranges of one version as chunks: all of the file the first time, what is asked for again later. What was
 * acknowledged stays acknowledged: after a trouble on the way (a client made anew, a topic that takes less) it goes on
 * from there.
 */
import type { Acknowledgement } from "../../kafka/producer.ts";
import type { Fields } from "../../observe/log.ts";
import { type ByteRange, lengthOf, placeIn } from "../../wire/byte-ranges.ts";
import { type Chunk, chunkKey, encodeChunk, type From } from "../../wire/chunk.ts";
import { pathToDisplay } from "../../wire/path.ts";
import { TopicReplacedError } from "../errors.ts";
import { LentBuffer } from "../transport/chunk-buffers.ts";
import type { Place } from "../transport/in-flight-window.ts";
import type { UploadOptions } from "../upload-options.ts";
import { AcknowledgedPrefix } from "./acknowledged-prefix.ts";
import type { SourceFile } from "./source-file.ts";
import type { Target } from "./target.ts";

/** What goes on beside the sending. */
export interface Beside {
  /** The reading is over, and only acknowledgements are waited for. */
  onRead?(): void;
  /** More of the ranges is acknowledged. */
  onAcknowledged?(): void;
  /** Waited for before each chunk, with the bytes of the ranges that were sent before it. */
  between?(sentBytes: number): Promise<void>;
}

export class RangeSender {
  readonly #options: UploadOptions;
  readonly #source: SourceFile;
  readonly #target: Target;
  readonly #ranges: readonly ByteRange[];
  readonly #bytes: number;
  readonly #prefix: AcknowledgedPrefix;
  readonly #size: number;
  readonly #name: string;
  readonly #chunkBytes: number;
  /** Chunks that were handed over: each goes to the next of the version's partitions. */
  #handedOver = 0;
  #anythingSent: boolean;
  /** Of a file of one chunk, until the ledger has it: so many files wait at most. */
  #place: Place | undefined;

  /**
   * @param ranges what to send, in this order
   * @param resumedAt bytes of the ranges that the brokers have already; undefined: nothing was sent before
   */
  constructor(
    options: UploadOptions,
    source: SourceFile,
    target: Target,
    ranges: readonly ByteRange[],
    resumedAt: number | undefined,
  ) {
    this.#options = options;
    this.#source = source;
    this.#target = target;
    this.#ranges = ranges;
    this.#bytes = lengthOf(ranges);
    this.#prefix = new AcknowledgedPrefix(resumedAt ?? 0);
    // An empty file has nothing to go on from: it is one record, which is to be acknowledged.
    this.#anythingSent = resumedAt !== undefined && this.#bytes > 0;
    this.#size = source.fingerprint.size;
    this.#name = pathToDisplay(source.file.path);
    options.transport.followTopicLimit();
    this.#chunkBytes = this.#nextChunkBytes();
  }

  /** Bytes of the ranges that are acknowledged without a gap. */
  get acknowledgedBytes(): number {
    return this.#prefix.bytes;
  }

  /** Whether a chunk of the version may be in the topic. */
  get anythingSent(): boolean {
    return this.#anythingSent;
  }

  /** How large the chunks are, as far as can be said beforehand, and how many the whole file makes of them. */
  get chunks(): { bytes: number; count: number } {
    return { bytes: Math.min(this.#chunkBytes, this.#size), count: this.#chunkCount() };
  }

  /** Notes where the version's chunks begin, if it comes to several. Throws a permanent `AgentError` only. */
  async prepare(): Promise<void> {
    if (this.#size > this.#chunkBytes) this.#target.from ??= await this.#askFrom();
  }

  /**
   * Before a version is gone on with: its chunks of before may be anywhere up to where its partitions end now. In one partition
   * the chunks that still come are behind them. Throws a permanent `AgentError` only.
   */
  async prepareToGoOn(): Promise<void> {
    const { partitions, lasts } = this.#target;
    if (partitions.length < 2) return;
    const ends = await this.#askEnds("asking where its chunks may be");
    partitions.forEach((partition, at) => {
      const end = ends[at] ?? 0;
      if (end > 0) lasts.note(partition, end - 1);
    });
  }

  /**
   * Sends everything, and waits until it is acknowledged, however long that takes. Throws a `ChangedError`, a
   * `TopicReplacedError`, a `VoidVersionError`, a `StoppedError`, what the file system throws, and with `once` a permanent `KafkaError`.
   */
  send(beside: Beside = {}): Promise<void> {
    const { transport, run } = this.#options;
    const endBuffers = transport.buffers.begin();
    const sent = transport.wait(this.#name, run, (works) => {
      const before = this.#prefix.bytes;
      const onAcknowledged = () => {
        // Not only at the end: that may be hours away.
        if (this.#prefix.bytes > before) works();
        beside.onAcknowledged?.();
      };
      return this.#sendRest(beside, onAcknowledged);
    });
    return sent.finally(endBuffers);
  }

  /** Resolves when everything that was sent is acknowledged. Throws as soon as a chunk was not delivered. */
  underWay(): Promise<void> {
    return this.#prefix.all();
  }

  /** Gives the place in the window back; to be called at the end, whatever happened. */
  close(): void {
    this.#place?.leave();
  }

  async #sendRest(beside: Beside, onAcknowledged: () => void): Promise<void> {
    this.#prefix.restart();
    try {
      for (let at = this.#prefix.bytes; at < this.#bytes || !this.#anythingSent; ) {
        await beside.between?.(at);
        at += await this.#sendChunk(at, onAcknowledged);
      }
      // Thousands of small files may wait for their acknowledgements at once: not with an open handle each.
      await this.#source.rest();
      beside.onRead?.();
      await this.#prefix.all();
    } catch (error) {
      // First, as the rest may fail too: an empty file counts as sent only when its record is acknowledged. What was under
      // way has ended by now, or will end without being waited for.
      this.#anythingSent = this.#bytes > 0;
      await this.#options.transport.recover(error);
      throw error;
    }
  }

  /** Sends what begins `at` bytes into the ranges. Returns how many bytes it took; none: it is to be tried again. */
  async #sendChunk(at: number, onAcknowledged: () => void): Promise<number> {
    const { signal } = this.#options.run;
    const { transport, ledger } = this.#options;
    this.#prefix.throwFailure();
    await ledger.readyFor(this.#source.file.path, this.#target.version);
    if (transport.topic.id !== this.#target.topicId) throw new TopicReplacedError(transport.topic.name);
    const { offset, rest } = placeIn(this.#ranges, at);
    const length = Math.min(this.#nextChunkBytes(), rest);
    const place = transport.place(length);
    // Also a file that was to be one chunk can come to several, when the chunks have become smaller meanwhile.
    if (length < this.#size) this.#target.from ??= await this.#askFrom();
    // What takes long is done without a place in the window.
    if (offset + length === this.#size) await this.#source.hashed();
    const buffer = new LentBuffer(transport.buffers, length);
    try {
      await place.enter(signal);
      // The window can have been full for as long as it took to find out that the link does not carry so much.
      if (!transport.carries(length)) {
        place.leave();
        return 0;
      }
      const value = await this.#read(place, offset, length, buffer);
      await this.#handOver(await this.#chunk(offset, value), place, buffer, at, onAcknowledged);
    } catch (error) {
      place.leave();
      buffer.drop();
      throw error;
    }
    return length;
  }

  /** Reads a chunk's bytes; what takes long is done without the place. */
  async #read(place: Place, offset: number, length: number, buffer: LentBuffer): Promise<Buffer> {
    const { signal } = this.#options.run;
    const reading = this.#source.read(offset, length, () => buffer.take());
    if (!(await this.#source.file.watch.access.inTime(reading))) {
      place.leave();
      await reading;
      await place.enter(signal);
    }
    const { bytes, hashed } = await reading;
    buffer.usedUntil(hashed);
    // The whole file is read once more for its last chunk then.
    if (this.#source.isInDoubt && offset + length === this.#size) {
      place.leave();
      await this.#target.checksum();
      await place.enter(signal);
    }
    return bytes;
  }

  async #handOver(
    chunk: Chunk,
    place: Place,
    buffer: LentBuffer,
    at: number,
    onAcknowledged: () => void,
  ): Promise<void> {
    const { transport } = this.#options;
    const { observer } = this.#options.reporting;
    const { value } = chunk;
    const partition = this.#nextPartition(chunk);
    this.#anythingSent = true;
    const ended = this.#prefix.sent(at, value.length);
    const record = { partition, key: chunkKey(chunk), value, headers: encodeChunk(chunk) };
    await transport.send(record, place, (error, acknowledgement) => {
      if (error || this.#size > value.length) place.leave();
      else this.#place = place;
      if (error) buffer.drop();
      else buffer.giveBack();
      if (error) observer.metrics.chunk("failed");
      else observer.metrics.chunk("sent", value.length);
      if (acknowledgement) this.#noteAcknowledged(chunk, acknowledgement);
      ended(error);
      onAcknowledged();
    });
  }

  #nextPartition({ from }: Chunk): number {
    const { partitions } = this.#target;
    // What has no `from` is looked for in the first partition only.
    return partitions[from ? this.#handedOver++ % partitions.length : 0] ?? 0;
  }

  #noteAcknowledged({ index, count }: Chunk, { partition, offset }: Acknowledgement): void {
    const { log, logChunks } = this.#options.reporting;
    this.#target.lasts.note(partition, offset);
    if (!logChunks) return;
    log.info(`${this.#name}: (${padded(index)} of ${padded(count)}) chunk uploaded`, {
      ...this.#fields(),
      chunk: index,
      chunks: count,
    });
  }

  async #chunk(offset: number, value: Buffer): Promise<Chunk> {
    const { size, mtime } = this.#source.fingerprint;
    const { version, from, algorithm, attributes } = this.#target;
    const last = offset + value.length === size;
    const checksum = last ? { checksum: await this.#target.checksum() } : {};
    return {
      kind: "chunk",
      ...this.#id(),
      version,
      offset,
      size,
      mtime: BigInt(mtime),
      value,
      index: size === 0 ? 1 : Math.ceil((offset + value.length) / this.#chunkBytes),
      count: this.#chunkCount(),
      ...(from ? { from } : {}),
      algorithm,
      ...checksum,
      ...(last && attributes ? { attributes } : {}),
    };
  }

  /** Where the version's first chunk can be: the ends of its partitions now. */
  async #askFrom(): Promise<From> {
    const { topicId, partitions } = this.#target;
    const ends = await this.#askEnds("asking where its chunks begin");
    const offsets = partitions.map((partition, at) => ({ partition, offset: ends[at] ?? 0 }));
    return { topic: topicId, offsets };
  }

  #askEnds(why: string): Promise<number[]> {
    const { transport, run } = this.#options;
    const { partitions } = this.#target;
    return transport.wait(`${this.#name}: ${why}`, run, () => transport.ends(partitions));
  }

  #nextChunkBytes(): number {
    const { attributes, partitions } = this.#target;
    return this.#options.transport.chunkBytes({ ...this.#id(), attributes, places: partitions.length });
  }

  #chunkCount(): number {
    return Math.max(1, Math.ceil(this.#size / this.#chunkBytes));
  }

  #fields(): Fields {
    return { path: this.#source.file.path, version: this.#target.version };
  }

  #id(): { uploader: string; path: string } {
    return { uploader: this.#options.ledger.uploader, path: this.#source.file.path };
  }
}

function padded(count: number): string {
  return String(count).padStart(5, "0");
}
