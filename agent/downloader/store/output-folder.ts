/** The output itself: whether it is there, on the same file system as before, writable, and with enough room. It is never made. */
import type { Disk, Found } from "../../lib/disk.ts";
import { AgentError, codeOf, messageOf } from "../../lib/errors.ts";

export class OutputFolder {
  readonly #path: string;
  readonly #inside: string;
  readonly #disk: Disk;
  /** The file system that was opened. */
  #device: number | undefined;

  /** @param inside the folder in it that is written to, once it was made */
  constructor(path: string, inside: string, disk: Disk) {
    this.#path = path;
    this.#inside = inside;
    this.#disk = disk;
  }

  /**
   * Opens it. Throws an `AgentError` that says what is wrong.
   *
   * @param prepare makes what is inside, where it is missing
   */
  open(prepare: () => Promise<void>): Promise<void> {
    return this.#tryIt(async () => {
      this.#device = (await this.#inspect()).device;
      await prepare();
    });
  }

  /** Throws a retryable `AgentError` when nothing can be stored. */
  require(): Promise<void> {
    return this.#tryIt(async () => {
      const { device } = await this.#inspect();
      // What is below the mount point must not be written to.
      if (device !== this.#device)
        throw new AgentError(`output ${this.#path} is another file system than before`, "retryable");
      await this.requireWritable();
    });
  }

  /** Throws a retryable `AgentError` when less is free than is to stay free. */
  async requireRoom(minFreeBytes: number): Promise<void> {
    if ((await this.freeBytes()) >= minFreeBytes) return;
    throw new AgentError(
      `output ${this.#path} has less than downloader.min_free (${minFreeBytes} bytes) left: paused until there is more`,
      "retryable",
    );
  }

  /** Throws a retryable `AgentError` when it can't be written to. */
  async requireWritable(): Promise<void> {
    if (await this.#disk.mayChange(this.#inside)) return;
    const isThere = (await this.#disk.look(this.#inside)) !== undefined;
    const what = isThere ? "can't be written to: paused until it can" : "has lost its .streamsend";
    throw new AgentError(`output ${this.#path} ${what}`, "retryable");
  }

  /** Bytes that are free for the agent on its file system. */
  freeBytes(): Promise<number> {
    return this.#disk.freeBytes(this.#path);
  }

  blockBytes(): Promise<number> {
    return this.#disk.blockBytes(this.#path);
  }

  async #tryIt(attempt: () => Promise<void>): Promise<void> {
    try {
      await attempt();
    } catch (error) {
      if (error instanceof AgentError) throw error;
      throw await this.explain(error);
    }
  }

  /** What a failed call below the output means for all of it. The system does not say whether inodes are missing: this does. */
  async explain(error: unknown): Promise<AgentError> {
    const hasNoInode = codeOf(error) === "ENOSPC" && (await this.#hasNoInode());
    const what = hasNoInode
      ? "no inode is left, though there is space: delete files there, many small ones take them (ENOSPC)"
      : messageOf(error);
    return new AgentError(`output ${this.#path}: ${what}`, "retryable", error);
  }

  #hasNoInode(): Promise<boolean> {
    return this.#disk.freeInodes(this.#path).then(
      (free) => free === 0,
      () => false,
    );
  }

  async #inspect(): Promise<Found> {
    // The output itself may be a link: `/.` is what it leads to.
    const found = await this.#disk.look(`${this.#path}/.`);
    if (found?.kind === "folder") return found;
    const isThere = (await this.#disk.look(this.#path)) !== undefined;
    const what = isThere ? "is no directory" : "is not there: make it, it is never made here";
    throw new AgentError(`output ${this.#path} ${what}`, "retryable");
  }
}
