/**
 * Making files survive a power cut. A rename is atomic but says nothing about when it, or the bytes it names, reach
 * the disk: that takes a sync of the file before it and of the folder after it. Linux says so in fsync(2).
 */
import { constants } from "node:fs";
import { type FileHandle, open, rename } from "node:fs/promises";

export type SyncFileSystem = (fd: number) => Promise<void>;

/** More files than this are made durable by one sync of their file system, which costs as much as a few of theirs. */
const fewFiles = 8;

export class DurableFiles {
  readonly #syncFileSystem: SyncFileSystem;

  /** @param syncFileSystem syncfs(2), for the file system that the descriptor is on */
  constructor(syncFileSystem: SyncFileSystem) {
    this.#syncFileSystem = syncFileSystem;
  }

  /** Files or folders, all on one file system: what was written to them is on disk when this resolves. */
  async sync(paths: readonly (string | Buffer)[]): Promise<void> {
    if (paths.length > fewFiles)
      return withFile(paths[0] as string | Buffer, (file) => this.#syncFileSystem(file.fd));
    for (const path of paths) await withFile(path, (file) => file.sync());
  }

  /** Replaces a small file at once and for good: temporary file, sync, rename, sync of the folder. */
  async replace(path: string, content: string, folder: string): Promise<void> {
    const temporary = `${path}.new`;
    const flags = constants.O_WRONLY | constants.O_CREAT | constants.O_TRUNC | constants.O_NOFOLLOW;
    const file = await open(temporary, flags, 0o600);
    try {
      await file.writeFile(content);
      await file.sync();
    } finally {
      await file.close();
    }
    await rename(temporary, path);
    await this.sync([folder]);
  }
}

async function withFile(path: string | Buffer, use: (file: FileHandle) => Promise<void>): Promise<void> {
  const file = await open(path, constants.O_RDONLY | constants.O_NOFOLLOW);
  try {
    await use(file);
  } finally {
    await file.close();
  }
}
