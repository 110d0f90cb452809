/**
 * From records to verified files: what each record does to the versions that are being put together.
 *
 * A record is decoded, and a chunk is placed in the partial of its version, at its offset, in whatever order chunks come.
 * Placing runs beside the reading, bounded in bytes; so does verifying a version that is complete. What has come of it is
 * noted in `changes`, of which the durable point takes a snapshot between two placements. `partials` has the versions at hand,
 * `failures` those that are unrecoverable, `admission` decides what there is room for, and `rejected-records` has what is no chunk.
 *
 * It does not promise that what was placed is on disk for good: that is the durable point's work (`publish/`). Nor that a
 * version becomes whole: a chunk that is older than the one at hand, or has no room, passes by, and many unfinished versions are
 * put aside. `recover/` finds them missing, and has them read again. A failure beside the reading is thrown by the next call.
 */
import type { IncomingRecord } from "../../kafka/record-source.ts";
import { codeOf } from "../../lib/errors.ts";
import { type Abandoned, type Chunk, type Decoded, decodeRecord } from "../../wire/chunk.ts";
import { filedUnder } from "../../wire/filed-under.ts";
import { homeOf } from "../../wire/places.ts";
import { FirstFailure } from "../parts.ts";
import type { LedgerWrites } from "../recover/ledger-writes.ts";
import type { Partial, Placed } from "../store/partial.ts";
import { fieldsOf, nameOf } from "../version-label.ts";
import { Changes } from "./changes.ts";
import { Failures } from "./failures.ts";
import { Partials, type PlacingOptions } from "./partials.ts";
import type { RejectedRecords } from "./rejected-records.ts";
import type { SpreadVersions } from "./spread-versions.ts";
import { Verification } from "./verification.ts";

/** What the assembly needs of others. */
export interface AssemblyNeighbours {
  rejected: RejectedRecords;
  spread: Pick<SpreadVersions, "admits" | "remove">;
  /** For receipts that may be refused and are owed then. */
  writes: LedgerWrites;
  /** Publishes what is verified. */
  publish(): Promise<void>;
  /** A version whose beginning, or middle, was read by another member or before a loss: read it again. */
  onGap(partial: Partial, record: IncomingRecord): void;
}

/** What has come and is not on its way to the disk yet. */
const maxPlacingBytes = 2 << 20;
const maxPlacing = 16;

export class Assembly {
  readonly #options: PlacingOptions;
  readonly #neighbours: AssemblyNeighbours;
  /** What has happened since the last snapshot. */
  readonly changes = new Changes();
  /** The versions at hand. */
  readonly partials: Partials;
  /** Versions that failed here for good. */
  readonly failures: Failures;
  readonly #verification: Verification;
  readonly #placing = new Set<Promise<void>>();
  #placingBytes = 0;
  readonly #verifying = new Set<Promise<void>>();
  readonly #failure = new FirstFailure();

  constructor(options: PlacingOptions, neighbours: AssemblyNeighbours) {
    this.#options = options;
    this.#neighbours = neighbours;
    const { config, store, ledger, reporting } = options;
    this.partials = new Partials(options, this.changes);
    this.failures = new Failures(ledger, neighbours.writes, reporting);
    this.#verification = new Verification({
      ...{ config, store, log: reporting.log, partials: this.partials, changes: this.changes },
      fail: (partial, reason) => this.#fail(partial, reason),
    });
  }

  /** Takes over what an earlier session has left unfinished. */
  restore(partials: readonly Partial[]): void {
    for (const partial of partials) {
      if (this.partials.restore(partial) && partial.complete) this.#verify(partial);
      this.#options.reporting.observer.metrics.recovery("restored");
    }
  }

  /** Bytes that came and are not written yet. */
  get placingBytes(): number {
    return this.#placingBytes;
  }

  /** Whether nothing is being placed or verified. */
  get idle(): boolean {
    return this.#placing.size + this.#verifying.size === 0;
  }

  /** Takes in a record; resolves when the next one may come. Throws what a placement has thrown. */
  async accept(record: IncomingRecord): Promise<void> {
    const { rejected } = this.#neighbours;
    if (record.skipped !== undefined) return rejected.skip(record.skipped, record);
    const decoded = this.#decode(record);
    if (decoded.kind === "chunk") return void (await this.#acceptChunk(decoded, record));
    if (decoded.kind === "abandoned") return this.#abandon(decoded);
    rejected.reject(decoded, record);
  }

  /**
   * Takes in a record that is read again for the sake of one version of its file, and is of no interest otherwise; `undefined`:
   * it was parked. Returns whether it is a chunk of the version of which something was missing.
   */
  async acceptAgain(record: IncomingRecord, version: number | undefined): Promise<boolean> {
    if (version === undefined) {
      await this.accept(record);
      return false;
    }
    const decoded = this.#decode(record);
    if (decoded.kind === "chunk" && decoded.version === version) return this.#acceptChunk(decoded, record);
    if (decoded.kind === "newer" && decoded.id?.version === version)
      this.#neighbours.rejected.reject(decoded, record);
    return false;
  }

  /**
   * Waits until all that was accepted up to now is placed; not until nothing is, as a recovery beside may never let that be.
   * Throws what a placement has thrown.
   */
  async settled(): Promise<void> {
    await Promise.all([...this.#placing]);
    this.throwFailure();
  }

  /** Throws what a placement or a verification has thrown. */
  throwFailure(): void {
    this.#failure.throwIfAny();
  }

  /** Ends what still runs: the files are another session's from now on. */
  async end(): Promise<void> {
    for (const partial of this.partials.unfinished) partial.stop();
    await Promise.all([...this.#placing, ...this.#verifying]);
  }

  /** A version too far in the future is broken: every later one of the path would count as older. */
  #decode(record: IncomingRecord): Decoded {
    const decoded = decodeRecord(record.headers, record.value);
    const hasVersion = decoded.kind === "chunk" || decoded.kind === "abandoned" || decoded.kind === "corrupt";
    if (!hasVersion || this.#options.ledger.state.canBeGiven(decoded.version, record.timestampMs))
      return decoded;
    return { kind: "broken", reason: "its version is further ahead of the brokers' time than a day" };
  }

  /** Returns whether something of it was missing, and there is room for it. */
  async #acceptChunk(chunk: Chunk, record: IncomingRecord): Promise<boolean> {
    const { ledger, reporting, now } = this.#options;
    // A version whose receipt says failed may come all the same, and is welcome then.
    const isDelivered = ledger.state.isDelivered(chunk, homeOf(chunk.from, record.partition));
    if (!isDelivered && (this.failures.has(chunk) || !this.#neighbours.spread.admits(chunk))) return false;
    const partial = isDelivered ? undefined : await this.#partialFor(chunk, record);
    if (isDelivered || (partial && !partial.wants(chunk))) reporting.observer.metrics.chunk("duplicate");
    if (!partial?.wants(chunk)) return false;
    const bytes = chunk.value.length;
    this.#placingBytes += bytes;
    this.changes.placing(bytes);
    partial.placedAtMs = now();
    partial.partition = homeOf(chunk.from, record.partition);
    record.memory?.hold();
    const placing = this.#place(partial, chunk, record).finally(() => {
      record.memory?.release();
      this.#placingBytes -= bytes;
    });
    this.#track(this.#placing, placing);
    while (this.#placing.size >= maxPlacing || this.#placingBytes > maxPlacingBytes)
      await Promise.race(this.#placing);
    this.throwFailure();
    return true;
  }

  /** The version's partial, begun if it is new; none for a version that is not admitted. */
  async #partialFor(chunk: Chunk, record: IncomingRecord): Promise<Partial | undefined> {
    await this.#publishOlder(chunk);
    const partition = homeOf(chunk.from, record.partition);
    if (!(await this.partials.admits(chunk, partition))) return undefined;
    // Another reading may have begun it meanwhile.
    const begun = this.partials.find(chunk);
    if (begun) return begun;
    const partial = this.partials.begin(chunk, partition);
    if (partial && chunk.offset > 0) this.#neighbours.onGap(partial, record);
    return partial;
  }

  /** With `keep-both` an older version that is whole is no less wanted than the one that begins. */
  async #publishOlder(chunk: Chunk): Promise<void> {
    if (this.#options.config.onChange !== "keep-both") return;
    const older = this.partials.newestOf(chunk);
    if (!older || older.id.version >= chunk.version) return;
    await this.settled();
    if (!older.complete) return;
    await Promise.all([...this.#verifying]);
    this.throwFailure();
    if (this.partials.has(older)) await this.#neighbours.publish();
  }

  async #place(partial: Partial, chunk: Chunk, record: IncomingRecord): Promise<void> {
    const placed = await partial.place(chunk, this.#options.config).catch((error: unknown) => {
      if (codeOf(error) !== "EFBIG") throw error;
    });
    if (!this.partials.has(partial)) return;
    if (!placed)
      return this.#fail(
        partial,
        "it is larger than the output's file system, or the agent's limit (`ulimit -f`), allows",
      );
    this.partials.placed(partial);
    const { observer } = this.#options.reporting;
    observer.metrics.chunk("placed", chunk.value.length);
    observer.fleet.moved(filedUnder(chunk.uploader));
    this.#logChunk(chunk, placed);
    if (placed.final) this.#verify(partial);
    else if (chunk.checksum !== undefined && !partial.complete) this.#neighbours.onGap(partial, record);
  }

  #abandon(abandoned: Abandoned): void {
    this.#neighbours.spread.remove(abandoned);
    this.partials.abandon(abandoned, abandoned.reason);
  }

  #verify(partial: Partial): void {
    this.#track(this.#verifying, this.#verification.verify(partial));
  }

  async #fail({ id, partition, attributes }: Partial, reason: string): Promise<void> {
    this.partials.giveUp(id);
    await this.failures.add({ ...id, partition }, reason, attributes);
  }

  /** Runs something beside the reading. */
  #track(running: Set<Promise<void>>, work: Promise<void>): void {
    const tracked = work
      .catch((error: unknown) => this.#failure.report(error))
      .finally(() => running.delete(tracked));
    running.add(tracked);
  }

  #logChunk(chunk: Chunk, placed: Placed): void {
    const { log, logChunks } = this.#options.reporting;
    if (!logChunks) return;
    const what = placed.final ? "final" : placed.first ? "first" : "appended";
    const number = `${padded(chunk.index)}/${padded(chunk.count)}`;
    const line = `${nameOf(chunk)} (${number}): ${what} chunk, downloaded: ${placed.totalBytes} bytes`;
    log.info(line, { ...fieldsOf(chunk), chunk: chunk.index, chunks: chunk.count });
  }
}

function padded(count: number): string {
  return String(count).padStart(5, "0");
}
