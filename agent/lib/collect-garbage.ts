/**
 * Bounding garbage in bytes. Every chunk that is consumed is a buffer of its own outside the runtime's heap, and the
 * runtime collects by the heap's growth: at full speed a hundred dead megabytes pile up between two collections.
 * Measured with chunks of 1 MB: 92 MB resident without this, 68 MB with a collection every 8 MB. The
 * downloader, which has a larger heap to look through: 82 MB resident and 3.4 CPU seconds a GB with one every 8 MB, 90 MB
 * and 2.9 with one every 16.
 */
const everyBytes = 16 << 20;
/**
 * What else a record leaves behind: its headers, promises, receipts, and the heap that is not given back for a while.
 * Measured with 10,000 files of 4 KiB, counted as 16 KiB each: peaks of 125 and 127 MB (uploader, downloader); as 128
 * KiB: 93 and 105, for no more CPU than differs from run to run.
 */
const recordBytes = 128 << 10;

export class GarbageBound {
  #bytes = 0;

  /** Counts a record with a value of so many bytes that will be garbage soon; collects when enough have come together. */
  passed(bytes: number): void {
    this.#bytes += bytes + recordBytes;
    if (this.#bytes < everyBytes) return;
    this.#bytes = 0;
    Bun.gc(true);
  }
}
