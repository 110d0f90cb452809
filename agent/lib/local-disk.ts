/** The machine's file system. */
import { constants, type Stats } from "node:fs";
import {
  access,
  chmod,
  type FileHandle,
  link,
  lstat,
  mkdir,
  open,
  readdir,
  readFile,
  rename,
  rmdir,
  statfs,
  unlink,
} from "node:fs/promises";
import { join } from "node:path";
import type { Disk, DiskFile, FileEnd, FileLock, FilePath, Found } from "./disk.ts";
import type { Effects } from "./effects.ts";
import { codeOf } from "./errors.ts";
import { type LockState, lockFile } from "./file-lock.ts";
import { setModificationTime, timespecOf } from "./file-times.ts";
import { handOver, LocalFile, type NativeFile, whereThereAreModes } from "./local-file.ts";
import { succeeds } from "./succeeds.ts";

type Answer = (error: NodeJS.ErrnoException | null, numbers: Buffer) => void;

/** What Node's API has no calls for, as scripts/native has it. A failure has `code`, `errno` and `syscall`. */
export interface NativeDisk extends NativeFile {
  /** syncfs(2) on a worker thread, for the file system that `fd` is on. */
  syncFileSystem(fd: number, callback: (error: NodeJS.ErrnoException | null) => void): void;
  /** @param time empty: that of writing */
  storeWhole(path: Buffer, bytes: Buffer, mode: number, time: Buffer, answer: Answer): void;
}

/** More files than this are made durable by one sync of their file system, which costs as much as a few of theirs. */
const fewFiles = 8;
const ownerOnly = 0o600;

export class LocalDisk implements Disk {
  readonly #effects: Effects;
  readonly #native: NativeDisk;
  /**
   * Descriptors of what is locked: open since before the first write. Linux tells each descriptor once of what it could not
   * write back on its file system since that was opened; syncfs(2).
   */
  readonly #held = new Set<{ fd: number; device: number }>();

  constructor(effects: Effects, native: NativeDisk) {
    this.#effects = effects;
    this.#native = native;
  }

  async open(path: FilePath, make: boolean): Promise<DiskFile> {
    const flags = constants.O_RDWR | (make ? constants.O_CREAT : 0) | constants.O_NOFOLLOW;
    try {
      return new LocalFile(await open(path, flags, ownerOnly), this.#native);
    } catch (error) {
      if (codeOf(error) !== "EACCES") throw error;
      // It got its last mode already, before a crash; or it can't be had, for the reason that was given.
      const found = constants.O_RDONLY | constants.O_NOFOLLOW;
      await withFile(path, found, (file) => file.chmod(ownerOnly)).catch(() => {
        throw error;
      });
    }
    return new LocalFile(await open(path, flags, ownerOnly), this.#native);
  }

  look(path: FilePath): Promise<Found | undefined> {
    return orNothing(async () => describe(await lstat(path)));
  }

  list(folder: FilePath): Promise<string[]> {
    return readdir(folder);
  }

  readText(path: FilePath): Promise<string | undefined> {
    return orNothing(() => readFile(path, "utf8"));
  }

  async freeBytes(path: FilePath): Promise<number> {
    const { bavail, bsize } = await statfs(path as string);
    return bavail * bsize;
  }

  async blockBytes(path: FilePath): Promise<number> {
    return (await statfs(path as string)).bsize;
  }

  async freeInodes(path: FilePath): Promise<number | undefined> {
    const { files, ffree } = await statfs(path as string);
    // btrfs and others have no number of them.
    return files === 0 ? undefined : ffree;
  }

  mayChange(folder: FilePath): Promise<boolean> {
    return succeeds(access(folder, constants.W_OK | constants.X_OK));
  }

  async lock(path: FilePath, holders: string, self: string): Promise<FileLock> {
    for (;;) {
      const { file, state } = await openLocked(path);
      try {
        if (state === "taken") {
          const [takenBy = ""] = await readdir(holders).catch(() => []);
          await file.close();
          return { takenBy, isTold: false, isReal: true, release: async () => undefined };
        }
        // It may have been removed since it was opened: what others find there is another one then.
        if ((await file.stat()).nlink > 0) {
          return await this.#hold(file, state === "locked", await tellHolder(holders, self));
        }
        await file.close();
      } catch (error) {
        await file.close();
        throw error;
      }
    }
  }

  async #hold(file: FileHandle, isReal: boolean, isTold: boolean): Promise<FileLock> {
    const held = { fd: file.fd, device: (await file.stat()).dev };
    this.#held.add(held);
    const release = async () => {
      this.#held.delete(held);
      await file.close();
    };
    return { takenBy: undefined, isTold, isReal, release };
  }

  storeWhole(path: FilePath, bytes: Buffer, { mode, mtime }: FileEnd): Promise<number> {
    const name = Buffer.from(path as string);
    const time = Buffer.from(BigInt64Array.from(mtime === undefined ? [] : timespecOf(mtime)).buffer);
    return new Promise((resolve, reject) => {
      this.#native.storeWhole(name, bytes, mode, time, (error, numbers) => {
        if (error) reject(Object.assign(error, { path: String(path) }));
        else resolve(Number(numbers.readBigUInt64LE()));
      });
    });
  }

  async writeText(path: FilePath, text: string): Promise<void> {
    const flags = constants.O_WRONLY | constants.O_CREAT | constants.O_TRUNC | constants.O_NOFOLLOW;
    await withFile(path, flags, async (file) => {
      await file.writeFile(text);
      await handOver(this.#native, file.fd);
    });
  }

  async setModificationTime(path: FilePath, nanoseconds: bigint): Promise<void> {
    // Some file systems have no such times, or let only their owner set them: that is not worth a file.
    setModificationTime(path, nanoseconds);
  }

  async sync(paths: readonly FilePath[]): Promise<void> {
    const [first] = paths;
    if (first === undefined) return;
    if (paths.length <= fewFiles) {
      for (const path of paths) await this.#sync(path, (file) => file.sync());
      return;
    }
    await this.#sync(first, async (file) => {
      const { dev } = await file.stat();
      // One that is opened only now would not be told of what failed before, if somebody else was.
      const held = [...this.#held].find(({ device }) => device === dev);
      await this.#syncFileSystem(held?.fd ?? file.fd);
    });
  }

  #syncFileSystem(fd: number): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#native.syncFileSystem(fd, (error) => (error ? reject(error) : resolve()));
    });
  }

  rename(from: FilePath, to: FilePath): Promise<void> {
    return this.#effects.perform("rename", `${from} to ${to}`, () => rename(from, to));
  }

  link(file: FilePath, name: FilePath): Promise<void> {
    return this.#effects.perform("link", `${file} as ${name}`, () => link(file, name));
  }

  remove(path: FilePath): Promise<void> {
    return this.#effects.perform("remove", String(path), () => orNothing(() => unlink(path)));
  }

  makeFolder(path: FilePath, mode: number): Promise<void> {
    return this.#effects.perform("make folder", String(path), async () => {
      await mkdir(path, { mode });
      await whereThereAreModes(chmod(path, mode));
    });
  }

  #sync(path: FilePath, sync: (file: FileHandle) => Promise<void>): Promise<void> {
    return this.#effects.perform("sync", String(path), () =>
      withFile(path, constants.O_RDONLY | constants.O_NOFOLLOW, sync),
    );
  }
}

function describe(stats: Stats): Found {
  const kind = stats.isFile()
    ? "file"
    : stats.isDirectory()
      ? "folder"
      : stats.isSymbolicLink()
        ? "link"
        : "other";
  return { kind, size: stats.size, device: stats.dev, inode: stats.ino, changedMs: stats.mtimeMs };
}

async function orNothing<T>(look: () => Promise<T>): Promise<T | undefined> {
  try {
    return await look();
  } catch (error) {
    if (codeOf(error) === "ENOENT" || codeOf(error) === "ENOTDIR") return undefined;
    throw error;
  }
}

/**
 * Only for reading: a file that is open for writing would keep its file system from being made read-only. On NFS a lock takes
 * one that is open for writing.
 */
async function openLocked(path: FilePath): Promise<{ file: FileHandle; state: LockState }> {
  const file = await open(path, constants.O_RDONLY | constants.O_NOFOLLOW);
  const state = lockFile(file.fd);
  if (state !== "unsupported") return { file, state };
  const writable = await open(path, constants.O_RDWR | constants.O_NOFOLLOW).catch(() => undefined);
  if (!writable) return { file, state };
  await file.close();
  return { file: writable, state: lockFile(writable.fd) };
}

/** By the name of a folder: no file is written, so that nothing of an output changes when an agent has only started. */
async function tellHolder(holders: string, self: string): Promise<boolean> {
  try {
    await mkdir(holders, { mode: 0o700 }).catch(unless("EEXIST"));
    for (const name of await readdir(holders)) if (name !== self) await rmdir(join(holders, name));
    await mkdir(join(holders, self), { mode: 0o700 }).catch(unless("EEXIST"));
    return true;
  } catch {
    return false;
  }
}

function unless(code: string): (error: unknown) => void {
  return (error) => {
    if (codeOf(error) !== code) throw error;
  };
}

async function withFile(
  path: FilePath,
  flags: number,
  use: (file: FileHandle) => Promise<void>,
): Promise<void> {
  const file = await open(path, flags, ownerOnly);
  try {
    await use(file);
  } finally {
    await file.close();
  }
}
