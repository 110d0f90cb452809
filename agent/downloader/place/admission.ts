/**
 * Which versions there is room for. The others are parked: their chunks are not placed, and all that is kept of them is an
 * entry in memory. The ledger knows that they were sent, and they are read again once they fit.
 */
import type { DownloaderConfig } from "../../config/config.ts";
import { maxOutstanding } from "../../ledger/group/outstanding.ts";
import { BoundedMap } from "../../lib/bounded-map.ts";
import { RareWarnings } from "../../observe/rare-warnings.ts";
import type { Reporting } from "../../observe/reporting.ts";
import { type Chunk, chunkKey, type VersionId } from "../../wire/chunk.ts";
import type { Store } from "../store/store.ts";
import { fieldsOf, nameOf } from "../version-label.ts";
import { DiskSpace, type Occupant } from "./disk-space.ts";

/** Which version, and in which partition of the topic it is. */
type Placed = VersionId & { readonly partition: number };
/** A version that waits for room, and how many bytes it needs. */
export type Parked = Placed & { readonly bytes: number };

interface Waiting {
  parked: Parked;
  /** When it was heard of last, by the monotonic clock; `isSent`: the ledger said so, it was sent whole. */
  heardAtMs: number;
  isSent: boolean;
}

export interface AdmissionOptions {
  config: DownloaderConfig;
  store: Store;
  reporting: Reporting;
  now(): number;
}

/** At most so many are kept, as many as are known to be missing at most, and so many bytes of their names. */
const maxParked = maxOutstanding;
const maxNameBytes = 4 << 20;
/** What was sent is checked every second, for as long as it is this member's. */
const sentMs = 30_000;
/** What is being sent is kept as long as chunks of it come. One may take a while; a stranger's version may never end. */
const beingSentMs = 600_000;

export class Admission {
  readonly #options: AdmissionOptions;
  readonly #space: DiskSpace;
  readonly #warnings: RareWarnings;
  /** By file. */
  readonly #parked = new BoundedMap<string, Waiting>(maxParked, {
    most: maxNameBytes,
    of: (key) => key.length,
  });

  /** @param occupants what is being put together, and needs its own room */
  constructor(options: AdmissionOptions, occupants: () => Iterable<Occupant>) {
    this.#options = options;
    const { store, config, now } = options;
    this.#space = new DiskSpace({
      freeBytes: () => store.freeBytes(),
      blockBytes: () => store.blockBytes(),
      minFreeBytes: config.minFreeBytes,
      occupants,
      now,
    });
    this.#warnings = new RareWarnings(options.reporting.log);
  }

  get parkedCount(): number {
    return this.#parked.size;
  }

  *parked(): Generator<Parked> {
    for (const { parked } of this.#parked.values()) yield parked;
  }

  isParked(id: VersionId): boolean {
    return this.#parked.get(chunkKey(id))?.parked.version === id.version;
  }

  /** Whether the version may be put together; else it is parked. Throws what the file system throws. */
  async admits(chunk: Chunk, partition: number, begun: Occupant | undefined): Promise<boolean> {
    if (begun && !this.#space.hasLapsed(begun)) return true;
    const bytes = begun?.bytesMissing ?? chunk.size;
    const fits = await this.#space.fits(bytes);
    if (!fits) this.#park({ ...idOf(chunk), partition }, bytes, false);
    return fits;
  }

  /** The version has begun. */
  begun({ uploader, path, size }: Chunk): void {
    this.#parked.delete(chunkKey({ uploader, path }));
    this.#space.reserve(size);
  }

  /**
   * Whether so many bytes of a version that was sent would fit by now; it is parked if not, and not if so. Throws what the
   * file system throws.
   *
   * @param promisedBytes room that was promised to versions which have not begun
   */
  async hasRoomFor(id: Placed, bytes: number, promisedBytes: number): Promise<boolean> {
    const fits = await this.#space.fitted(promisedBytes + bytes);
    if (fits) this.#parked.delete(chunkKey(id));
    else if (bytes > 0) this.#park(id, bytes, true);
    return fits;
  }

  /** Nobody waits for the version any more. */
  remove(id: VersionId): void {
    if (this.isParked(id)) this.#parked.delete(chunkKey(id));
  }

  /** Removes what nothing was heard of for long: its uploader has given it up, or it is another member's. */
  removeSilent(): void {
    const nowMs = this.#options.now();
    for (const [key, { heardAtMs, isSent }] of this.#parked)
      if (nowMs - heardAtMs > (isSent ? sentMs : beingSentMs)) this.#parked.delete(key);
  }

  #park(placed: Placed, bytes: number, isSent: boolean): void {
    const id = { ...idOf(placed), partition: placed.partition };
    const key = chunkKey(id);
    const isNew = !this.isParked(id);
    this.#parked.set(key, { parked: { ...id, bytes }, heardAtMs: this.#options.now(), isSent });
    if (isNew) this.#report(id, bytes);
  }

  #report(id: VersionId, bytes: number): void {
    const { observer, log } = this.#options.reporting;
    observer.metrics.file("parked");
    const why = `there is no room for ${bytes} bytes of it beside downloader.min_free and what others need`;
    const line = `${nameOf(id)}: parked: ${why}; it is fetched once there is`;
    log.debug(line, { ...fieldsOf(id), bytes });
    this.#warnings.warn("parked", line);
  }
}

/** Nothing more: a chunk has its bytes. */
function idOf({ uploader, path, version }: VersionId): VersionId {
  return { uploader, path, version };
}
