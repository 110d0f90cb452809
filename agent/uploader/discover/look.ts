/**
 * Looking at what is below a watch, through the native layer: some hundred files at a time, in one buffer that is used again, so
 * that a file costs nothing until it is asked for. No link on the way is followed. Names are bytes.
 */
import { getSystemErrorMap } from "node:util";
import type { SeenNumbers } from "../../ledger/uploader/file-rows.ts";
import type { PathKey } from "../../ledger/uploader/path-key.ts";
import { leaveGarbage } from "../../lib/garbage.ts";
import type { NativeLook } from "../../lib/native-folders.ts";
import { pathToBytes } from "../../wire/path.ts";
import type { Watch } from "../access/watch.ts";

/** What a look sees of a file; times in nanoseconds since 1970. */
export interface FileStats {
  readonly size: bigint;
  readonly mtimeNs: bigint;
  readonly ctimeNs: bigint;
  readonly ino: bigint;
  readonly dev: bigint;
}

/** A hash of a path with what was seen of it, in two halves. */
export interface Mark {
  readonly low: number;
  readonly high: number;
}

/** What stands somewhere. gone: nothing, or out of reach of a look, behind a link. other: a link or a special file. */
export type Kind = "file" | "folder" | "other" | "gone" | "unreadable";

const bufferBytes = 64 << 10;
const folderRecord = 1;
const kinds: readonly (Kind | undefined)[] = [
  undefined,
  undefined,
  "file",
  "folder",
  "unreadable",
  "other",
  "gone",
];
const folderHeaderBytes = 16;
const entryHeaderBytes = 80;
const none = Buffer.alloc(0);

/** A record in the buffer, where it stands: what is read of it is valid until the next one is taken. */
export class LookRecord implements SeenNumbers {
  readonly #buffer: Buffer;
  readonly #view: DataView;
  #at = 0;
  #next = 0;

  constructor(buffer: Buffer) {
    this.#buffer = buffer;
    this.#view = new DataView(buffer.buffer, buffer.byteOffset, buffer.length);
  }

  /** To the first one, of a buffer that was just filled. */
  rewind(): void {
    this.#next = 0;
  }

  /** To the next one; false: there is none. */
  advance(filledBytes: number): boolean {
    if (this.#next >= filledBytes) return false;
    this.#at = this.#next;
    this.#next += this.#headerBytes + ((this.#length + 7) & ~7);
    return true;
  }

  get isFolder(): boolean {
    return this.#view.getUint32(this.#at, true) === folderRecord;
  }

  /** Of a folder: why it could not be opened or read; 0: it could. */
  get folderError(): number {
    return this.#view.getInt32(this.#at + 8, true);
  }

  /** Of a folder: by which its events are known; not more than 0: there are none, and why. */
  get watchDescriptor(): number {
    return this.#view.getInt32(this.#at + 12, true);
  }

  get kind(): Kind {
    return kinds[this.#view.getUint32(this.#at, true)] ?? "other";
  }

  /** Of path, size, all times and inode. */
  get all(): Mark {
    return this.#mark(8);
  }

  /** Of path, size and modification time. */
  get content(): Mark {
    return this.#mark(16);
  }

  get error(): number {
    return this.#view.getInt32(this.#at + 72, true);
  }

  get size(): number {
    return this.#wholeNumber(24);
  }

  get mtimeSeconds(): number {
    return this.#wholeNumber(32);
  }

  get mtimeNanoseconds(): number {
    return this.#view.getUint32(this.#at + 40, true);
  }

  get ctimeSeconds(): number {
    return this.#wholeNumber(48);
  }

  get ctimeNanoseconds(): number {
    return this.#view.getUint32(this.#at + 44, true);
  }

  get inodeLow(): number {
    return this.#view.getUint32(this.#at + 56, true);
  }

  get inodeHigh(): number {
    return this.#view.getUint32(this.#at + 60, true);
  }

  get stats(): FileStats {
    const [view, at] = [this.#view, this.#at];
    const nanoseconds = (seconds: bigint, rest: number) => seconds * 1_000_000_000n + BigInt(rest);
    return {
      size: view.getBigUint64(at + 24, true),
      mtimeNs: nanoseconds(view.getBigInt64(at + 32, true), view.getUint32(at + 40, true)),
      ctimeNs: nanoseconds(view.getBigInt64(at + 48, true), view.getUint32(at + 44, true)),
      ino: view.getBigUint64(at + 56, true),
      dev: view.getBigUint64(at + 64, true),
    };
  }

  /** Puts an entry's name behind the key's folder; see `PathKey.setName`. */
  putName(key: PathKey): boolean {
    return key.setName(this.#buffer, this.#at + entryHeaderBytes, this.#length);
  }

  /** A folder's path from the watch, or an entry's name. */
  get name(): Buffer {
    const from = this.#at + this.#headerBytes;
    return this.#buffer.subarray(from, from + this.#length);
  }

  get #length(): number {
    return this.#view.getUint32(this.#at + 4, true);
  }

  get #headerBytes(): number {
    return this.isFolder ? folderHeaderBytes : entryHeaderBytes;
  }

  /** Of 64 bits with a sign; beyond 2^53 it is near enough to be another one than those below. */
  #wholeNumber(offset: number): number {
    const at = this.#at + offset;
    return this.#view.getInt32(at + 4, true) * 2 ** 32 + this.#view.getUint32(at, true);
  }

  #mark(offset: number): Mark {
    const at = this.#at + offset;
    return { low: this.#view.getUint32(at, true), high: this.#view.getUint32(at + 4, true) };
  }
}

/** A look at folders: `next` fills the buffer, `record` goes through it, `enter` has further folders read. */
export class FolderLook {
  readonly #watch: Watch;
  readonly #look: NativeLook;
  readonly #buffer = Buffer.allocUnsafeSlow(bufferBytes);
  readonly record: LookRecord;
  #enter: Buffer[] = [];

  /** @param inotify see `NativeFolders.openLook` */
  constructor(watch: Watch, inotify: number) {
    this.#watch = watch;
    this.#look = watch.folders.openLook(Buffer.from(watch.config.path, "utf8"), inotify);
    this.record = new LookRecord(this.#buffer);
  }

  /** @param path from the watch */
  enter(path: Buffer): void {
    this.#enter.push(path, terminator);
  }

  /** How many bytes of records there are; 0: it is over. */
  async next(): Promise<number> {
    const enter = this.#enter.length === 0 ? none : Buffer.concat(this.#enter);
    this.#enter = [];
    const filled = await this.#watch.access.run(
      () => new Promise<number>((done) => this.#watch.folders.lookOn(this.#look, enter, this.#buffer, done)),
    );
    this.record.rewind();
    return filled;
  }

  close(): void {
    leaveGarbage(bufferBytes);
  }
}

export interface Seen {
  kind: Kind;
  /** When, by the monotonic clock. */
  seenMs: number;
  stats: FileStats;
  all: Mark;
  content: Mark;
  /** Why it could not be looked at. */
  error: number;
}

/** What stands at these paths (as text) below the watch, in their order. */
export async function lookAtPaths(watch: Watch, relatives: readonly string[]): Promise<Seen[]> {
  const root = Buffer.from(watch.config.path, "utf8");
  const seen: Seen[] = [];
  const buffer = Buffer.allocUnsafeSlow(relatives.length * entryHeaderBytes);
  const record = new LookRecord(buffer);
  const paths = Buffer.concat(relatives.flatMap((relative) => [pathToBytes(relative), terminator]));
  const filled = await watch.access.run(
    () => new Promise<number>((done) => watch.folders.lookAtPaths(root, paths, buffer, done)),
  );
  const seenMs = performance.now();
  while (record.advance(filled)) {
    const { kind, stats, all, content, error } = record;
    seen.push({ kind, seenMs, stats, all, content, error });
  }
  leaveGarbage(buffer.length);
  return seen;
}

/** A failed call's number as the error that Node would have thrown. */
export function systemError(errno: number, syscall: string): NodeJS.ErrnoException {
  const [code, text] = getSystemErrorMap().get(-errno) ?? [`errno ${errno}`, "unknown error"];
  return Object.assign(new Error(`${code}: ${text}, ${syscall}`), { code, errno: -errno, syscall });
}

const terminator = Buffer.from([0]);
