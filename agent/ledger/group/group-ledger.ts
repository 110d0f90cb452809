/**
 * The downloaders' view of the ledger: what is known of it (`group-state.ts`), kept up by reading and following it, as other
 * members write too (`group-follower.ts`), and what this member writes.
 */
import { timeNow } from "../../lib/clock.ts";
import type { Log } from "../../observe/log.ts";
import { chunkKey, type VersionId } from "../../wire/chunk.ts";
import {
  type DeliveredEntry,
  type DeliveredValue,
  encodeEntryKey,
  keyOf,
  type NeedsEntry,
  type ReceiptKey,
  type StartValue,
  tombstone,
} from "../../wire/entry.ts";
import { partitionOf } from "../../wire/numbers.ts";
import type { EntryLog } from "../ledger.ts";
import { GroupFollower } from "./group-follower.ts";
import { GroupState } from "./group-state.ts";
import { findReceiptsOf, maxReceiptBytes } from "./store-receipts.ts";
import { VersionIndex } from "./version-index.ts";

/** So many moot receipts are dropped at a time. */
const tidyCount = 500;

export class GroupLedger extends GroupState {
  readonly #log: EntryLog;
  readonly #follower: GroupFollower;

  private constructor(group: string, log: EntryLog, now: () => number, delivered: VersionIndex) {
    super(group, delivered, now);
    this.#log = log;
    this.#follower = new GroupFollower(this, log, now);
  }

  /**
   * Reads the whole ledger. Throws a `KafkaError` when it can't be read.
   *
   * @param now the monotonic clock, milliseconds
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

  /** Whether all of it was read; it is read anew now and then, and much is unknown until its end. */
  get isComplete(): boolean {
    return this.#follower.isComplete;
  }

  /**
   * Writes the receipt and drops the ones that it makes moot. Resolves when the brokers have it, and only then is the
   * version known as delivered; see `Ledger.write`.
   *
   * @param before the version that was delivered before
   */
  async writeDelivered(
    id: VersionId,
    content: Pick<DeliveredValue, "size" | "checksum" | "mtime" | "by">,
    before: number | undefined,
  ): Promise<void> {
    const { uploader, path, version } = id;
    // Another member has delivered a newer one meanwhile: this receipt is moot already, and that one stays.
    if (before !== undefined && before > version) return;
    const key = { kind: "delivered", group: this.group, uploader, path, version } as const;
    const { size, checksum, mtime, by } = content;
    const time = timeNow();
    const entry: DeliveredEntry = {
      ...key,
      format: 1,
      size,
      checksum,
      ...(mtime === undefined ? {} : { mtime }),
      ...(by === undefined ? {} : { by }),
      time,
    };
    const noted = this.#log.write(entry).then(() => this.noteDelivered(id));
    const writes: Promise<unknown>[] = [noted];
    if (before !== undefined && before !== version)
      writes.push(this.#log.write(tombstone({ ...key, version: before })));
    const failed = this.newestFailed(id);
    if (failed !== undefined && failed <= version)
      writes.push(this.#log.write(tombstone({ ...key, kind: "failed", version: failed })));
    await Promise.all(writes);
  }

  /**
   * Takes back the receipts that a store has written, of those that `isLost`: told the receipt's key as text, and the number it was
   * written with. Returns how many those are, and the highest number of any of the store's. See `Ledger.write`.
   */
  async takeBackOf(
    store: string,
    isLost: (key: string, number: number) => boolean,
  ): Promise<{ count: number; highest: number }> {
    const all = await findReceiptsOf(this.#log, this.group, store, isLost);
    const of = Math.ceil(all.bytes / maxReceiptBytes);
    let count = await this.#takeBackAll(all.keys);
    // More than is held at a time: the ledger is read once for each share of them.
    for (let at = 0; of > 1 && at < of; at++) {
      const some = await findReceiptsOf(this.#log, this.group, store, isLost, { of, at });
      count += await this.#takeBackAll(some.keys);
    }
    return { count, highest: all.highest };
  }

  async #takeBackAll(keys: readonly ReceiptKey<"delivered">[]): Promise<number> {
    for (let at = 0; at < keys.length; at += tidyCount)
      await Promise.all(keys.slice(at, at + tidyCount).map((key) => this.#takeBackOne(key)));
    return keys.length;
  }

  async #takeBackOne(key: ReceiptKey<"delivered">): Promise<void> {
    const { offset } = await this.#log.write(tombstone(key));
    this.noteTakenBack(key, offset);
  }

  /** Writes that a version can't be stored or had, and why. See `Ledger.write`. */
  async writeFailed(id: VersionId, reason: string): Promise<void> {
    const { uploader, path, version } = id;
    const key = { kind: "failed", group: this.group, uploader, path, version } as const;
    const entry = { ...key, format: 1, reason, time: timeNow() } as const;
    const { offset, timestampMs } = await this.#log.write(entry);
    this.stamp(this.#partitionOf(id), offset, timestampMs);
    this.noteFailed(id, offset, reason);
  }

  /**
   * Since when the uploader has not answered the request for the version, and for how long that is, by the brokers' clock, in
   * milliseconds; `undefined` when it is not asked for.
   */
  silenceOf(id: VersionId): { sinceMs: number; lastsMs: number } | undefined {
    return this.silence(id, this.#partitionOf(id));
  }

  /** Asks the uploader for ranges of a version, `[from, to)` in bytes. See `Ledger.write`. */
  async writeNeeds(id: VersionId, ranges: readonly (readonly [number, number])[]): Promise<void> {
    const { uploader, path, version } = id;
    const key = { kind: "needs", group: this.group, uploader, path, version } as const;
    const entry: NeedsEntry = {
      ...key,
      format: 1,
      ranges: ranges.map(([from, to]): [number, number] => [from, to]),
      time: timeNow(),
      // A request that is repeated is as old as the first.
      since: this.askedSinceMs(id),
    };
    const { offset, timestampMs } = await this.#log.write(entry);
    this.stamp(this.#partitionOf(id), offset, timestampMs);
    this.noteAsked(id, offset, entry.since ?? timestampMs);
  }

  /**
   * Takes back the requests that are settled, or that a newer version has made moot, drops receipts of files that
   * their uploader has forgotten, and writes those that are owed to a ledger that was made anew. See `Ledger.write`.
   *
   * @param isOurs whether this member, and no other, is to drop the file's receipts
   */
  async tidy(isOurs: (id: VersionId) => boolean): Promise<void> {
    // What was taken back on purpose is not known as missing before the ledger is read again.
    if (this.isIncomplete) return;
    // What was dropped already may still be to be read.
    const others = this.isComplete ? this.takeMoot(isOurs, tidyCount) : [];
    const moot = [...this.takeMootRequests(), ...others];
    const owed = this.isComplete ? this.takeOwed(isOurs, tidyCount) : [];
    try {
      const dropped = moot.map((key) => this.#log.write(tombstone(key)));
      const written = owed.map(({ id, content }) => this.writeDelivered(id, content, undefined));
      await Promise.all([...dropped, ...written]);
    } catch (error) {
      // They stand as before, and are found when the ledger is read again.
      this.forgetsMoot();
      throw error;
    }
  }

  /**
   * Looks up in the ledger which versions of these files are delivered, of those that may be forgotten here: an older one must
   * not take the place of a newer one. Throws a `KafkaError`.
   */
  async recall(ids: readonly VersionId[]): Promise<void> {
    const wanted = ids.filter((id) => this.mayBeForgotten(id));
    if (wanted.length === 0) return;
    const files = new Set(wanted.map((id) => chunkKey(id)));
    const found = new Map<string, VersionId>();
    const reader = await this.#log.open([...new Set(wanted.map((id) => this.#partitionOf(id)))]);
    try {
      while (!reader.caughtUp) {
        for (const { entry } of await reader.read()) {
          const key = keyOf(entry);
          if (key.kind !== "delivered" || key.group !== this.group || !files.has(chunkKey(key))) continue;
          if (entry.kind === "delivered") found.set(encodeEntryKey(key), key);
          else found.delete(encodeEntryKey(key));
        }
      }
    } finally {
      await reader.close();
    }
    for (const id of found.values()) this.recallDelivered(id);
  }

  /** Notes where the group begins; for its first member. See `Ledger.write`. */
  async writeStart(topic: string, offsets: ReadonlyMap<number, number>): Promise<void> {
    const named = Object.fromEntries([...offsets].map(([partition, offset]) => [String(partition), offset]));
    const value: StartValue = { format: 1, topic, offsets: named, time: timeNow() };
    const { timestampMs } = await this.#log.write({ kind: "start", group: this.group, ...value });
    this.noteStart(value, timestampMs);
  }

  /** Of the ledger, where the uploader's entries are. */
  #partitionOf({ uploader }: VersionId): number {
    return partitionOf(uploader, this.#log.partitions);
  }
}
