/** The versions at hand: of each file the newest that was begun, and those that wait for room. */
import type { DownloaderConfig } from "../../config/config.ts";
import type { GroupLedger } from "../../ledger/group/group-ledger.ts";
import type { Sent } from "../../ledger/group/outstanding.ts";
import { RareWarnings } from "../../observe/rare-warnings.ts";
import type { Reporting } from "../../observe/reporting.ts";
import type { ByteRange } from "../../wire/byte-ranges.ts";
import { type Chunk, mapKey, type VersionId } from "../../wire/chunk.ts";
import type { Partial } from "../store/partial.ts";
import type { Store } from "../store/store.ts";
import { fieldsOf, nameOf } from "../version-label.ts";
import { Admission } from "./admission.ts";
import type { Changes } from "./changes.ts";
import { UnfinishedVersions } from "./unfinished-versions.ts";

/** What putting versions together needs to know. */
export interface PlacingOptions {
  config: DownloaderConfig;
  store: Store;
  ledger: GroupLedger;
  /** How long the topic keeps chunks. */
  retentionMs: number;
  reporting: Reporting;
  now(): number;
}

export class Partials {
  readonly #options: PlacingOptions;
  readonly #changes: Changes;
  readonly #unfinished = new UnfinishedVersions<Partial>();
  /** What there is room for, and which versions wait for it. */
  readonly room: Admission;
  readonly #warnings: RareWarnings;

  constructor(options: PlacingOptions, changes: Changes) {
    this.#options = options;
    this.#changes = changes;
    this.room = new Admission(options, () => this.#unfinished);
    this.#warnings = new RareWarnings(options.reporting.log);
  }

  /** Versions that are being put together. */
  get unfinished(): Iterable<Partial> {
    return this.#unfinished;
  }

  get unfinishedCount(): number {
    return this.#unfinished.count;
  }

  /** Of this file the newest version that was begun. */
  newestOf(file: Pick<VersionId, "uploader" | "path">): Partial | undefined {
    return this.#unfinished.get(mapKey(file));
  }

  /** This version, if it is being put together. */
  find(id: VersionId): Partial | undefined {
    const partial = this.newestOf(id);
    return partial?.id.version === id.version ? partial : undefined;
  }

  /** Whether the partial is still being put together. */
  has(partial: Partial): boolean {
    return this.newestOf(partial.id) === partial;
  }

  /** Whether every byte of the version is here: it is being verified, or about to be published. */
  isWhole(id: VersionId): boolean {
    return this.find(id)?.complete === true;
  }

  /** When something of the version came last, by the monotonic clock; 0: nothing has. */
  placedAtMs(id: VersionId): number {
    return this.find(id)?.placedAtMs ?? 0;
  }

  /** What is missing of a version, `[from, to)` in bytes; never nothing. */
  missingOf(sent: Sent): ByteRange[] {
    const partial = this.find(sent);
    if (!partial) return [[0, sent.size]];
    const ranges = partial.missing;
    // All but the mark on the last chunk: its last byte brings that.
    return ranges.length > 0 ? ranges : [[Math.max(0, sent.size - 1), sent.size]];
  }

  /** Bytes that a version still needs room for: none if it has begun and was not parked. */
  needsRoom(sent: Sent): number {
    const partial = this.find(sent);
    if (!partial) return sent.size;
    return this.room.isParked(sent) ? partial.bytesMissing : 0;
  }

  /** Takes over a partial of the session before. Returns whether it goes on: not if it is settled, or a newer one is here. */
  restore(partial: Partial): boolean {
    const other = this.newestOf(partial.id);
    if (
      this.#options.ledger.state.isSettled(partial.id, partial.partition) ||
      (other && other.id.version > partial.id.version)
    ) {
      this.#changes.dropped(partial);
      return false;
    }
    if (other) this.#changes.dropped(other);
    this.#unfinished.set(partial);
    this.#putAside(partial);
    return true;
  }

  /** Whether chunks of the version are placed: not of one that is older than the one at hand, nor of one without room. */
  async admits(chunk: Chunk, partition: number): Promise<boolean> {
    const known = this.newestOf(chunk);
    if (known && known.id.version > chunk.version) return false;
    const begun = known?.id.version === chunk.version ? known : undefined;
    // First: the older one's room may be what the newer one lacks.
    if (known && !begun) this.giveUp(known.id);
    if (begun && begun.size !== chunk.size) return false;
    return this.room.admits(chunk, partition, begun);
  }

  /** Begins a version that was admitted and is not here; not if a newer one was begun meanwhile. */
  begin(chunk: Chunk, partition: number): Partial | undefined {
    const known = this.newestOf(chunk);
    if (known && known.id.version >= chunk.version) return undefined;
    if (known) this.giveUp(known.id);
    const { uploader, path, version, size, from, algorithm } = chunk;
    const id = { uploader, path, version, partition };
    const note = { ...id, size, mtime: String(chunk.mtime), from, algorithm, coverage: [] };
    const partial = this.#options.store.partial(note);
    // The version was given up a moment ago, and its bytes are about to be removed: what comes now is got back later.
    if (this.#changes.isDropping(partial)) return undefined;
    this.#unfinished.set(partial);
    this.room.begun(chunk);
    this.#putAside(partial);
    return partial;
  }

  placed(partial: Partial): void {
    this.#changes.placed(partial);
    this.#unfinished.changed(partial);
  }

  /** The partial is published, or elsewhere. */
  remove(partial: Partial): void {
    if (this.has(partial)) this.#unfinished.delete(mapKey(partial.id));
  }

  /** Nobody has the rest of the version any more. */
  giveUp(id: VersionId): void {
    const partial = this.newestOf(id);
    if (partial && partial.id.version <= id.version) this.#drop(partial);
    this.room.remove(id);
  }

  /** Its uploader has given the version up. */
  abandon(id: VersionId, reason: string): void {
    this.room.remove(id);
    const partial = this.find(id);
    if (!partial) return;
    const { log, observer } = this.#options.reporting;
    observer.metrics.file("abandoned");
    log.info(`${nameOf(id)}: given up by the uploader: ${reason}`, fieldsOf(id));
    this.#drop(partial);
  }

  /**
   * Gives up what another member has delivered meanwhile, what its uploader was killed before it had noted it, and what has stood
   * still until its chunks expired.
   */
  dropStale(): void {
    const { ledger, retentionMs, now } = this.#options;
    for (const { id, partition, placedAtMs } of this.#unfinished)
      if (ledger.state.isDelivered(id, partition) || now() - placedAtMs > retentionMs) this.giveUp(id);
    for (const parked of this.room.parked())
      if (ledger.state.isSettled(parked, parked.partition)) this.room.remove(parked);
    this.room.removeSilent();
  }

  #drop(partial: Partial): void {
    this.#changes.dropped(partial);
    this.#unfinished.delete(mapKey(partial.id));
  }

  /** See `UnfinishedVersions`. */
  #putAside(spared: Partial): void {
    const aside = this.#unfinished.putAside(spared);
    for (const partial of aside) this.#changes.dropped(partial);
    const [first] = aside;
    if (!first) return;
    const why = "too many files are under way at a time";
    this.#warnings.warn(
      "aside",
      `${nameOf(first.id)}: put aside: ${why}; it is read again when it was sent whole`,
    );
  }
}
