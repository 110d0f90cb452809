/**
 * Files below a folder, by descriptors and without following a link on the way (scripts/native/below.h): what was looked at
 * is what is opened, moved or deleted, whatever other programs put in its place meanwhile. Each call is one of a thread of
 * its own, which a mount that does not answer keeps.
 */
import { close, read } from "node:fs";
import type { Effects } from "./effects.ts";
import { timespecOf } from "./file-times.ts";

type Answer = (error: NodeJS.ErrnoException | null, numbers: Buffer) => void;

/** The addon's calls, as scripts/native has them. Paths are bytes. */
export interface NativeFiles {
  openBelow(root: Buffer, relative: Buffer, mostBytes: number, trusting: boolean, answer: Answer): void;
  lookBelow(root: Buffer, relative: Buffer, fd: number, answer: Answer): void;
  removeBelow(root: Buffer, relative: Buffer, expected: Buffer, trusting: boolean, answer: Answer): void;
  moveBelow(
    root: Buffer,
    relative: Buffer,
    expected: Buffer,
    trusting: boolean,
    targetRoot: Buffer,
    target: Buffer,
    answer: Answer,
  ): void;
  makeFoldersBelow(root: Buffer, relative: Buffer, answer: Answer): void;
  listWriters(answer: Answer): void;
}

/** A folder, and something below it. */
export interface Place {
  root: Buffer;
  relative: Buffer;
}

/** What tells files and their states from each other. Times are nanoseconds since 1970. */
export interface FileState {
  device: bigint;
  inode: bigint;
  mode: bigint;
  /** Bytes. */
  size: bigint;
  mtime: bigint;
  ctime: bigint;
}

/** Whether somebody has a file open for writing; unknown: the system does not tell. */
export type Writers = "none" | "some" | "unknown";

/** A regular file that was opened for reading. */
export interface OpenedFile {
  /** `undefined`: it is small, and not left open; or another program keeps it from being opened, as it has it open itself. */
  fd: number | undefined;
  state: FileState;
  writers: Writers;
  /** Of a small file, if it was read. */
  content: Content | undefined;
}

/** A small file's content, and what was seen after it was read. */
export interface Content {
  /** Fewer than its size: it became shorter while it was read. */
  bytes: Buffer;
  /** What stood at its path, if anything. */
  there: FileState | undefined;
  /** What the file that was read was like. */
  opened: FileState;
}

/**
 * What became of a file that was to go. done: it is gone. other: another file stands there, or another state of it, or
 * nothing. open: somebody has it open for writing. unknown: whether somebody has can't be told, and nothing was done.
 * taken: the new name is not free. noFolder: the new name's folder is not there. putBack: what was moved had just become
 * another file or state, and has its name again. misplaced: it could not get that back.
 */
export type Outcome = (typeof outcomes)[number];

/** A state that a file has to have. */
export interface Expected {
  size: number;
  /** Nanoseconds since 1970, as text, like all that follows. */
  mtime: string;
  ctime: string;
  inode: string;
}

const outcomes = ["done", "other", "open", "unknown", "taken", "noFolder", "putBack", "misplaced"] as const;
const writersWords = ["none", "some", "unknown"] as const;
const stateNumbers = 8;
const numberBytes = 8;
/** See `Seen` in scripts/native/open_below.cc. */
const seenNothing = 0;
const seenAsOpened = 2;
const billion = 1_000_000_000n;
/** Of `st_mode`, from inode(7). */
const typeMask = 0o170000n;
const regularFile = 0o100000n;
const noDescriptor = -1;

export function isRegularFile({ mode }: FileState): boolean {
  return (mode & typeMask) === regularFile;
}

/** What there is to do with files below a folder: `FilesBelow` is the real one, the model has another. */
export type FileCalls = Pick<FilesBelow, keyof FilesBelow>;

/** All of it throws what the file system throws, with its `code`; about the root itself, too. */
export class FilesBelow {
  readonly #native: NativeFiles;
  readonly #effects: Effects;

  constructor(native: NativeFiles, effects: Effects) {
    this.#native = native;
    this.#effects = effects;
  }

  /**
   * Opens a regular file for reading, or reads all of it, if it is small: one call of a thread instead of four. `undefined`:
   * there is none, or a link is on the way.
   *
   * @param mostBytes what is no larger is small
   * @param trusting a small file is read whoever has it open for writing; else only if it is sure that nobody has
   */
  async open(place: Place, mostBytes: number, trusting: boolean): Promise<OpenedFile | undefined> {
    const { root, relative } = place;
    const numbers = await call(place, (answer) =>
      this.#native.openBelow(root, relative, mostBytes, trusting, answer),
    );
    const state = stateAt(numbers, 4);
    const fd = Number(numbers[0]) === noDescriptor ? undefined : Number(numbers[0]);
    if (fd === undefined && state.mode === 0n) return undefined;
    const writers = writersWords[Number(numbers[1])] ?? "unknown";
    return { fd, state, writers, content: contentOf(numbers, state) };
  }

  /** What stands there, if anything, and what the file of a descriptor is like by now. */
  async look(
    place: Place,
    fd: number = noDescriptor,
  ): Promise<{ there: FileState | undefined; opened: FileState }> {
    const { root, relative } = place;
    const numbers = await call(place, (answer) => this.#native.lookBelow(root, relative, fd, answer));
    return {
      there: numbers[0] === 0n ? undefined : stateAt(numbers, 1),
      opened: stateAt(numbers, 1 + stateNumbers),
    };
  }

  /** Reads a part. Returns how many bytes there were, 0 at the end. */
  read(fd: number, buffer: Buffer, offset: number, length: number, position: number): Promise<number> {
    return new Promise((resolve, reject) => {
      read(fd, buffer, offset, length, position, (error, count) => (error ? reject(error) : resolve(count)));
    });
  }

  close(fd: number): Promise<void> {
    return new Promise((resolve, reject) => {
      close(fd, (error) => (error ? reject(error) : resolve()));
    });
  }

  /** @param trusting also where it can't be told whether somebody has it open for writing */
  remove(place: Place, expected: Expected, trusting: boolean): Promise<Outcome> {
    const { root, relative } = place;
    return this.#effects.perform("remove", nameOf(place), () =>
      outcome(place, (answer) => this.#native.removeBelow(root, relative, pack(expected), trusting, answer)),
    );
  }

  /** Moves a file to a name that is free, in a folder that is there. @param trusting see `remove` */
  move(from: Place, expected: Expected, trusting: boolean, to: Place): Promise<Outcome> {
    return this.#effects.perform("rename", `${nameOf(from)} to ${nameOf(to)}`, () =>
      outcome(from, (answer) =>
        this.#native.moveBelow(
          from.root,
          from.relative,
          pack(expected),
          trusting,
          to.root,
          to.relative,
          answer,
        ),
      ),
    );
  }

  /**
   * Makes the folders on the way to a name, and the root, if they are missing; not what the root is in. Returns the how
   * manieth on the way is something else, 0: none.
   */
  makeFolders(place: Place): Promise<number> {
    return this.#effects.perform("make folder", nameOf(place), async () => {
      const { root, relative } = place;
      return Number(
        (await call(place, (answer) => this.#native.makeFoldersBelow(root, relative, answer)))[0] ?? 0n,
      );
    });
  }

  /** What the processes that may be looked at have open for writing, without knowing on which device. */
  async listWriters(): Promise<{ inode: bigint; path: string }[]> {
    const numbers = await call(undefined, (answer) => this.#native.listWriters(answer));
    return Array.from({ length: numbers.length / 3 }, (_, at) => ({
      inode: BigInt.asUintN(64, numbers[3 * at] ?? 0n),
      path: `/proc/${numbers[3 * at + 1]}/fd/${numbers[3 * at + 2]}`,
    }));
  }
}

/** @param place what an error is said to be about */
function call(place: Place | undefined, make: (answer: Answer) => void): Promise<BigInt64Array> {
  return new Promise((resolve, reject) => {
    make((error, bytes) => {
      if (error) reject(place ? Object.assign(error, { path: nameOf(place) }) : error);
      else resolve(new BigInt64Array(bytes.buffer, bytes.byteOffset, bytes.length / numberBytes));
    });
  });
}

async function outcome(place: Place, make: (answer: Answer) => void): Promise<Outcome> {
  return outcomes[Number((await call(place, make))[0])] ?? "other";
}

function contentOf(numbers: BigInt64Array, state: FileState): Content | undefined {
  const [count, seen] = [Number(numbers[2]), Number(numbers[3])];
  if (count < 0) return undefined;
  const at = 4 + stateNumbers;
  const isAsOpened = seen === seenAsOpened;
  const contentAt = isAsOpened ? at : at + 2 * stateNumbers;
  const bytes = Buffer.from(numbers.buffer, numbers.byteOffset + contentAt * numberBytes, count);
  if (isAsOpened) return { bytes, there: state, opened: state };
  const there = seen === seenNothing ? undefined : stateAt(numbers, at);
  return { bytes, there, opened: stateAt(numbers, at + stateNumbers) };
}

function stateAt(numbers: BigInt64Array, at: number): FileState {
  const number = (index: number) => numbers[at + index] ?? 0n;
  return {
    device: BigInt.asUintN(64, number(0)),
    inode: BigInt.asUintN(64, number(1)),
    mode: number(2),
    size: number(3),
    mtime: number(4) * billion + number(5),
    ctime: number(6) * billion + number(7),
  };
}

function pack({ size, mtime, ctime, inode }: Expected): Buffer {
  // What an entry of the ledger has there may be no number: then no file has it.
  const number = /^\d{1,20}$/.test(inode) ? BigInt.asIntN(64, BigInt(inode)) : 0n;
  const numbers = [number, BigInt(size), ...timespecOf(BigInt(mtime)), ...timespecOf(BigInt(ctime))];
  return Buffer.from(new BigInt64Array(numbers).buffer);
}

function nameOf({ root, relative }: Place): string {
  return `${root}/${relative}`;
}
