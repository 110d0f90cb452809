/**
 * A group's view of the ledger: what is to be delivered, and what is delivered, failed or asked for already.
 *
 * `open` reads the whole ledger, as there is no other record of what the group has done. `follow` then reads on, since other
 * members write too; it reads the whole ledger again when that may find something, and from the beginning when the ledger was
 * recreated. Each entry goes through `GroupState.apply`, and `state` has what is known. Everything that is written here is
 * known here only once the brokers have it.
 *
 * Not promised: that all is known. What is kept is bounded. Beyond that the oldest deliveries are forgotten (`floor`), and of
 * what is missing only a part is worked on at a time (`overflowing`). Nor that only one member works on a version: `isOurs` is
 * for the caller to decide, and what two members write must be right in either order.
 */
import { timeNow } from "../../lib/clock.ts";
import type { Log } from "../../observe/log.ts";
import type { VersionId } from "../../wire/chunk.ts";
import {
  type DeliveredEntry,
  type Entry,
  type FailedEntry,
  type NeedsEntry,
  tombstone,
} from "../../wire/entry.ts";
import { receiptKey } from "../../wire/entry-key.ts";
import type { DeliveredValue, StartValue } from "../../wire/entry-value.ts";
import { partitionOf } from "../../wire/numbers.ts";
import type { EntryLog } from "../ledger.ts";
import { GroupFollower } from "./group-follower.ts";
import { GroupState } from "./group-state.ts";
import type { SentTo } from "./owed-receipts.ts";
import { findDelivered } from "./recall.ts";
import { type LostReceipts, takeBackReceiptsOf } from "./store-receipts.ts";
import { VersionIndex } from "./version-index.ts";

/** Obsolete receipts that are dropped at a time. */
const tidyCount = 500;

export class GroupLedger {
  readonly group: string;
  /** What is known; it changes by what is read and written here. */
  readonly state: GroupState;
  readonly #log: EntryLog;
  readonly #follower: GroupFollower;

  private constructor(group: string, log: EntryLog, now: () => number, delivered: VersionIndex) {
    this.group = group;
    this.#log = log;
    this.state = new GroupState(group, delivered, now);
    this.#follower = new GroupFollower(this.state, log, now);
  }

  /**
   * Reads the whole ledger. Throws a `KafkaError` when it can't be read.
   *
   * @param delivered what it remembers with, empty
   */
  static async open(
    group: string,
    log: EntryLog,
    now = () => performance.now(),
    delivered = new VersionIndex(),
  ): Promise<GroupLedger> {
    const self = new GroupLedger(group, log, now, delivered);
    await self.#follower.readAll();
    return self;
  }

  /** Follows what the uploaders and the other members write, until the signal fires. */
  follow(signal: AbortSignal, log: Log): Promise<void> {
    return this.#follower.follow(signal, log);
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
   * Writes the receipt and drops the ones that it makes obsolete. Resolves when the brokers have it, and only then is the
   * version known as delivered; see `Ledger.write`.
   *
   * @param before the version that was delivered before
   */
  async writeDelivered(
    id: VersionId,
    content: Pick<DeliveredValue, "size" | "checksum" | "mtime" | "attributes" | "by">,
    before: number | undefined,
  ): Promise<void> {
    // Another member has delivered a newer one meanwhile: this receipt is obsolete already, and that one stays.
    if (before !== undefined && before > id.version) return;
    const key = receiptKey("delivered", this.group, id);
    const { size, checksum, mtime, attributes, by } = content;
    const said = { size, checksum, mtime, attributes, by };
    const entry: DeliveredEntry = { ...key, format: 1, ...said, time: timeNow() };
    const noted = this.#write(entry).then(() => this.state.noteDelivered(id));
    const writes: Promise<unknown>[] = [noted];
    if (before !== undefined && before !== id.version)
      writes.push(this.#write(tombstone({ ...key, version: before })));
    const failed = this.state.failed.newest(id);
    if (failed !== undefined && failed <= id.version)
      writes.push(this.#write(tombstone({ ...receiptKey("failed", this.group, id), version: failed })));
    await Promise.all(writes);
  }

  /**
   * Takes back the receipts that a store has written, of those that `isLost`: told the receipt's key as text, and the number it
   * was written with. Returns how many those are, and the highest number of any of the store's. See `Ledger.write`.
   */
  takeBackOf(store: string, isLost: LostReceipts["isLost"]): Promise<{ count: number; highest: number }> {
    const lost = { group: this.group, store, isLost };
    return takeBackReceiptsOf(this.#log, lost, async (key) => {
      const { offset } = await this.#write(tombstone(key));
      this.state.noteTakenBack(key, offset);
    });
  }

  /** Writes that a version can't be stored or had, and why. See `Ledger.write`. */
  async writeFailed(id: VersionId, reason: string): Promise<void> {
    const entry: FailedEntry = {
      ...receiptKey("failed", this.group, id),
      format: 1,
      reason,
      time: timeNow(),
    };
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
   * Takes back the requests that are settled, or that a newer version has made obsolete, drops receipts of files that
   * their uploader has forgotten, and writes those that are owed to a recreated ledger. See `Ledger.write`.
   *
   * @param isOurs whether this member, and no other, is to drop the file's receipts; or to write one that is owed: who else
   *   reads the place it was sent to may know of no delivery, and nobody else would deliver it again
   */
  async tidy(isOurs: (id: VersionId, owedFor?: SentTo) => boolean): Promise<void> {
    // What was taken back on purpose is not known as missing before the ledger is read again.
    if (this.state.mustReadAgain) return;
    // What was dropped already may still be to be read.
    const others = this.isComplete ? this.state.drainObsolete(isOurs, tidyCount) : [];
    const obsolete = [...this.state.drainObsoleteRequests(), ...others];
    const owed = this.isComplete ? this.state.drainOwed(isOurs, tidyCount) : [];
    try {
      const dropped = obsolete.map((key) => this.#write(tombstone(key)));
      const written = owed.map(({ id, content }) => this.writeDelivered(id, content, undefined));
      await Promise.all([...dropped, ...written]);
    } catch (error) {
      // They stand as before, and are found when the ledger is read again.
      this.state.drainedInVain();
      throw error;
    }
  }

  /**
   * Looks up in the ledger which versions of these files are delivered, of those that may be forgotten here: an older one must
   * not take the place of a newer one. Throws a `KafkaError`.
   */
  async recall(ids: readonly VersionId[]): Promise<void> {
    const wanted = ids.filter((id) => this.state.delivered.mayBeForgotten(id));
    if (wanted.length === 0) return;
    const partitions = new Set(wanted.map((id) => this.#partitionOf(id)));
    for (const id of await findDelivered(this.#log, [...partitions], this.group, wanted))
      this.state.delivered.recall(id);
  }

  /** Notes where the group begins; for its first member. See `Ledger.write`. */
  async writeStart(topic: string, offsets: ReadonlyMap<number, number>): Promise<void> {
    const named = Object.fromEntries([...offsets].map(([partition, offset]) => [String(partition), offset]));
    const value: StartValue = { format: 1, topic, offsets: named, time: timeNow() };
    const { timestampMs } = await this.#write({ kind: "start", group: this.group, ...value });
    this.state.start.note(value, timestampMs);
  }

  /** Writes to the ledger, and again if that is known to be another one by the time that the brokers have it. See `Ledger.write`. */
  async #write(entry: Entry): Promise<{ offset: number; timestampMs: number }> {
    for (;;) {
      const { recreations } = this.state;
      const written = await this.#log.write(entry);
      if (this.state.recreations === recreations) return written;
    }
  }

  /** Of the ledger, where the uploader's entries are. */
  #partitionOf({ uploader }: VersionId): number {
    return partitionOf(uploader, this.#log.partitions);
  }
}
