/**
 * The downloaders' view of the ledger: what their group has delivered, what it can't store, what was sent and is
 * neither, and where the group began. Read whole at the start and followed from then on, as other members write too.
 * A settled path costs 24 bytes (`delivered-index.ts`), an unsettled one a few hundred, of a bounded number.
 */
import { retry } from "../lib/retry.ts";
import type { Log } from "../observe/log.ts";
import { chunkKey, decodeFrom, type VersionId } from "../wire/chunk.ts";
import {
  type DeliveredValue,
  type Entry,
  encodeEntryKey,
  type FileValue,
  type ReceiptKey,
  type ReceiptKind,
  type StartValue,
} from "../wire/entry.ts";
import { partitionOf } from "../wire/numbers.ts";
import { pathProblem } from "../wire/path.ts";
import { DeliveredIndex } from "./delivered-index.ts";
import type { EntryLog, EntryReader, LoggedEntry } from "./ledger.ts";
import { type Sent, Unsettled } from "./unsettled.ts";

/** The whole ledger is read again this often at most, when something makes it necessary, and this often at least. */
const leastRereadMs = 5000;
const mostRereadMs = 6 * 3600_000;
const longestPauseMs = 10 * 60_000;
/** So many receipts of forgotten files are remembered; what does not fit is found when the ledger is read again. */
const maxMoot = 10_000;
/** So many of them are dropped at a time. */
const tidyCount = 500;

export class GroupLedger {
  readonly group: string;
  readonly #log: EntryLog;
  readonly #now: () => number;
  readonly #delivered: DeliveredIndex;
  readonly #failed = new DeliveredIndex();
  /** Of the newest such receipt of a path, the ledger offset after it. */
  readonly #failedAt = new DeliveredIndex();
  /** Of the newest entry of a path that says that its uploader has the failed version, the ledger offset after it. */
  readonly #sentAgainAt = new DeliveredIndex();
  #unsettled = new Unsettled();
  /** While the ledger is read again: what will be in its place; nobody sees half of it. */
  #loading: Unsettled | undefined;
  /** Requests that stand in the ledger, by path. */
  readonly #asked = new Map<string, VersionId>();
  /** Versions whose `delivered` was taken back: they were stored once, and older ones stay settled. */
  readonly #again = new DeliveredIndex();
  /** Receipts that were taken back on purpose, and the offset of the tombstone: what stands before it does not count. */
  readonly #takenBack = new DeliveredIndex();
  /** By key, receipts of files that their uploader has forgotten: nobody will ask for them. */
  readonly #moot = new Map<string, ReceiptKey<ReceiptKind>>();
  #reader: EntryReader | undefined;
  #start: StartValue | undefined;
  /** By the brokers' clock, milliseconds since 1970. */
  #startedAtMs = 0;
  #hasReceipts = false;
  #incomplete = false;
  #readAtMs = 0;
  #readMs = 0;

  /** Up to this version it was said that it is not known any more what was delivered. */
  #saidFloor = 0;

  private constructor(group: string, log: EntryLog, now: () => number, delivered: DeliveredIndex) {
    this.group = group;
    this.#log = log;
    this.#now = now;
    this.#delivered = delivered;
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
    delivered = new DeliveredIndex(),
  ): Promise<GroupLedger> {
    const self = new GroupLedger(group, log, now, delivered);
    // First where the group began: most of what a new group's ledger holds is none of its business.
    await self.#readStart();
    await self.#readAll();
    // Receipts that were taken back stand behind what they take back.
    if (self.#incomplete) await self.#readAll();
    return self;
  }

  /** Follows what the uploaders and the other members write, until the signal fires. */
  async follow(signal: AbortSignal, log: Log): Promise<void> {
    const options = { what: "following the ledger", signal, log };
    while (!signal.aborted) {
      await retry(options, async () => {
        if (this.#isRereadDue()) await this.#readAll();
        for (const logged of (await this.#reader?.read()) ?? []) this.#take(logged);
        this.#sayFloor(log);
      }).catch((error: unknown) => {
        if (!signal.aborted) throw error;
      });
    }
  }

  async close(): Promise<void> {
    const reader = this.#reader;
    this.#reader = undefined;
    await reader?.close();
  }

  /** Whether all of it was read; it is read anew now and then, and much is unknown until its end. */
  get isComplete(): boolean {
    return this.#reader?.caughtUp ?? false;
  }

  /** The offsets that the group began at, if it has begun. */
  get start(): StartValue | undefined {
    return this.#start;
  }

  /** Whether the group has ever delivered anything. */
  get hasReceipts(): boolean {
    return this.#hasReceipts;
  }

  /** What was sent and is neither delivered nor failed, as far as it is the group's business. */
  *unsettled(): Generator<Sent> {
    for (const sent of this.#unsettled.values()) if (this.#concerns(sent)) yield sent;
  }

  /** How many those are, about. */
  get unsettledCount(): number {
    return this.#unsettled.size;
  }

  /** The newest version of the file that the group has delivered. */
  newestDelivered(id: { uploader: string; path: string }): number | undefined {
    return this.#delivered.get(chunkKey(id));
  }

  /** The newest version of the file that the group has ever stored, also if it is to be delivered again. */
  newestStored(id: { uploader: string; path: string }): number | undefined {
    return Math.max(this.newestDelivered(id) ?? 0, this.#again.get(chunkKey(id)) ?? 0) || undefined;
  }

  /** Whether the version, or a newer one, is delivered. */
  isDelivered(id: VersionId): boolean {
    // A chunk of an older one that comes again must not bring it back over the one that is to be delivered again.
    if ((this.#again.get(chunkKey(id)) ?? 0) > id.version) return true;
    return (this.newestDelivered(id) ?? 0) >= id.version;
  }

  /** Whether nothing is left to do for the version: it, or a newer one, is delivered, or it has failed. */
  isSettled(id: VersionId): boolean {
    return this.isDelivered(id) || this.#isFailed(id);
  }

  /** Notes a version as delivered here, before its receipt is written. */
  noteDelivered(id: VersionId): void {
    this.#delivered.set(chunkKey(id), id.version);
    this.#settle(id);
    this.#hasReceipts = true;
  }

  /**
   * Writes the receipt and drops the ones that it makes moot. Resolves when the brokers have it; see `Ledger.write`.
   *
   * @param before the version that was delivered before
   */
  async writeDelivered(
    id: VersionId,
    size: number,
    checksum: string,
    before: number | undefined,
  ): Promise<void> {
    const { uploader, path, version } = id;
    // Another member has delivered a newer one meanwhile: this receipt is moot already, and that one stays.
    if (before !== undefined && before > version) return;
    const key = { kind: "delivered", group: this.group, uploader, path, version } as const;
    const value: DeliveredValue = { format: 1, size, checksum, time: new Date().toISOString() };
    const writes = [this.#log.write({ key, value })];
    if (before !== undefined && before !== version)
      writes.push(this.#log.write({ key: { ...key, version: before }, value: null }));
    const failed = this.#failed.get(chunkKey(id));
    if (failed !== undefined && failed <= version)
      writes.push(this.#log.write({ key: { ...key, kind: "failed", version: failed }, value: null }));
    await Promise.all(writes);
  }

  /** Writes that a version can't be stored or had, and why. See `Ledger.write`. */
  async writeFailed(id: VersionId, reason: string): Promise<void> {
    const { uploader, path, version } = id;
    const key = { kind: "failed", group: this.group, uploader, path, version } as const;
    const value = { format: 1, reason, time: new Date().toISOString() } as const;
    const { offset } = await this.#log.write({ key, value });
    this.#noteFailed(id, offset);
  }

  /** Asks the uploader for ranges of a version, `[from, to)` in bytes. See `Ledger.write`. */
  async writeNeeds(id: VersionId, ranges: readonly (readonly [number, number])[]): Promise<void> {
    const { uploader, path, version } = id;
    const key = { kind: "needs", group: this.group, uploader, path, version } as const;
    const value = {
      format: 1 as const,
      ranges: ranges.map(([from, to]): [number, number] => [from, to]),
      time: new Date().toISOString(),
    };
    await this.#log.write({ key, value });
    this.#asked.set(chunkKey(id), { uploader, path, version });
  }

  /** Whether a request for the version stands in the ledger, as far as that was read. */
  isAsked(id: VersionId): boolean {
    return this.#asked.get(chunkKey(id))?.version === id.version;
  }

  /**
   * Takes back the requests that are settled, or that a newer version has made moot, and drops receipts of files that
   * their uploader has forgotten. See `Ledger.write`.
   *
   * @param isOurs whether this member, and no other, is to drop the file's receipts
   */
  async tidy(isOurs: (id: VersionId) => boolean): Promise<void> {
    // What was taken back on purpose is not known as missing before the ledger is read again.
    if (!this.isComplete || this.#incomplete) return;
    const ours = [...this.#moot].filter(([, key]) => isOurs(key)).slice(0, tidyCount);
    for (const [name] of ours) this.#moot.delete(name);
    await Promise.all([
      ...ours.map(([, key]) => this.#log.write({ key, value: null } as Entry)),
      this.#tidyNeeds(),
    ]);
  }

  async #tidyNeeds(): Promise<void> {
    const { overflowed } = this.#unsettled;
    const writes: Promise<unknown>[] = [];
    for (const [name, id] of this.#asked) {
      // What is not there may only not have fitted.
      if (this.#unsettled.has(id) || (overflowed && !this.isSettled(id))) continue;
      this.#asked.delete(name);
      writes.push(this.#log.write({ key: { kind: "needs", group: this.group, ...id }, value: null }));
    }
    await Promise.all(writes);
  }

  /** Notes where the group begins; for its first member. See `Ledger.write`. */
  async writeStart(topic: string, offsets: ReadonlyMap<number, number>): Promise<void> {
    const named = Object.fromEntries([...offsets].map(([partition, offset]) => [String(partition), offset]));
    const value: StartValue = { format: 1, topic, offsets: named, time: new Date().toISOString() };
    await this.#log.write({ key: { kind: "start", group: this.group }, value });
    this.#start = value;
    this.#startedAtMs = Date.parse(value.time);
  }

  async #readStart(): Promise<void> {
    const reader = await this.#log.open([partitionOf(this.group, this.#log.partitions)]);
    try {
      while (!reader.caughtUp)
        for (const logged of await reader.read()) if (logged.entry.key.kind === "start") this.#take(logged);
    } finally {
      await reader.close();
    }
  }

  async #readAll(): Promise<void> {
    const beganMs = this.#now();
    await this.close();
    this.#incomplete = false;
    const loading = new Unsettled();
    this.#loading = loading;
    const all = Array.from({ length: this.#log.partitions }, (_, partition) => partition);
    const reader = await this.#log.open(all);
    this.#reader = reader;
    try {
      while (!reader.caughtUp) for (const logged of await reader.read()) this.#take(logged);
    } catch (error) {
      // The next try begins anew.
      await this.close();
      throw error;
    }
    this.#unsettled = loading;
    this.#loading = undefined;
    this.#readAtMs = this.#now();
    this.#readMs = this.#readAtMs - beganMs;
  }

  #isRereadDue(): boolean {
    if (!this.#reader) return true;
    const sinceMs = this.#now() - this.#readAtMs;
    // What did not fit is looked for once most of what did is settled.
    const mayBeMore = this.#incomplete || this.#unsettled.mayTakeMore;
    // Reading takes a tenth of the time at most, unless it takes minutes, or the agent was frozen meanwhile.
    const pauseMs = Math.min(Math.max(leastRereadMs, 10 * this.#readMs), longestPauseMs);
    return sinceMs >= (mayBeMore ? pauseMs : mostRereadMs);
  }

  #take({ entry, offset, timestampMs }: LoggedEntry): void {
    const { key, value } = entry;
    if (key.kind === "file") this.#takeFile(key, value as FileValue | null, offset);
    if (!("group" in key) || key.group !== this.group) return;
    if (key.kind === "start") {
      this.#start = (value as StartValue | null) ?? undefined;
      this.#startedAtMs = timestampMs;
      return;
    }
    // It is dropped already, or was written anew since.
    if (this.#moot.size > 0) this.#moot.delete(encodeEntryKey(key));
    if (key.kind === "needs") {
      if (value !== null) this.#asked.set(chunkKey(key), key);
      else if (this.#asked.get(chunkKey(key))?.version === key.version) this.#asked.delete(chunkKey(key));
    } else if (value === null) this.#takeBack(key, offset);
    else if (offset < (this.#takenBack.get(encodeEntryKey(key)) ?? 0)) return;
    else if (key.kind === "delivered") this.noteDelivered(key);
    else this.#noteFailed(key, offset);
  }

  #sayFloor(log: Log): void {
    const { floor } = this.#delivered;
    if (floor <= this.#saidFloor) return;
    this.#saidFloor = floor;
    const since = new Date(floor / 1000).toISOString();
    log.warn(
      `more files are delivered than can be remembered: what was sent before ${since} and gets lost is not noticed, and can't be delivered again`,
      { since },
    );
  }

  #settle(id: VersionId): void {
    this.#unsettled.settle(id);
    this.#loading?.settle(id);
  }

  /** Whether the version has failed, and its uploader has not said since that it has it. */
  #isFailed(id: VersionId): boolean {
    const file = chunkKey(id);
    const isLifted = (this.#sentAgainAt.get(file) ?? 0) > (this.#failedAt.get(file) ?? 0);
    return this.#failed.get(file) === id.version && !isLifted;
  }

  /** What was read before may be read again, and what this member has written may not be read yet: the offset decides. */
  #noteFailed(id: VersionId, offset: number): void {
    this.#failed.set(chunkKey(id), id.version);
    this.#failedAt.set(chunkKey(id), offset + 1);
    if (this.#isFailed(id)) this.#settle(id);
  }

  #takeFile(key: Extract<Entry["key"], { kind: "file" }>, value: FileValue | null, offset: number): void {
    const { uploader, path } = key;
    const newest = { uploader, path, version: value?.version ?? Number.MAX_SAFE_INTEGER };
    const unsettled = this.#loading ?? this.#unsettled;
    const wasUnsettled = this.#unsettled.has(newest);
    unsettled.settle(newest);
    if (value === null) this.#forget(key);
    const sent = value && toSent(newest, value);
    // Each time its uploader has it after all it is tried once more.
    if (sent && !sent.gone && this.#failed.get(chunkKey(sent)) === sent.version)
      this.#sentAgainAt.set(chunkKey(sent), offset + 1);
    if (!sent || this.isSettled(sent)) return;
    // Of what is that old, almost all was delivered and is forgotten, and nothing here tells the rest from it, but what
    // was known as missing before. What does not come by itself is not asked for: `#sayFloor`.
    if (sent.version <= this.#delivered.floor && !wasUnsettled) return;
    if (this.#concerns(sent) && pathProblem(path) === undefined) unsettled.put(sent);
  }

  /** The uploader has forgotten the file. Forgotten here as well, its receipts' tombstones are nobody's request. */
  #forget({ uploader, path }: { uploader: string; path: string }): void {
    const file = chunkKey({ uploader, path });
    const versions = {
      delivered: this.#delivered.get(file),
      failed: this.#failed.get(file),
      needs: this.#asked.get(file)?.version,
    };
    for (const [kind, version] of Object.entries(versions) as [ReceiptKind, number | undefined][]) {
      if (version === undefined || this.#moot.size >= maxMoot) continue;
      const key = { kind, group: this.group, uploader, path, version };
      this.#moot.set(encodeEntryKey(key), key);
    }
    for (const index of [this.#delivered, this.#again]) index.forget(file);
    for (const index of [this.#failed, this.#failedAt, this.#sentAgainAt]) index.forget(file);
    this.#asked.delete(file);
  }

  /** A receipt was taken back: what it stood for is asked for on purpose, or it was moot. */
  #takeBack(key: Extract<Entry["key"], { version: number }>, offset: number): void {
    const file = chunkKey(key);
    const index = key.kind === "delivered" ? this.#delivered : this.#failed;
    if (index.get(file) !== key.version || (this.#takenBack.get(encodeEntryKey(key)) ?? -1) >= offset) return;
    index.forget(file);
    if (key.kind === "delivered") this.#again.set(file, key.version);
    this.#takenBack.set(encodeEntryKey(key), offset);
    // What its uploader says of it was passed over: the ledger has to be read once more.
    if (!this.isDelivered(key)) this.#incomplete = true;
  }

  /** What was sent before the group began is none of its business. */
  #concerns(sent: Sent): boolean {
    const { topic, partition, offset, version } = sent;
    // What was asked for, and is in another topic now, was the group's business before.
    if (!this.#start || this.isAsked(sent)) return true;
    if (topic === this.#start.topic) return offset >= (this.#start.offsets[String(partition)] ?? 0);
    // Of a topic that came before or after the one that the group began with; versions are the brokers' microseconds.
    return version >= this.#startedAtMs * 1000;
  }
}

function toSent(id: VersionId, value: FileValue): Sent | undefined {
  const { state, size, checksum, topic, partition, offset, from } = value;
  if ((state !== "sent" && state !== "gone") || checksum === undefined) return undefined;
  if (topic === undefined || partition === undefined || offset === undefined) return undefined;
  const where = from === undefined ? undefined : decodeFrom(from);
  return { ...id, size, checksum, topic, partition, offset, from: where, gone: state === "gone" };
}
