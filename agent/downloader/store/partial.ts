/**
 * One version being put together: the file itself, growing at its final size on its final device. Chunks are
 * written where they belong in any order; a running checksum follows the part that has no gap, from the chunks as
 * they pass, or from the file where they came early or before a restart. A small file that comes whole in one chunk, as what its
 * uploader has read, is made in one go.
 */
import { basename } from "node:path";
import type { DownloaderConfig } from "../../config/config.ts";
import type { DiskFile, FileEnd } from "../../lib/disk.ts";
import { AgentError, codeOf } from "../../lib/errors.ts";
import { type Attributes, attributesBytes } from "../../wire/attributes.ts";
import { type ByteRange, Coverage } from "../../wire/byte-ranges.ts";
import { type Algorithm, checksumOf, RunningChecksum } from "../../wire/checksum.ts";
import type { Chunk, From, VersionId } from "../../wire/chunk.ts";
import type { OpenFiles } from "./open-files.ts";
import { runsOf } from "./zero-runs.ts";

/** What is kept of an unfinished version beside its bytes. */
export interface PartialNote extends VersionId {
  /** Of the topic, where its chunks came last. */
  partition: number;
  size: number;
  /** Nanoseconds since 1970, as text. */
  mtime: string;
  from?: From | undefined;
  algorithm: Algorithm;
  checksum?: string | undefined;
  attributes?: Attributes | undefined;
  coverage: ByteRange[];
}

/** What a chunk did to the version. */
export interface Placed {
  first: boolean;
  /** It was the last byte that was missing. */
  final: boolean;
  /** Bytes that are there now. */
  totalBytes: number;
}

/** The disk does not give back what was written to it. */
export class UnreadableError extends AgentError {
  constructor(message: string, cause?: unknown) {
    super(message, "retryable", cause);
    this.name = "UnreadableError";
  }
}

/** A version without its name, as measured on sixty thousand of them. */
const baseBytes = 3200;
/** At most so many parts of a file may be there with gaps between them. */
const maxIntervals = 1000;
/** Of one that is spread: its partitions are read each at its own pace. */
const maxSpreadIntervals = 10_000;
/** A larger file is not copied in one go for another thread. */
const maxWholeBytes = 64 << 10;

/** What a finished file gets: its mode, and whether the source's modification time. */
export type Finish = Pick<DownloaderConfig, "fileMode" | "keepMtime">;

export class Partial {
  readonly id: VersionId;
  readonly size: number;
  readonly mtime: bigint;
  readonly from: From | undefined;
  /** Of the topic, where its chunks came last. */
  partition: number;
  /** Where its bytes are, and what that is called there: `partialName`, which takes a while to make. */
  readonly file: string;
  readonly name: string;
  /** Known once the last chunk was seen. */
  checksum: string | undefined;
  /** The last chunk has them, too. */
  attributes: Attributes | undefined;
  readonly #files: OpenFiles;
  readonly #coverage: Coverage;
  readonly #running: RunningChecksum;
  /** Its checksum, and which file it is, where it was made in one go. */
  #whole: { checksum: string; inode: number } | undefined;
  #hashedTo = 0;
  #hashing: Promise<void> | undefined;
  #stopped = false;
  /** Chunks of one version are placed one after the other. */
  #placing: Promise<unknown> = Promise.resolve();

  /** When it was written to last, by the monotonic clock. */
  placedAtMs = 0;

  constructor(note: PartialNote, file: string, files: OpenFiles) {
    this.id = { uploader: note.uploader, path: note.path, version: note.version };
    this.partition = note.partition;
    this.size = note.size;
    this.mtime = BigInt(note.mtime);
    this.from = note.from;
    this.#running = new RunningChecksum(note.algorithm);
    this.checksum = note.checksum;
    this.attributes = note.attributes;
    this.file = file;
    this.name = basename(file);
    this.#files = files;
    this.#coverage = new Coverage(note.coverage);
  }

  get complete(): boolean {
    return this.checksum !== undefined && this.#coverage.prefix === this.size;
  }

  /** What is missing; nothing also when it is only the mark on the last chunk. */
  get missing(): ByteRange[] {
    return this.#coverage.missing(0, this.size);
  }

  /** Whether something is missing before what is there: it was read before a restart, or never came. */
  get hasHole(): boolean {
    const ranges = this.missing;
    const first = ranges[0];
    return first !== undefined && (ranges.length > 1 || first[1] < this.size || this.checksum !== undefined);
  }

  /** Which file it is on its file system, if that is known. */
  get inode(): number | undefined {
    return this.#whole?.inode;
  }

  get placedBytes(): number {
    return this.#coverage.total;
  }

  /** About, with all that hangs on it. */
  get memoryBytes(): number {
    const { uploader, path } = this.id;
    const places = this.from?.offsets.length ?? 0;
    const lists = 100 * (places + this.#coverage.ranges().length);
    return baseBytes + 4 * (uploader.length + path.length) + lists + attributesBytes(this.attributes);
  }

  get bytesMissing(): number {
    return this.size - this.#coverage.total;
  }

  note(): PartialNote {
    return {
      ...this.id,
      partition: this.partition,
      size: this.size,
      mtime: String(this.mtime),
      from: this.from,
      algorithm: this.#running.algorithm,
      checksum: this.checksum,
      attributes: this.attributes,
      coverage: [...this.#coverage.ranges()],
    };
  }

  /** Whether the chunk would change anything; not where it would leave too many gaps: read in order none is left. */
  wants(chunk: Chunk): boolean {
    const most = (this.from?.offsets.length ?? 0) > 1 ? maxSpreadIntervals : maxIntervals;
    if (this.#coverage.ranges().length >= most && this.#isApart(chunk)) return false;
    const gaps = this.#coverage.missing(chunk.offset, chunk.offset + chunk.value.length);
    return gaps.length > 0 || (chunk.checksum !== undefined && this.checksum === undefined);
  }

  /** Whether it touches nothing of what is there. */
  #isApart({ offset, value }: Chunk): boolean {
    const [from, to] = [offset - 1, offset + value.length + 1];
    const [gap] = this.#coverage.missing(from, to);
    return offset > 0 && gap?.[0] === from && gap[1] === to;
  }

  /**
   * Writes a chunk where it belongs. Throws what the file system throws.
   *
   * @param finish what the file gets at once if the chunk is all of it
   */
  place(chunk: Chunk, finish?: Finish): Promise<Placed> {
    const placed = this.#placing.then(() => this.#place(chunk, finish));
    // A failure is the caller's; the next chunk only waits for the end of it.
    this.#placing = placed.catch(() => undefined);
    return placed;
  }

  /** The checksum of the bytes on disk, once the version is complete. Throws what the file system throws. */
  async computedChecksum(): Promise<string> {
    await this.#placing;
    await this.#hashing;
    this.#followPrefix();
    await this.#hashing;
    return this.#whole?.checksum ?? this.#running.value;
  }

  /** Gives the complete file its times and mode, and closes it. Throws what the file system throws. */
  async prepare({ fileMode, keepMtime }: Finish): Promise<void> {
    if (this.#whole) return;
    await this.#files.with(this.file, false, (handle) => handle.chmod(fileMode));
    await this.#files.close(this.file);
    if (keepMtime) await this.#files.disk.setModificationTime(this.file, this.mtime);
  }

  /** Ends the reading back; the version is given up here. */
  stop(): void {
    this.#stopped = true;
  }

  /** Removes the bytes. */
  async drop(): Promise<void> {
    this.stop();
    await this.#placing;
    await this.#hashing?.catch(() => undefined);
    await this.#files.drop(this.file);
    await this.#files.disk.remove(this.file);
  }

  async #place(chunk: Chunk, finish: Finish | undefined): Promise<Placed> {
    const end = chunk.offset + chunk.value.length;
    const first = this.#coverage.total === 0;
    const wasComplete = this.complete;
    if (!(first && finish && (await this.#storeWhole(chunk, finish)))) await this.#writeParts(chunk, first);
    if (chunk.checksum !== undefined) {
      this.checksum = chunk.checksum;
      this.attributes = chunk.attributes;
    }
    this.#coverage.add(chunk.offset, end);
    this.#followPrefix();
    return { first, final: this.complete && !wasComplete, totalBytes: this.#coverage.total };
  }

  /** Makes the file in one go, where the chunk is all of it. Returns whether it did; not what fails verification. */
  async #storeWhole({ value, checksum }: Chunk, { fileMode, keepMtime }: Finish): Promise<boolean> {
    if (value.length !== this.size || value.length > maxWholeBytes || this.complete) return false;
    if (checksum === undefined || runsOf(value, 0).some(({ isZero }) => isZero)) return false;
    if (checksumOf(this.#running.algorithm, value) !== checksum) return false;
    const end: FileEnd = { mode: fileMode, mtime: keepMtime ? this.mtime : undefined };
    const inode = await this.#files.disk.storeWhole(this.file, value, end);
    this.#whole = { checksum, inode };
    this.#hashedTo = this.size;
    return true;
  }

  async #writeParts(chunk: Chunk, first: boolean): Promise<void> {
    // Bytes that are there are never written again: what the running checksum has seen stays what is published.
    const gaps = this.#coverage.missing(chunk.offset, chunk.offset + chunk.value.length);
    // Made once: if something removes it later, what was written is gone, and a new file would have holes.
    const written = this.#files.with(this.file, first, async (handle) => {
      for (const [from, to] of gaps) await this.#write(handle, chunk, from, to);
    });
    // In the meantime.
    const [gap] = gaps;
    const isNew = gaps.length === 1 && gap && gap[1] - gap[0] === chunk.value.length;
    const hashed = isNew ? this.#hashPassing(chunk) : undefined;
    try {
      await written;
    } finally {
      // Its bytes are the caller's again then.
      await hashed;
    }
  }

  /** What is missing of a chunk; many zeros at the end of what is there become a hole. */
  async #write(handle: DiskFile, chunk: Chunk, from: number, to: number): Promise<void> {
    const bytes = chunk.value.subarray(from - chunk.offset, to - chunk.offset);
    for (const run of runsOf(bytes, from)) {
      if (run.isZero && (await handle.extend(run.from, run.to))) continue;
      await handle.write(bytes.subarray(run.from - from, run.to - from), run.from);
    }
  }

  #hashPassing(chunk: Chunk): Promise<void> | undefined {
    if (chunk.offset !== this.#hashedTo || this.#hashing) return undefined;
    this.#hashedTo += chunk.value.length;
    return this.#running.update(chunk.value);
  }

  /** Starts reading back what the running checksum has missed, unless that is under way. */
  #followPrefix(): void {
    if (this.#hashing || this.#hashedTo >= this.#coverage.prefix) return;
    const hashing = this.#hashFromFile().finally(() => {
      this.#hashing = undefined;
    });
    this.#hashing = hashing;
    // Whoever needs the checksum awaits it and gets the failure; nobody may be waiting yet.
    hashing.catch(() => undefined);
  }

  /** Hashes what is on disk, as far as there is no gap. */
  async #hashFromFile(): Promise<void> {
    // A buffer for each step: a large file must not keep the others from theirs.
    while (this.#hashedTo < this.#coverage.prefix) {
      await this.#files.buffers.with((buffer) => this.#hashStep(buffer));
      if (this.#stopped) throw new AgentError(`${this.file}: no longer read`, "retryable");
    }
  }

  async #hashStep(buffer: Buffer): Promise<void> {
    if (this.#stopped) return;
    const length = Math.min(buffer.length, this.#coverage.prefix - this.#hashedTo);
    const read = (handle: DiskFile) => handle.read(buffer, length, this.#hashedTo);
    const bytesRead = await this.#files.with(this.file, false, read).catch((error: unknown) => {
      if (codeOf(error) === "EIO") throw new UnreadableError(`${this.file} can't be read back`, error);
      throw error;
    });
    if (bytesRead === 0) throw new UnreadableError(`${this.file} is shorter than what was written to it`);
    await this.#running.update(buffer.subarray(0, bytesRead));
    this.#hashedTo += bytesRead;
  }
}
