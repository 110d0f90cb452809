/**
 * From records to verified files: the versions that are being put together, and what each record does to them.
 * Placing runs beside reading, bounded in bytes; the durable point takes a snapshot between two placements.
 */
import type { DownloaderConfig } from "../config/config.ts";
import type { IncomingRecord } from "../kafka/log-reader.ts";
import type { GroupLedger } from "../ledger/group-ledger.ts";
import type { Fields, Log } from "../observe/log.ts";
import { RareWarnings } from "../observe/rare-warnings.ts";
import { type Chunk, chunkKey, decodeRecord, type VersionId } from "../wire/chunk.ts";
import { pathToDisplay } from "../wire/path.ts";
import type { Finished } from "./durable-point.ts";
import type { Partial, Placed } from "./partial.ts";
import type { ParkedRecord, Store } from "./store.ts";

export interface AssemblyOptions {
  config: DownloaderConfig;
  store: Store;
  ledger: GroupLedger;
  topicId: string;
  log: Log;
  logChunks: boolean;
  /** A version whose beginning, or middle, was read by another member or before a loss: read it again. */
  onGap(partial: Partial, record: IncomingRecord): void;
}

/** Changes since the last snapshot. */
export interface Changes {
  finished: Finished[];
  changed: Partial[];
  dropped: Partial[];
  parked: ParkedRecord[] | undefined;
}

/** What has come and is not on its way to the disk yet. */
const maxPlacingBytes = 2 << 20;
const maxPlacing = 16;

export class Assembly {
  readonly #options: AssemblyOptions;
  /** By file, the newest version of each that was begun. */
  readonly #partials = new Map<string, Partial>();
  readonly #placing = new Set<Promise<void>>();
  #placingBytes = 0;
  #failure: unknown;
  #finished: Finished[] = [];
  #changed = new Set<Partial>();
  #dropped: Partial[] = [];
  #parked: ParkedRecord[];
  #parkedChanged = false;
  readonly #verifying = new Set<Promise<void>>();
  #placedBytes = 0;
  #lostCount = 0;
  readonly #refused = new Set<string>();
  readonly #warnings: RareWarnings;

  constructor(options: AssemblyOptions, restored: readonly Partial[], parked: readonly ParkedRecord[]) {
    this.#options = options;
    this.#warnings = new RareWarnings(options.log);
    this.#parked = [...parked];
    for (const partial of restored) this.#restore(partial);
  }

  /** Unfinished versions. */
  get unfinished(): Iterable<Partial> {
    return this.#partials.values();
  }

  /** Verified versions that wait for the durable point. */
  get finishedCount(): number {
    return this.#finished.length;
  }

  /** Bytes written since the last snapshot. */
  get placedBytes(): number {
    return this.#placedBytes;
  }

  get hasChanges(): boolean {
    return this.#finished.length + this.#changed.size + this.#dropped.length > 0 || this.#parkedChanged;
  }

  /** Versions that failed verification or were refused since the start. */
  get lostCount(): number {
    return this.#lostCount;
  }

  /** Takes a record; resolves when the next one may come. Throws what a placement has thrown. */
  async take(record: IncomingRecord): Promise<void> {
    const decoded = decodeRecord(record.headers, record.value);
    const where = `partition ${record.partition}, offset ${record.offset}`;
    switch (decoded.kind) {
      case "chunk":
        return this.#takeChunk(decoded, record);
      case "abandoned":
        return this.#abandon(decoded, decoded.reason);
      case "foreign":
        return this.#warnings.warn("foreign", `a record that is no chunk was skipped (${where})`);
      case "broken":
        return this.#warnings.warn("broken", `a broken chunk was skipped: ${decoded.reason} (${where})`);
      case "refused":
        return this.#refuse(decoded, where);
      case "corrupt":
        return this.#warnings.warn(
          "corrupt",
          `${nameOf(decoded)}: a corrupt chunk was skipped: its CRC-32 does not fit (${where})`,
        );
      case "newer":
        return this.#park(record, decoded.what);
    }
  }

  /** Takes a record that is read again for the sake of one version, and is of no interest otherwise. */
  async takeOnly(partial: Partial, record: IncomingRecord): Promise<void> {
    if (record.key?.toString("utf8") !== chunkKey(partial.id) || !this.#isCurrent(partial)) return;
    const decoded = decodeRecord(record.headers, record.value);
    if (decoded.kind === "chunk" && decoded.version === partial.id.version)
      await this.#takeChunk(decoded, record);
  }

  /** Waits until nothing is being placed. Throws what a placement has thrown. */
  async settled(): Promise<void> {
    while (this.#placing.size > 0) await Promise.all(this.#placing);
    this.throwFailure();
  }

  /** Whether nothing is being placed or verified. */
  get idle(): boolean {
    return this.#placing.size + this.#verifying.size === 0;
  }

  /** Ends what still runs: the files are another session's from now on. */
  async end(): Promise<void> {
    for (const partial of this.#partials.values()) partial.stop();
    await Promise.all([...this.#placing, ...this.#verifying]);
  }

  /** All changes since the last call. Nothing may be being placed. */
  takeChanges(): Changes {
    const changes = {
      finished: this.#finished,
      changed: [...this.#changed],
      dropped: this.#dropped,
      parked: this.#parkedChanged ? [...this.#parked] : undefined,
    };
    this.#finished = [];
    this.#changed = new Set();
    this.#dropped = [];
    this.#parkedChanged = false;
    this.#placedBytes = 0;
    return changes;
  }

  /** The versions are published, or never will be. */
  forget(finished: readonly Finished[]): void {
    for (const { partial } of finished) {
      const key = chunkKey(partial.id);
      if (this.#partials.get(key) === partial) this.#partials.delete(key);
    }
  }

  /** What is parked in these partitions (of the topic as it is now): it is about to be read again. */
  unpark(partitions: ReadonlyMap<number, number>): ParkedRecord[] {
    const isTaken = ({ topic, partition }: ParkedRecord) =>
      topic === this.#options.topicId && partitions.has(partition);
    const taken = this.#parked.filter(isTaken);
    this.#parked = this.#parked.filter((record) => !isTaken(record));
    this.#parkedChanged ||= taken.length > 0;
    return taken;
  }

  async #takeChunk(chunk: Chunk, record: IncomingRecord): Promise<void> {
    const newest = this.#options.ledger.newestDelivered(chunk);
    if (newest !== undefined && newest >= chunk.version) return;
    const partial = this.#partialFor(chunk, record);
    if (!partial?.wants(chunk)) return;
    const bytes = chunk.value.length;
    this.#placingBytes += bytes;
    this.#placedBytes += bytes;
    const placing = this.#track(this.#placing, this.#place(partial, chunk, record));
    void placing.then(() => {
      this.#placingBytes -= bytes;
    });
    while (this.#placing.size >= maxPlacing || this.#placingBytes > maxPlacingBytes)
      await Promise.race(this.#placing);
    this.throwFailure();
  }

  /** The version's partial, begun if it is new; none for a version that is older than the one at hand. */
  #partialFor(chunk: Chunk, record: IncomingRecord): Partial | undefined {
    const key = chunkKey(chunk);
    const known = this.#partials.get(key);
    if (known?.id.version === chunk.version) return known.size === chunk.size ? known : undefined;
    if (known && known.id.version > chunk.version) return undefined;
    if (known) this.#drop(known);
    const { uploader, path, version, size, from, algorithm } = chunk;
    const note = { uploader, path, version, size, mtime: String(chunk.mtime), from, algorithm, coverage: [] };
    const partial = this.#options.store.partial(note);
    this.#partials.set(key, partial);
    if (chunk.offset > 0) this.#options.onGap(partial, record);
    return partial;
  }

  async #place(partial: Partial, chunk: Chunk, record: IncomingRecord): Promise<void> {
    const placed = await partial.place(chunk);
    if (!this.#isCurrent(partial)) return;
    this.#changed.add(partial);
    this.#logChunk(chunk, placed);
    if (placed.final) this.#track(this.#verifying, this.#verify(partial));
    else if (chunk.checksum !== undefined && !partial.complete) this.#options.onGap(partial, record);
  }

  /** Beside everything else: after a restart the whole of a large file is read again for its checksum. */
  async #verify(partial: Partial): Promise<void> {
    const { config, store, ledger, log } = this.#options;
    const checksum = await partial.computedChecksum().catch((error: unknown) => {
      // It was superseded, and its file removed, while it was read.
      if (this.#isCurrent(partial)) throw error;
    });
    if (checksum === undefined || !this.#isCurrent(partial)) return;
    if (checksum === partial.checksum) {
      await partial.prepare(config.fileMode, config.keepMtime);
      if (this.#isCurrent(partial)) this.#finished.push({ partial, checksum });
      return;
    }
    const place = await store.quarantine(partial);
    this.#changed.delete(partial);
    this.#partials.delete(chunkKey(partial.id));
    this.#lostCount++;
    const reason = `its ${checksum} is not the uploader's ${partial.checksum}`;
    log.error(
      `${nameOf(partial.id)}: failed: ${reason}; never published, kept as ${place}`,
      fieldsOf(partial.id),
    );
    await ledger.writeFailed(partial.id, reason);
  }

  #isCurrent(partial: Partial): boolean {
    return this.#partials.get(chunkKey(partial.id)) === partial;
  }

  /** Runs something beside the reading; its failure is thrown by the next `take`. */
  #track(running: Set<Promise<void>>, work: Promise<void>): Promise<void> {
    const tracked = work
      .catch((error: unknown) => {
        this.#failure ??= error;
      })
      .finally(() => running.delete(tracked));
    running.add(tracked);
    return tracked;
  }

  /** Throws what a placement or a verification has thrown. */
  throwFailure(): void {
    if (this.#failure !== undefined) throw this.#failure;
  }

  #restore(partial: Partial): void {
    const key = chunkKey(partial.id);
    const other = this.#partials.get(key);
    const delivered = this.#options.ledger.newestDelivered(partial.id) ?? 0;
    if (delivered >= partial.id.version || (other && other.id.version > partial.id.version)) {
      this.#dropped.push(partial);
      return;
    }
    if (other) this.#dropped.push(other);
    this.#partials.set(key, partial);
    if (partial.complete) this.#track(this.#verifying, this.#verify(partial));
  }

  #abandon(id: VersionId, reason: string): void {
    const partial = this.#partials.get(chunkKey(id));
    if (partial?.id.version !== id.version) return;
    this.#options.log.info(`${nameOf(id)}: given up by the uploader: ${reason}`, fieldsOf(id));
    this.#drop(partial);
    this.#partials.delete(chunkKey(id));
  }

  #drop(partial: Partial): void {
    this.#changed.delete(partial);
    this.#finished = this.#finished.filter((finished) => finished.partial !== partial);
    this.#dropped.push(partial);
  }

  #refuse(refused: { uploader: string; path: string; reason: string }, where: string): void {
    const name = nameOf(refused);
    if (this.#refused.has(name) || this.#refused.size >= maxRefusedNames) return;
    this.#refused.add(name);
    this.#lostCount++;
    this.#options.log.error(`${name}: refused: ${refused.reason} (${where})`);
  }

  #park(record: IncomingRecord, what: string): void {
    const { topicId } = this.#options;
    this.#parked.push({ topic: topicId, partition: record.partition, offset: record.offset, what });
    this.#parkedChanged = true;
    this.#warnings.warn(
      "newer",
      `a record of a newer version (${what}) is parked until this agent is upgraded (partition ${record.partition}, offset ${record.offset})`,
    );
  }

  #logChunk(chunk: Chunk, placed: Placed): void {
    if (!this.#options.logChunks) return;
    const what = placed.final ? "final" : placed.first ? "first" : "appended";
    const number = `${padded(chunk.index)}/${padded(chunk.count)}`;
    this.#options.log.info(
      `${nameOf(chunk)} (${number}): ${what} chunk, downloaded: ${placed.totalBytes} bytes`,
    );
  }
}

/** As many refused names are remembered, so that each is logged once. */
const maxRefusedNames = 1000;

function nameOf(file: { uploader: string; path: string }): string {
  return pathToDisplay(chunkKey(file));
}

function fieldsOf({ uploader, path, version }: VersionId): Fields {
  return { uploader, path, version };
}

function padded(count: number): string {
  return String(count).padStart(5, "0");
}
