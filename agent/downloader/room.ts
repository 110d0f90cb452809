/**
 * Which versions there is room for. Of the others the chunks pass by, and nothing is kept but a line in memory: the ledger
 * knows that they were sent, and they are read again once they fit.
 */
import type { DownloaderConfig } from "../config/config.ts";
import { maxUnsettled } from "../ledger/unsettled.ts";
import type { Log } from "../observe/log.ts";
import type { Observer } from "../observe/observer.ts";
import { type Chunk, chunkKey, type VersionId } from "../wire/chunk.ts";
import { type Occupant, Space } from "./space.ts";
import type { Store } from "./store.ts";
import { fieldsOf, nameOf } from "./version-text.ts";

/** A version that waits for room. */
export type Parked = VersionId & { bytes: number };

export interface RoomOptions {
  config: DownloaderConfig;
  store: Store;
  log: Log;
  observer: Observer;
  now(): number;
}

/** So many are remembered, as many as are known to be missing at most. */
const maxParked = maxUnsettled;

export class Room {
  readonly #options: RoomOptions;
  readonly #space: Space;
  /** By file. */
  readonly #parked = new Map<string, Parked>();

  /** @param occupants what is being put together, and needs its own room */
  constructor(options: RoomOptions, occupants: () => Iterable<Occupant>) {
    this.#options = options;
    const { store, config, now } = options;
    this.#space = new Space({
      freeBytes: () => store.freeBytes(),
      minFreeBytes: config.minFreeBytes,
      occupants,
      now,
    });
  }

  get parked(): ReadonlyMap<string, Parked> {
    return this.#parked;
  }

  isParked(id: VersionId): boolean {
    return this.#parked.get(chunkKey(id))?.version === id.version;
  }

  /** Whether the version may go on to be put together; else it is parked. Throws what the file system throws. */
  async admits(chunk: Chunk, begun: Occupant | undefined): Promise<boolean> {
    if (begun && !this.#space.hasLapsed(begun)) return true;
    const bytes = begun?.bytesMissing ?? chunk.size;
    const fits = await this.#space.fits(bytes);
    if (!fits) this.#park(chunk, bytes);
    return fits;
  }

  /** The version has begun. */
  take({ uploader, path, size }: Chunk): void {
    this.#parked.delete(chunkKey({ uploader, path }));
    this.#space.take(size);
  }

  /**
   * Whether so many bytes of the version would fit by now; it is not parked then. Throws what the file system throws.
   *
   * @param promisedBytes what others were told would fit, and have not begun
   */
  async hasRoomFor(id: VersionId, bytes: number, promisedBytes: number): Promise<boolean> {
    if (!(await this.#space.fitted(promisedBytes + bytes))) return false;
    this.#parked.delete(chunkKey(id));
    return true;
  }

  /** Nobody waits for the version any more. */
  forget(id: VersionId): void {
    if (this.isParked(id)) this.#parked.delete(chunkKey(id));
  }

  #park({ uploader, path, version, size }: Chunk, bytes: number): void {
    const id = { uploader, path, version };
    if (this.isParked(id)) return;
    const [oldest] = this.#parked.keys();
    if (this.#parked.size >= maxParked && oldest !== undefined) this.#parked.delete(oldest);
    this.#parked.set(chunkKey(id), { ...id, bytes });
    this.#options.observer.metrics.file("parked");
    const why = `there is no room for its ${size} bytes beside downloader.min_free and what others need`;
    this.#options.log.warn(`${nameOf(id)}: parked: ${why}; it is fetched once there is`, {
      ...fieldsOf(id),
      bytes: size,
    });
  }
}
