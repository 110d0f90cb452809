/**
 * A file system as the agent uses it where it stores something: `local-disk.ts` is the real one, the model test has
 * another that forgets in a crash what was not synced. Nothing here follows a symbolic link at a path's end.
 */
export type FilePath = string | Buffer;

/** An open file, read and written at positions. */
export interface DiskFile {
  /** Returns how many bytes there were, 0 at the end. */
  read(buffer: Buffer, length: number, position: number): Promise<number>;
  write(bytes: Buffer, position: number): Promise<void>;
  /**
   * Puts zeros from there to there, without space for them where the file system has holes. Returns whether it did: not when
   * the file already has something there.
   */
  extend(from: number, to: number): Promise<boolean>;
  /** As far as the file system has modes. */
  chmod(mode: number): Promise<void>;
  close(): Promise<void>;
}

/** What a file has when it is whole, as far as its file system has such. */
export interface FileEnd {
  mode: number;
  /** Of its last modification, nanoseconds since 1970; undefined: when it was written. */
  mtime: bigint | undefined;
}

/** What stands at a path. */
export interface Found {
  kind: "file" | "folder" | "link" | "other";
  /** Bytes. */
  size: number;
  /** Which file system it is on, and which file of that it is. */
  device: number;
  inode: number;
  /** When it was changed last, milliseconds since 1970. */
  changedMs: number;
}

/** A lock on a file, or who else has that. */
export interface FileLock {
  /** What was said of whoever else has it; undefined: this process has. */
  readonly takenBy: string | undefined;
  /** Whether it is said who has it: there may have been no room for that. */
  readonly isTold: boolean;
  /** Whether the file system knows locks: where it knows none nobody is kept out. */
  readonly isReal: boolean;
  release(): Promise<void>;
}

/** All of it throws what the file system throws, with its `code`. */
export interface Disk {
  /** For reading and writing, which its mode may forbid until then. @param make whether it is made if it is missing */
  open(path: FilePath, make: boolean): Promise<DiskFile>;
  /** `undefined`: nothing is there. */
  look(path: FilePath): Promise<Found | undefined>;
  list(folder: FilePath): Promise<string[]>;
  /** `undefined`: nothing is there. */
  readText(path: FilePath): Promise<string | undefined>;
  /** Bytes that are free for the agent on the file system of the path. */
  freeBytes(path: FilePath): Promise<number>;
  /** Bytes in which room is given to a file there, as far as the file system says. */
  blockBytes(path: FilePath): Promise<number>;
  /** Files that can still be made there; undefined: as many as there is space for. */
  freeInodes(path: FilePath): Promise<number | undefined>;
  /** Whether the agent may make and rename entries of the folder. */
  mayChange(folder: FilePath): Promise<boolean>;
  /**
   * Locks a file until it is released or the process ends, however that comes. Neither changes the file.
   *
   * @param holders a folder that is made where it is missing; the name of the only entry there is what is said
   * @param self says who has it, for whoever finds it locked
   */
  lock(path: FilePath, holders: string, self: string): Promise<FileLock>;
  /**
   * Makes a file of these bytes and no others, however much of it was there, in one go with all that it has in the end; durable
   * after a `sync`. Returns its inode. What was written stays when it fails. The bytes are taken before this returns.
   */
  storeWhole(path: FilePath, bytes: Buffer, end: FileEnd): Promise<number>;
  /** Writes a small file whole; durable after a `sync`. */
  writeText(path: FilePath, text: string): Promise<void>;
  /** As far as the file system has such times. @param nanoseconds since 1970 */
  setModificationTime(path: FilePath, nanoseconds: bigint): Promise<void>;

  /** Files or folders, all on one file system: what was written to them is there after a crash when this resolves. */
  sync(paths: readonly FilePath[]): Promise<void>;
  rename(from: FilePath, to: FilePath): Promise<void>;
  /** A second name for a file. */
  link(file: FilePath, name: FilePath): Promise<void>;
  /** No error when nothing is there. */
  remove(path: FilePath): Promise<void>;
  /** With these permissions, as far as the file system has any, whatever the process's umask is. */
  makeFolder(path: FilePath, mode: number): Promise<void>;
}

/**
 * Replaces a small file at once and for good: temporary file, sync, rename, sync of the folder.
 *
 * @param beside something else in the folder, that the same sync is for
 */
export async function replaceFile(
  disk: Disk,
  path: string,
  text: string,
  folder: string,
  beside?: () => Promise<void>,
): Promise<void> {
  const temporary = `${path}.new`;
  await disk.writeText(temporary, text);
  await putInPlace(disk, temporary, path, folder, beside);
}

/** Gives a file that was just written the name of another one, for good; `beside`, the folder: see `replaceFile`. */
export async function putInPlace(
  disk: Disk,
  temporary: string,
  path: string,
  folder: string,
  beside?: () => Promise<void>,
): Promise<void> {
  await disk.sync([temporary]);
  await disk.rename(temporary, path);
  await beside?.();
  await disk.sync([folder]);
}
