/**
 * Whether there is room for a version beside what the others still need. Room is kept only for versions that were written to
 * lately: an uploader that went away in the middle of 100 GB must not keep the disk from the others.
 */

/** A version under way, as far as room is concerned. */
export interface Occupant {
  readonly bytesMissing: number;
  /** When it was written to last, by the monotonic clock. */
  readonly placedAtMs: number;
}

export interface DiskSpaceOptions {
  freeBytes(): Promise<number>;
  /** See `Disk`. */
  blockBytes(): Promise<number>;
  minFreeBytes: number;
  occupants(): Iterable<Occupant>;
  now(): number;
}

/** Of most disks. */
const leastBlockBytes = 4096;
/** Of the largest cards. What names more than that is far away, and means how much it likes to have at a time. */
const mostBlockBytes = 256 << 10;
/** For the agent's own notes, without which nothing can be published. */
const notesBytes = 256 << 10;
/** Room is kept for a version until no chunk has come for so long. */
const idleMs = 60_000;
const freshMs = 1000;

export class DiskSpace {
  readonly #options: DiskSpaceOptions;
  /** Room that is not spoken for, as measured last, less what was reserved since. */
  #roomBytes = 0;
  #blockBytes = leastBlockBytes;
  #measuredAtMs = Number.NEGATIVE_INFINITY;

  constructor(options: DiskSpaceOptions) {
    this.#options = options;
  }

  /** Whether so many more bytes did fit a moment ago. Throws what the file system throws. */
  async fitted(bytes: number): Promise<boolean> {
    if (this.#options.now() - this.#measuredAtMs > freshMs) await this.#measure();
    return this.#costOf(bytes) <= this.#roomBytes;
  }

  /** Whether so many more bytes fit now. Throws what the file system throws. */
  async fits(bytes: number): Promise<boolean> {
    if (await this.fitted(bytes)) return true;
    // What was reserved meanwhile may be written by now, or given back.
    await this.#measure();
    return this.#costOf(bytes) <= this.#roomBytes;
  }

  /** Room that was found by `fits` is taken. */
  reserve(bytes: number): void {
    this.#roomBytes -= this.#costOf(bytes);
  }

  /** Whether a version's room has been given to others meanwhile. */
  hasLapsed(occupant: Occupant): boolean {
    return this.#options.now() - occupant.placedAtMs > idleMs;
  }

  async #measure(): Promise<void> {
    const { freeBytes, blockBytes, minFreeBytes, occupants, now } = this.#options;
    const free = await freeBytes();
    this.#blockBytes = Math.min(mostBlockBytes, Math.max(leastBlockBytes, await blockBytes()));
    let needed = 0;
    for (const occupant of occupants())
      if (occupant.bytesMissing > 0 && !this.hasLapsed(occupant))
        needed += this.#costOf(occupant.bytesMissing);
    this.#roomBytes = free - minFreeBytes - notesBytes - needed;
    this.#measuredAtMs = now();
  }

  /**
   * What a file takes: beside its bytes the rest of its last block, and its inode and name, which some file systems have from the same
   * room.
   */
  #costOf(bytes: number): number {
    return (Math.ceil(bytes / this.#blockBytes) + 1) * this.#blockBytes;
  }
}
