/**
 * From records to verified files: the versions that are being put together, and what each record does to them.
 * Placing runs beside reading, bounded in bytes; the durable point takes a snapshot between two placements.
 */
import type { DownloaderConfig } from "../../config/config.ts";
import type { IncomingRecord } from "../../kafka/log-reader.ts";
import type { GroupLedger } from "../../ledger/group/group-ledger.ts";
import type { Sent } from "../../ledger/group/outstanding.ts";
import { codeOf } from "../../lib/errors.ts";
import type { Log } from "../../observe/log.ts";
import type { Observer } from "../../observe/observer.ts";
import { RareWarnings } from "../../observe/rare-warnings.ts";
import { type Chunk, chunkKey, type Decoded, decodeRecord, type VersionId } from "../../wire/chunk.ts";
import type { Finished } from "../publish/durable-point.ts";
import type { LedgerWrites } from "../recover/ledger-writes.ts";
import { type Partial, type Placed, UnreadableError } from "../store/partial.ts";
import type { Store } from "../store/store.ts";
import { fieldsOf, nameOf } from "../version-label.ts";
import { Admission, type Parked } from "./admission.ts";
import { Changes } from "./changes.ts";
import type { Interval } from "./coverage.ts";
import type { RejectedRecords } from "./rejected-records.ts";
import { UnfinishedVersions } from "./unfinished-versions.ts";
import { Verification } from "./verification.ts";

export interface AssemblyOptions {
  config: DownloaderConfig;
  store: Store;
  ledger: GroupLedger;
  rejected: RejectedRecords;
  log: Log;
  observer: Observer;
  logChunks: boolean;
  /** Of what may be refused and is owed then. */
  writes: LedgerWrites;
  /** How long the topic keeps chunks. */
  retentionMs: number;
  now(): number;
  /** Publishes what is verified. */
  publish(): Promise<void>;
  /** A version whose beginning, or middle, was read by another member or before a loss: read it again. */
  onGap(partial: Partial, record: IncomingRecord): void;
}

/** What has come and is not on its way to the disk yet. */
const maxPlacingBytes = 2 << 20;
const maxPlacing = 16;
const maxHopeless = 1000;

export class Assembly {
  readonly #options: AssemblyOptions;
  /** Of each file the newest version that was begun. */
  readonly #partials = new UnfinishedVersions<Partial>();
  readonly #placing = new Set<Promise<void>>();
  #placingBytes = 0;
  #failure: unknown;
  readonly #changes = new Changes();
  readonly #verifying = new Set<Promise<void>>();
  readonly #verification: Verification;
  readonly #room: Admission;
  readonly #warnings: RareWarnings;
  /** By file, versions that failed here for good: their chunks may go on coming. */
  readonly #hopeless = new Map<string, number>();
  #failedCount = 0;
  /** By file, what failed here and has no receipt yet. */
  readonly #owed = new Map<string, { id: VersionId; reason: string }>();
  #owedWritten = Promise.resolve();

  constructor(options: AssemblyOptions, restored: readonly Partial[]) {
    this.#options = options;
    this.#verification = new Verification(options.store, options.log);
    this.#room = new Admission(options, () => this.#partials);
    this.#warnings = new RareWarnings(options.log);
    for (const partial of restored) {
      this.#restore(partial);
      options.observer.metrics.recovery("restored");
    }
  }

  /** Unfinished versions. */
  get unfinished(): Iterable<Partial> {
    return this.#partials;
  }

  get unfinishedCount(): number {
    return this.#partials.count;
  }

  /** Bytes that came and are not written yet. */
  get placingBytes(): number {
    return this.#placingBytes;
  }

  /** Versions that wait for room. */
  get parked(): Iterable<Parked> {
    return this.#room.parked();
  }

  get parkedCount(): number {
    return this.#room.parkedCount;
  }

  /** What has happened since the last snapshot. */
  get changes(): Changes {
    return this.#changes;
  }

  /** Versions that failed verification for good since the start. */
  get failedCount(): number {
    return this.#failedCount;
  }

  /** Takes a record; resolves when the next one may come. Throws what a placement has thrown. */
  async take(record: IncomingRecord): Promise<void> {
    if (record.skipped !== undefined) return this.#options.rejected.skip(record.skipped, record);
    const decoded = this.#decode(record);
    if (decoded.kind === "chunk") return void (await this.#takeChunk(decoded, record));
    if (decoded.kind === "abandoned") return this.#abandon(decoded, decoded.reason);
    this.#options.rejected.take(decoded, record);
  }

  /**
   * Takes a record that is read again for the sake of one version of its file, and is of no interest otherwise. Returns
   * whether it is a chunk of which something was missing.
   */
  async takeOnly(record: IncomingRecord, version: number): Promise<boolean> {
    const decoded = this.#decode(record);
    if (decoded.kind === "chunk" && decoded.version === version) return this.#takeChunk(decoded, record);
    if (decoded.kind === "newer" && decoded.id?.version === version)
      this.#options.rejected.take(decoded, record);
    return false;
  }

  /** A version that nothing could follow is none: every later one of the path would count as older. */
  #decode(record: IncomingRecord): Decoded {
    const decoded = decodeRecord(record.headers, record.value);
    const hasVersion = decoded.kind === "chunk" || decoded.kind === "abandoned" || decoded.kind === "corrupt";
    if (!hasVersion || this.#options.ledger.canBeGiven(decoded.version, record.timestampMs)) return decoded;
    return { kind: "broken", reason: "its version is further ahead of the brokers' time than a day" };
  }

  /** Whether every byte of the version is here: it is being verified, or about to be published. */
  isWhole(id: VersionId): boolean {
    const partial = this.#partials.get(chunkKey(id));
    return partial?.id.version === id.version && partial.complete;
  }

  /** Whether the partial is still being put together. */
  has(partial: Partial): boolean {
    return this.#isCurrent(partial);
  }

  /** Whether the version only waits for room. */
  isParked(id: VersionId): boolean {
    return this.#room.isParked(id);
  }

  /** Whether the version has failed here, and its receipt is owed. */
  isOwed(id: VersionId): boolean {
    return this.#owed.get(chunkKey(id))?.id.version === id.version;
  }

  /** Writes the receipts of what has failed here, as far as the brokers take them. See `LedgerWrites`. */
  writeOwed(): Promise<void> {
    // One after the other: each is written once.
    this.#owedWritten = this.#owedWritten.then(() => this.#writeOwed());
    return this.#owedWritten;
  }

  /** Whether only a newer agent can take the version. */
  isNewer(sent: Sent): boolean {
    return this.#options.rejected.isNewer(sent);
  }

  /** Bytes that a version still needs room for: none if it has begun and was not parked. */
  needsRoom(sent: Sent): number {
    const partial = this.#partialOf(sent);
    if (!partial) return sent.size;
    return this.#room.isParked(sent) ? partial.bytesMissing : 0;
  }

  /** When something of the version came last, by the monotonic clock; 0: nothing has. */
  placedAtMs(id: VersionId): number {
    return this.#partialOf(id)?.placedAtMs ?? 0;
  }

  /** See `Admission`. */
  hasRoomFor(sent: Sent, bytes: number, promisedBytes: number): Promise<boolean> {
    return this.#room.hasRoomFor(sent, bytes, promisedBytes);
  }

  /** What is missing of a version, `[from, to)` in bytes; never nothing. */
  missingOf(sent: Sent): Interval[] {
    const partial = this.#partialOf(sent);
    if (!partial) return [[0, sent.size]];
    const ranges = partial.missing;
    // All but the mark on the last chunk: its last byte brings that.
    return ranges.length > 0 ? ranges : [[Math.max(0, sent.size - 1), sent.size]];
  }

  /** Forgets what another member has delivered meanwhile, and what has stood still until its chunks expired. */
  dropStale(): void {
    const { ledger, retentionMs, now } = this.#options;
    for (const { id, placedAtMs } of this.#partials)
      if (ledger.isDelivered(id) || now() - placedAtMs > retentionMs) this.giveUp(id);
    for (const id of this.#room.parked()) if (ledger.isSettled(id)) this.#room.forget(id);
    this.#room.forgetSilent();
  }

  /** The version is tried once more, also if it has failed here. */
  retry(id: VersionId): void {
    if (this.#hopeless.get(chunkKey(id)) === id.version) this.#hopeless.delete(chunkKey(id));
  }

  /** Nobody has the rest of the version any more. */
  giveUp(id: VersionId): void {
    const key = chunkKey(id);
    const partial = this.#partials.get(key);
    if (partial && partial.id.version <= id.version) {
      this.#changes.dropped(partial);
      this.#partials.delete(key);
    }
    this.#room.forget(id);
  }

  /**
   * Waits until all that was taken up to now is placed; not until nothing is, as a recovery beside may never let that be.
   * Throws what a placement has thrown.
   */
  async settled(): Promise<void> {
    await Promise.all([...this.#placing]);
    this.throwFailure();
  }

  /** Whether nothing is being placed or verified. */
  get idle(): boolean {
    return this.#placing.size + this.#verifying.size === 0;
  }

  /** Ends what still runs: the files are another session's from now on. */
  async end(): Promise<void> {
    for (const partial of this.#partials) partial.stop();
    await Promise.all([...this.#placing, ...this.#verifying]);
  }

  /** The versions are published, or never will be. */
  forget(finished: readonly Finished[]): void {
    for (const { partial } of finished) {
      const key = chunkKey(partial.id);
      if (this.#partials.get(key) === partial) this.#partials.delete(key);
    }
  }

  /** Returns whether something of it was missing, and there is room for it. */
  async #takeChunk(chunk: Chunk, record: IncomingRecord): Promise<boolean> {
    const { ledger, observer } = this.#options;
    // What has failed may come all the same, and is welcome then.
    const isDelivered = ledger.isDelivered(chunk);
    if (!isDelivered && this.#hopeless.get(chunkKey(chunk)) === chunk.version) return false;
    const partial = isDelivered ? undefined : await this.#partialFor(chunk, record);
    if (isDelivered || (partial && !partial.wants(chunk))) observer.metrics.chunk("duplicate");
    if (!partial?.wants(chunk)) return false;
    const bytes = chunk.value.length;
    this.#placingBytes += bytes;
    this.#changes.placing(bytes);
    partial.placedAtMs = this.#options.now();
    const placing = this.#place(partial, chunk, record).finally(() => {
      this.#placingBytes -= bytes;
    });
    this.#track(this.#placing, placing);
    while (this.#placing.size >= maxPlacing || this.#placingBytes > maxPlacingBytes)
      await Promise.race(this.#placing);
    this.throwFailure();
    return true;
  }

  /** The version's partial, begun if it is new; none for a version that is older than the one at hand, or has no room. */
  async #partialFor(chunk: Chunk, record: IncomingRecord): Promise<Partial | undefined> {
    await this.#publishOlder(chunk);
    const known = this.#partials.get(chunkKey(chunk));
    if (known && known.id.version > chunk.version) return undefined;
    const begun = known?.id.version === chunk.version ? known : undefined;
    // First: the older one's room may be what the newer one lacks.
    if (known && !begun) this.giveUp(known.id);
    if (begun && begun.size !== chunk.size) return undefined;
    if (!(await this.#room.admits(chunk, begun))) return undefined;
    return this.#begin(chunk, record);
  }

  /** With `keep-both` an older version that is whole is no less wanted than the one that begins. */
  async #publishOlder(chunk: Chunk): Promise<void> {
    if (this.#options.config.onChange !== "keep-both") return;
    const older = this.#partials.get(chunkKey(chunk));
    if (!older || older.id.version >= chunk.version) return;
    await this.settled();
    if (!older.complete) return;
    await Promise.all([...this.#verifying]);
    this.throwFailure();
    if (this.#isCurrent(older)) await this.#options.publish();
  }

  /** There is room for it; another reading may have begun it meanwhile. */
  #begin(chunk: Chunk, record: IncomingRecord): Partial | undefined {
    const key = chunkKey(chunk);
    const known = this.#partials.get(key);
    if (known && known.id.version >= chunk.version)
      return known.id.version === chunk.version ? known : undefined;
    if (known) this.giveUp(known.id);
    const { uploader, path, version, size, from, algorithm } = chunk;
    const note = { uploader, path, version, size, mtime: String(chunk.mtime), from, algorithm, coverage: [] };
    const partial = this.#options.store.partial(note);
    // The version was given up a moment ago, and its bytes are about to be removed: what comes now is got back later.
    if (this.#changes.isDropping(partial)) return undefined;
    this.#partials.set(partial);
    this.#room.take(chunk);
    this.#putAside(partial);
    if (chunk.offset > 0) this.#options.onGap(partial, record);
    return partial;
  }

  /** See `UnfinishedVersions`. */
  #putAside(spared: Partial): void {
    const aside = this.#partials.putAside(spared);
    for (const partial of aside) this.#changes.dropped(partial);
    const [first] = aside;
    if (!first) return;
    const why = "too many files are under way at a time";
    this.#warnings.warn(
      "aside",
      `${nameOf(first.id)}: put aside: ${why}; it is read again when it was sent whole`,
    );
  }

  async #place(partial: Partial, chunk: Chunk, record: IncomingRecord): Promise<void> {
    const placed = await partial.place(chunk).catch((error: unknown) => {
      if (codeOf(error) !== "EFBIG") throw error;
    });
    if (!this.#isCurrent(partial)) return;
    if (!placed)
      return this.#fail(
        partial,
        "it is larger than the output's file system, or the agent's limit (`ulimit -f`), allows",
      );
    this.#changes.placed(partial);
    this.#partials.changed(partial);
    this.#options.observer.metrics.chunk("placed", chunk.value.length);
    this.#logChunk(chunk, placed);
    if (placed.final) this.#track(this.#verifying, this.#verify(partial));
    else if (chunk.checksum !== undefined && !partial.complete) this.#options.onGap(partial, record);
  }

  /** Beside everything else: after a restart the whole of a large file is read again for its checksum. */
  async #verify(partial: Partial): Promise<void> {
    const { config } = this.#options;
    let problem: string | undefined;
    try {
      const checksum = await partial.computedChecksum();
      if (!this.#isCurrent(partial)) return;
      if (checksum === partial.checksum) {
        await partial.prepare(config.fileMode, config.keepMtime);
        if (this.#isCurrent(partial)) this.#changes.finished({ partial, checksum });
        return;
      }
      problem = `its ${checksum} is not the uploader's ${partial.checksum}`;
    } catch (error) {
      // It was superseded, and its file removed, while it was read.
      if (!this.#isCurrent(partial)) return;
      // One file that the disk does not give back is that file's trouble.
      if (!(error instanceof UnreadableError)) throw error;
      problem = error.message;
    }
    const isLastTry = await this.#verification.refuse(partial, problem);
    this.#changes.forget(partial);
    // Only now: a chunk that comes again begins a new partial, of the same name.
    if (this.#isCurrent(partial)) this.#partials.delete(chunkKey(partial.id));
    if (isLastTry) await this.#fail(partial, problem);
  }

  /** The version can't be stored here, whoever sends it again. */
  async #fail({ id }: Partial, reason: string): Promise<void> {
    const { log, observer } = this.#options;
    this.giveUp(id);
    const [oldest] = this.#hopeless.keys();
    if (this.#hopeless.size >= maxHopeless && oldest !== undefined) this.#hopeless.delete(oldest);
    this.#hopeless.set(chunkKey(id), id.version);
    this.#failedCount++;
    log.error(`${nameOf(id)}: failed: ${reason}`, fieldsOf(id));
    observer.failed("failed", nameOf(id), reason);
    this.#owed.set(chunkKey(id), { id, reason });
    // Of what is forgotten nothing is lost: it is missing, and fails again.
    const [first] = this.#owed.keys();
    if (this.#owed.size > maxHopeless && first !== undefined) this.#owed.delete(first);
    await this.writeOwed();
  }

  async #writeOwed(): Promise<void> {
    const { ledger, writes } = this.#options;
    for (const [key, owed] of this.#owed) {
      const { id, reason } = owed;
      const isMoot = ledger.isDelivered(id);
      if (!isMoot && !(await writes.attempt(() => ledger.writeFailed(id, reason)))) return;
      if (this.#owed.get(key) === owed) this.#owed.delete(key);
    }
  }

  #partialOf(id: VersionId): Partial | undefined {
    const partial = this.#partials.get(chunkKey(id));
    return partial?.id.version === id.version ? partial : undefined;
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
    if (this.#options.ledger.isSettled(partial.id) || (other && other.id.version > partial.id.version)) {
      this.#changes.dropped(partial);
      return;
    }
    if (other) this.#changes.dropped(other);
    this.#partials.set(partial);
    this.#putAside(partial);
    if (partial.complete) this.#track(this.#verifying, this.#verify(partial));
  }

  #abandon(id: VersionId, reason: string): void {
    this.#room.forget(id);
    const partial = this.#partials.get(chunkKey(id));
    if (partial?.id.version !== id.version) return;
    this.#options.observer.metrics.file("abandoned");
    this.#options.log.info(`${nameOf(id)}: given up by the uploader: ${reason}`, fieldsOf(id));
    this.#changes.dropped(partial);
    this.#partials.delete(chunkKey(id));
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

function padded(count: number): string {
  return String(count).padStart(5, "0");
}
