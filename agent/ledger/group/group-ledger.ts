/**
 * A group's view of the ledger: what is to be delivered, and what is delivered, failed or asked for already.
 *
 * `open` reads the whole ledger, as there is no other record of what the group has done. `follow` then reads on, since other
 * members write too; it reads the whole ledger again when that may find something, and from the beginning when the ledger was
 * recreated. Each entry goes through `GroupState.apply`, and `state` has what is known. Everything that is written here is
 * known here only once the brokers have it.
 *
 * Not promised: that all is known. What is kept is bounded: of what is missing only a part is worked on at a time (`overflowing`).
 * Nor that only one member works on a version: `isOurs` is for the caller to decide. A mark is written by the member that has the
 * partition, once it has read what the one before it wrote (`readToEnd`); what another one writes late is taken in, and said again.
 */
import { timeNow } from "../../lib/clock.ts";
import { forEachConcurrent } from "../../lib/for-each-concurrent.ts";
import type { Log } from "../../observe/log.ts";
import { chunkKey, type VersionId } from "../../wire/chunk.ts";
import {
  type DoneEntry,
  type Entry,
  type FailedEntry,
  type NeedsEntry,
  tombstone,
} from "../../wire/entry.ts";
import { partitionOfEntry, receiptKey } from "../../wire/entry-key.ts";
import type { StartValue } from "../../wire/entry-value.ts";
import { filedKey } from "../../wire/filed-under.ts";
import type { PositionedLog } from "../ledger.ts";
import type { MarkId, MarksLimits } from "./all-marks.ts";
import { GroupFollower } from "./group-follower.ts";
import { GroupState } from "./group-state.ts";
import { findLost, type NotedBy } from "./lost-versions.ts";
import { MarkWriter, type Stored, type Written } from "./mark-writer.ts";
import { type NewestNoted, newerNoted, olderThan } from "./newer-noted.ts";
import type { LedgerSummary, Snapshot } from "./summary/summary.ts";

/** Obsolete receipts that are dropped, and marks that are written, at a time: each is an entry in memory until the brokers have it. */
const tidyCount = 500;

/** Told of what becomes of versions, before the ledger says so. What can't be told, the ledger does not say either. */
export interface Arrivals {
  delivered(stored: readonly Stored[]): Promise<void>;
  failed(id: VersionId, reason: string): Promise<void>;
}

export class GroupLedger {
  readonly group: string;
  /** What is known; it changes by what is read and written here. */
  readonly state: GroupState;
  readonly #log: PositionedLog;
  readonly #follower: GroupFollower;
  readonly #marks: MarkWriter;
  /** undefined: nobody is told. */
  arrivals: Arrivals | undefined;

  /** Whether it was not read from its beginning. */
  readonly hasResumed: boolean;

  private constructor(state: GroupState, log: PositionedLog, follower: GroupFollower, hasResumed: boolean) {
    this.group = state.group;
    this.#log = log;
    this.state = state;
    this.#follower = follower;
    this.hasResumed = hasResumed;
    this.#marks = new MarkWriter(state, log, follower);
  }

  /**
   * Reads the whole ledger, or what is new since the summary. Throws a `KafkaError` when it can't be read.
   *
   * @param options `marksLimits` for the tests
   */
  static async open(
    group: string,
    log: PositionedLog,
    now = () => performance.now(),
    { summary, marksLimits }: { summary?: LedgerSummary; marksLimits?: MarksLimits } = {},
  ): Promise<GroupLedger> {
    const resumed = await summary?.resume(group, log, now);
    const state = resumed?.state ?? new GroupState(group, now, log.id, marksLimits);
    const follower = new GroupFollower(state, log, now, summary?.upMs);
    if (resumed) follower.goOn(resumed);
    else await follower.readAll();
    return new GroupLedger(state, log, follower, resumed !== undefined);
  }

  /** What is known, as `open` can go on with it; undefined: not now, as the ledger is read again. It changes with each entry. */
  snapshot(): Snapshot | undefined {
    const { place } = this.#follower;
    const { group, state } = this;
    return place && { group, state, place, ledgerId: state.ledgerId, partitions: this.#log.partitions };
  }

  /** Entries that were read, all in all. */
  get entriesRead(): number {
    return this.#follower.count;
  }

  /** Follows what the uploaders and the other members write, until the signal fires. */
  follow(signal: AbortSignal, log: Log): Promise<void> {
    return this.#follower.follow(signal, log);
  }

  /** Resolves once all is known that is in the ledger now. Throws a `KafkaError`. */
  readToEnd(): Promise<void> {
    return this.#follower.readToEnd();
  }

  close(): Promise<void> {
    return this.#follower.close();
  }

  /** Whether all of it was read. It is read again now and then, and much is unknown until its end. */
  get isComplete(): boolean {
    return this.#follower.isComplete;
  }

  /**
   * Since when the uploader has not answered the request for the version, and for how long that is, by the brokers' clock, in
   * milliseconds; `undefined` when it is not asked for.
   */
  silenceOf(id: VersionId): { sinceMs: number; lastsMs: number } | undefined {
    const askedMs = this.state.requests.sinceMs(id);
    if (askedMs === undefined) return undefined;
    const sinceMs = this.state.silence.since(id.uploader, askedMs);
    return { sinceMs, lastsMs: this.state.silence.brokerTimeMs(this.#partitionOf(id)) - sinceMs };
  }

  /**
   * Writes the marks of what is stored, and drops the receipts that this makes obsolete. Resolves when the brokers have all of it, and
   * only then is something known as delivered; see `Ledger.write`.
   *
   * @param store which has published how often
   * @returns the marks as they stand in the ledger now, and how many versions are not remembered, as those are full
   */
  async writeDelivered(stored: readonly Stored[], store: { id: string; number: number }): Promise<Written> {
    await this.arrivals?.delivered(stored);
    return this.writeSettled(stored, store);
  }

  /** The same of what is settled without being stored: nobody is told that it has arrived. */
  async writeSettled(stored: readonly Stored[], store: { id: string; number: number }): Promise<Written> {
    const written = await this.#marks.write(stored, store);
    await Promise.all(stored.flatMap((one) => this.#dropObsolete(one)));
    return written;
  }

  /** Has the group have these versions again, whatever their marks say. See `Ledger.write`. */
  async writeAgain(ids: readonly VersionId[]): Promise<void> {
    const write = async (id: VersionId) => {
      const key = receiptKey("again", this.group, id);
      const { offset } = await this.#write({ ...key, format: 1, time: timeNow() });
      this.state.noteWish(id, offset);
    };
    await Promise.all(ids.map(write));
  }

  /**
   * What was delivered, by the marks, and `isLost`: told a version and where it is, some of them at a time. Throws a `KafkaError`.
   */
  findLost(isLost: (noted: NotedBy) => boolean): AsyncGenerator<VersionId[]> {
    const { versions, start } = this.state;
    return findLost({ log: this.#log, marks: versions.marks, start, isLost });
  }

  /** Writes that a version can't be stored or had, and why. See `Ledger.write`. */
  async writeFailed(id: VersionId, reason: string): Promise<void> {
    const entry: FailedEntry = {
      ...receiptKey("failed", this.group, id),
      format: 1,
      reason,
      time: timeNow(),
    };
    await this.arrivals?.failed(id, reason);
    const { offset, timestampMs } = await this.#write(entry);
    this.state.silence.stamp(this.#partitionOf(id), offset, timestampMs);
    this.state.noteFailed(id, offset, reason);
  }

  /** Asks the uploader for ranges of a version, `[from, to)` in bytes. See `Ledger.write`. */
  async writeNeeds(id: VersionId, ranges: readonly (readonly [number, number])[]): Promise<void> {
    const entry: NeedsEntry = {
      ...receiptKey("needs", this.group, id),
      format: 1,
      ranges: ranges.map(([from, to]): [number, number] => [from, to]),
      time: timeNow(),
      // A request that is repeated is as old as the first.
      since: this.state.requests.sinceMs(id),
    };
    const { offset, timestampMs } = await this.#write(entry);
    this.state.silence.stamp(this.#partitionOf(id), offset, timestampMs);
    this.state.noteRequest(id, offset, entry.since ?? timestampMs);
  }

  /**
   * Takes back the requests that are settled, or that a newer version has made obsolete, drops receipts of files that their uploader
   * has forgotten, and writes marks that say less in the ledger than is known. See `Ledger.write`.
   *
   * @param isOurs whether this member, and no other, is to drop the file's receipts
   * @param hasPartition whether this member, and no other, is to write the marks of the partition
   */
  async tidy(
    isOurs: (id: VersionId) => boolean,
    hasPartition: (partition: number) => boolean,
  ): Promise<void> {
    // What was taken back on purpose is not known as missing before the ledger is read again.
    if (this.state.mustReadAgain) return;
    // What was dropped already may still be to be read.
    const others = this.isComplete ? this.state.drainObsolete(isOurs, tidyCount) : [];
    const obsolete = [...this.state.drainObsoleteRequests(), ...others];
    const { marks } = this.state.versions;
    const dirty: MarkId[] = this.isComplete ? marks.dirty(hasPartition, tidyCount) : [];
    try {
      // First: what failed after it was to be had again is settled by the ledger's mark until then.
      await this.#marks.writeAgain(dirty);
      await forEachConcurrent(obsolete, tidyCount, (key) => this.#write(tombstone(key)));
    } catch (error) {
      // They stand as before, and are found when the ledger is read again.
      this.state.drainedInVain();
      throw error;
    }
  }

  /**
   * Looks up in the ledger which of these versions are superseded, where that may not be known here: an older one must not take the
   * place of a newer one. Throws a `KafkaError`.
   */
  async findSuperseded(ids: readonly VersionId[]): Promise<VersionId[]> {
    const unsure = ids.filter((id) => this.state.versions.mayBeSuperseded(id));
    return olderThan(unsure, await this.#newerNoted(unsure), chunkKey);
  }

  /**
   * Looks up in the ledger of which of these versions a newer one is noted, by their uploader or by one that files under the same name.
   * Throws a `KafkaError`.
   */
  async findNewerNoted(ids: readonly VersionId[]): Promise<VersionId[]> {
    return olderThan(ids, await this.#newerNoted(ids), filedKey);
  }

  /** Of which of these versions the group has such a newer one, and not only is to have it: that may never come. See `findNewerNoted`. */
  async findOutdated(ids: readonly VersionId[]): Promise<VersionId[]> {
    const newer = await this.#newerNoted(ids);
    const { state } = this;
    const stored = newer.filter((id) => state.isDelivered(id, id.partition) && !state.failed.has(id));
    return olderThan(ids, stored, filedKey);
  }

  async #newerNoted(ids: readonly VersionId[]): Promise<NewestNoted[]> {
    const partitions = new Set(ids.map((id) => this.#partitionOf(id)));
    return ids.length === 0 ? [] : newerNoted(this.#log, [...partitions], ids);
  }

  /** Notes where the group begins; for its first member. See `Ledger.write`. */
  async writeStart(topic: string, offsets: ReadonlyMap<number, number>): Promise<void> {
    const named = Object.fromEntries([...offsets].map(([partition, offset]) => [String(partition), offset]));
    const value: StartValue = { format: 1, topic, offsets: named, time: timeNow() };
    const { timestampMs } = await this.#write({ kind: "start", group: this.group, ...value });
    this.state.start.note(value, timestampMs);
  }

  /** What stood in the way of a version that is delivered now. */
  #dropObsolete({ id }: Stored): Promise<unknown>[] {
    const dropped: Promise<unknown>[] = [];
    const failed = this.state.failed.newest(id);
    if (failed !== undefined && failed <= id.version)
      dropped.push(this.#dropFailure({ ...id, version: failed }));
    if (this.state.versions.wishes.has(id)) dropped.push(this.#dropWish(id));
    return dropped;
  }

  async #dropFailure(id: VersionId): Promise<void> {
    const key = receiptKey("failed", this.group, id);
    const { offset } = await this.#write(tombstone(key));
    this.state.noteTakenBack(key, offset);
  }

  async #dropWish(id: VersionId): Promise<void> {
    const { offset } = await this.#write(tombstone(receiptKey("again", this.group, id)));
    this.state.versions.wishOver(id, offset);
  }

  /** Writes to the ledger, and again if that is known to be another one by the time that the brokers have it. See `Ledger.write`. */
  async #write(entry: Exclude<Entry, DoneEntry>): Promise<{ offset: number; timestampMs: number }> {
    for (;;) {
      const { recreations } = this.state;
      const written = await this.#log.write(entry);
      if (this.state.recreations === recreations) return written;
    }
  }

  /** Of the ledger, where the uploader's entries are. */
  #partitionOf({ uploader }: VersionId): number {
    return partitionOfEntry({ kind: "name", uploader }, this.#log.partitions);
  }
}
