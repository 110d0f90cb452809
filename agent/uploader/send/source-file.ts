/**
 * A file while it is read: chunks into buffers of its caller's, a running checksum over what was read in order, and with each
 * read the question whether it still is the file that was taken up. A small file comes as a whole, with what was seen of it right
 * after, from the call that opened it.
 *
 * All of it is read by one descriptor, and only if that is the file that was looked at. Its size and modification time say
 * whether it has changed. A ctime or an inode number that changes alone (`chmod`, `ln`; network file systems number anew)
 * is no reason to give it up: then the content is read once more, and has to be what was read before.
 */
import { type Content, type FileState, isRegularFile, type OpenedFile } from "../../lib/files-below.ts";
import { leaveGarbage } from "../../lib/garbage.ts";
import { type Algorithm, algorithmOf, RunningChecksum } from "../../wire/checksum.ts";
import { type Fingerprint, fingerprintOfState } from "../access/fingerprint.ts";
import type { WatchedFile } from "../access/watch.ts";
import type { WatchFiles } from "../access/watch-files.ts";
import { ChangedError } from "../errors.ts";

const hashStepBytes = 1 << 20;
/** A small file that has waited for longer before it is sent (in an outage, say) is read anew: it may be another one by then. */
const freshMs = 1000;
const becameShorter = () => new ChangedError("it became shorter while it was read");

/** A part of a file. */
export interface Part {
  bytes: Buffer;
  /** Until it resolves they are taken into the checksum, and may not change. */
  hashed: Promise<void> | undefined;
}

export class SourceFile {
  readonly file: WatchedFile;
  readonly #files: WatchFiles;
  readonly #first: Pick<OpenedFile, "state" | "writers">;
  #fingerprint: Fingerprint;
  /** The descriptor's file when it was last looked at. */
  #opened: FileState;
  #fd: number | undefined;
  /** Calls that use the descriptor: its number must not become another file's under them. */
  readonly #uses = new Set<Promise<unknown>>();
  readonly #running: RunningChecksum;
  #hashedTo = 0;
  /** The part that was read last is taken in. */
  #hashed: Promise<void> | undefined;
  #hashing: Promise<void> | undefined;
  #closed = false;
  /** Something but size and modification time was another one: the content is to be read once more. */
  #isInDoubt = false;
  /** All of a small file. Then there is no descriptor. */
  #content: Content | undefined;
  #readAtMs = 0;

  private constructor(files: WatchFiles, file: WatchedFile, opened: OpenedFile, algorithm: Algorithm) {
    this.file = file;
    this.#files = files;
    const { state, writers, fd, content } = opened;
    this.#first = { state, writers };
    this.#opened = state;
    this.#fingerprint = fingerprintOfState(state);
    this.#fd = fd;
    this.#hold(content);
    this.#running = new RunningChecksum(algorithm);
  }

  /** `undefined`: there is no file that may be sent. Throws what the file system throws. */
  static async open(
    files: WatchFiles,
    file: WatchedFile,
    algorithm: Algorithm,
  ): Promise<SourceFile | undefined> {
    const opened = await files.open(file, false);
    return opened && new SourceFile(files, file, opened, algorithm);
  }

  /** As it was opened, or as it was before its content was read once more. */
  get fingerprint(): Fingerprint {
    return this.#fingerprint;
  }

  /** Whether what was read is to be read once more before it can be said that it belongs together: `checksum` does that. */
  get isInDoubt(): boolean {
    return this.#isInDoubt;
  }

  /** Whether somebody had it open for writing when it was opened here, as far as the system tells. */
  isOpenForWriting(): Promise<boolean> {
    return this.#files.isOpenForWriting(this.file, this.#first);
  }

  /** Gives the descriptor and the bytes back until something is read again, if ever. */
  async rest(): Promise<void> {
    const fd = this.#fd;
    this.#fd = undefined;
    this.#hold(undefined);
    if (fd === undefined) return;
    await Promise.allSettled(this.#uses);
    await this.#files.close(this.file, fd);
  }

  /** Ends what goes on beside the reading, too. */
  async close(): Promise<void> {
    this.#closed = true;
    await this.#hashing?.catch(() => undefined);
    await this.rest();
  }

  /**
   * Throws a `ChangedError` when what stands at the path is not the file that was taken up, in the state it had, else what
   * the file system throws.
   */
  async compareState(): Promise<void> {
    const fd = this.#fd;
    const content = this.#content;
    const { there, opened } = content ?? (await this.#use(this.#files.look(this.file, fd)));
    if (!there) throw new ChangedError("it is gone");
    if (!isRegularFile(there)) throw new ChangedError("it was replaced while it was read");
    this.#compare(there);
    if (fd === undefined && !content) return;
    this.#compare(opened);
    // A number that the open file itself had not before says nothing.
    const isNumberedAnew = !isSameFile(opened, this.#opened);
    if (!isNumberedAnew && !isSameFile(there, opened))
      throw new ChangedError("it was replaced while it was read");
    if (isNumberedAnew || opened.ctime !== this.#opened.ctime) this.#doubt(opened);
  }

  /**
   * Reads a part and takes it into the running checksum, if it is what comes next there. Throws a `ChangedError` when the file has
   * changed, else what the file system throws.
   *
   * @param room asked for a buffer of `length` bytes, unless they are here already
   */
  async read(offset: number, length: number, room: () => Buffer): Promise<Part> {
    const bytes = await this.#part(offset, length, room);
    if (this.#hashed) await this.#hashed;
    let hashed: Promise<void> | undefined;
    if (!this.#hashing && offset <= this.#hashedTo && offset + length > this.#hashedTo) {
      hashed = this.#running.update(bytes.subarray(this.#hashedTo - offset));
      this.#hashedTo = offset + length;
    }
    this.#hashed = hashed;
    await this.compareState();
    return { bytes, hashed };
  }

  /** Takes the file into the checksum beside its reading, which begins in the middle. `checksum` waits for it. */
  hashBeside(): void {
    this.#hashing ??= this.#hashRest();
    // Whoever waits for the checksum is told.
    this.#hashing.catch(() => undefined);
  }

  /** Resolves when what is hashed beside the reading is hashed. Throws like `read`. */
  async hashed(): Promise<void> {
    await this.#hashing;
  }

  /**
   * `md5:…` or `sha256:…` of the whole file; reads what was not read in order, and all of it once more where it is in doubt
   * that what was read belongs together. Throws like `read`.
   */
  async checksum(): Promise<string> {
    if (this.#hashedTo < this.#fingerprint.size) this.hashBeside();
    await this.#hashing;
    await this.#hashed;
    const checksum = this.#running.value;
    if (this.#isInDoubt) await this.#readOnceMore(checksum);
    return checksum;
  }

  /**
   * Whether the whole content has this checksum, of whichever kind. Throws like `read`.
   *
   * @param between waited for between two reads
   */
  async hasChecksum(checksum: string, between?: () => Promise<void>): Promise<boolean> {
    return checksum === (await this.#checksumOfAll(algorithmOf(checksum), between));
  }

  /**
   * Two readings that are alike, one wholly after the other: the content was this one between them. What happens
   * meanwhile to anything but size and modification time does not matter, and is for the next look at the file to find.
   */
  async #readOnceMore(checksum: string): Promise<void> {
    const before = fingerprintOfState(this.#opened);
    if ((await this.#checksumOfAll(this.#running.algorithm)) !== checksum) {
      throw new ChangedError("its content changed while it was read, though not its size and time");
    }
    this.#fingerprint = before;
    this.#isInDoubt = false;
  }

  async #checksumOfAll(algorithm: Algorithm, between?: () => Promise<void>): Promise<string> {
    // What is held is what was read before: it would be compared with itself.
    if (this.#isInDoubt) this.#hold(undefined);
    const running = new RunningChecksum(algorithm);
    const { size } = this.#fingerprint;
    const buffer = Buffer.allocUnsafeSlow(Math.min(hashStepBytes, size));
    for (let offset = 0; offset < size; offset += buffer.length) {
      const bytes = buffer.subarray(0, Math.min(buffer.length, size - offset));
      await this.#fill(bytes, offset);
      await running.update(bytes);
      await between?.();
    }
    leaveGarbage(buffer.length);
    await this.compareState();
    return running.value;
  }

  async #hashRest(): Promise<void> {
    const { size } = this.#fingerprint;
    await this.#hashed;
    const buffer = Buffer.allocUnsafeSlow(Math.min(hashStepBytes, size));
    while (this.#hashedTo < size && !this.#closed) {
      const bytes = buffer.subarray(0, Math.min(buffer.length, size - this.#hashedTo));
      await this.#fill(bytes, this.#hashedTo);
      await this.#running.update(bytes);
      this.#hashedTo += bytes.length;
    }
    leaveGarbage(buffer.length);
    await this.compareState();
  }

  async #part(offset: number, length: number, room: () => Buffer): Promise<Buffer> {
    const from = await this.#accessible();
    if (typeof from !== "number") return partOf(from, offset, length);
    const bytes = room();
    await this.#fill(bytes, offset);
    return bytes;
  }

  async #fill(bytes: Buffer, offset: number): Promise<void> {
    for (let at = 0; at < bytes.length; ) {
      const from = await this.#accessible();
      if (typeof from === "number") {
        const count = await this.#use(this.#files.read(this.file, from, bytes, at, offset + at));
        if (count === 0) throw becameShorter();
        at += count;
      } else at += partOf(from, offset + at, bytes.length - at).copy(bytes, at);
    }
  }

  /** What it can be read from: the content of a small file, else a descriptor. */
  async #accessible(): Promise<Buffer | number> {
    const isFresh = performance.now() - this.#readAtMs <= freshMs;
    const held = isFresh ? this.#content?.bytes : undefined;
    return this.#fd ?? held ?? (await this.#openAgain());
  }

  async #openAgain(): Promise<Buffer | number> {
    const opened = await this.#files.open(this.file, true);
    if (!opened) throw new ChangedError("it is gone");
    const { fd, content, state } = opened;
    // Beside the reading it may have been opened again for the checksum.
    if (this.#fd !== undefined && fd !== undefined) await this.#files.close(this.file, fd);
    this.#fd ??= fd;
    const from = this.#fd ?? content?.bytes;
    if (from === undefined) throw new ChangedError("another program keeps it from being read");
    this.#compare(state);
    if (!isSameFile(state, this.#opened) || state.ctime !== this.#opened.ctime) this.#doubt(state);
    this.#hold(content);
    return from;
  }

  #hold(content: Content | undefined): void {
    leaveGarbage(this.#content?.bytes.length ?? 0);
    this.#content = content;
    this.#readAtMs = performance.now();
  }

  async #use<T>(call: Promise<T>): Promise<T> {
    this.#uses.add(call);
    try {
      return await call;
    } finally {
      this.#uses.delete(call);
    }
  }

  /** With each chunk: no texts are made for it. */
  #compare({ size, mtime }: FileState): void {
    const { state } = this.#first;
    if (size !== state.size || mtime !== state.mtime) throw new ChangedError("it changed while it was read");
  }

  #doubt(state: FileState): void {
    this.#opened = state;
    this.#isInDoubt = true;
  }
}

function partOf(content: Buffer, offset: number, length: number): Buffer {
  if (content.length < offset + length) throw becameShorter();
  return content.subarray(offset, offset + length);
}

function isSameFile(a: FileState, b: FileState): boolean {
  return a.device === b.device && a.inode === b.inode;
}
