/**
 * An uploader's side of the protocol, without files: it sends versions in chunks of any size, notes them in the ledger,
 * goes on after a crash, answers what is asked for, and says what is gone.
 */

import { BrokerTime, VersionClock } from "../../agent/ledger/uploader/version-clock.ts";
import { chunkKey, encodeAbandoned, encodeChunk, encodeFrom, type From } from "../../agent/wire/chunk.ts";
import { type Entry, fileValueOf, keyOf, tombstone } from "../../agent/wire/entry.ts";
import {
  type FileFacts,
  type FileValue,
  type NeedsValue,
  wasSentWhole,
} from "../../agent/wire/entry-value.ts";
import { partitionOf } from "../../agent/wire/numbers.ts";
import type { Random } from "../support/random.ts";
import type { SimulatedLedger } from "./ledger.ts";
import type { SimulatedTopic } from "./topic.ts";
import { md5, type TrueVersion, type Truth } from "./truth.ts";
import { Process, type Turns } from "./turns.ts";

export interface UploaderWorld {
  turns: Turns;
  random: Random;
  topic: SimulatedTopic;
  ledger: SimulatedLedger;
  truth: Truth;
  checks: { violate(what: string): void };
  /** Versions are given without a lease. */
  leasesNothing: boolean;
}

/** A file to send, as it is now. */
interface Source {
  content: Buffer;
  mtime: bigint;
  chunkBytes: number;
}

/** What happens to the next chunk on its way. */
export type Damage = "none" | "corrupt" | "lie";

class Changed extends Error {}

/** Versions of more bytes note where they are while they are sent. */
const checkpointBytes = 300;

export class SimulatedUploader {
  readonly name: string;
  readonly #world: UploaderWorld;
  readonly #sources = new Map<string, Source>();
  readonly #removed = new Map<string, Source>();
  /** What the ledger says of each path, by what it was sent of. */
  #entries = new Map<string, FileValue>();
  #sent = new Map<string, { source: Source; version: TrueVersion }>();
  #busy = new Map<string, { again: boolean }>();
  #asked = new Map<string, { version: number; ranges: NeedsValue["ranges"] }>();
  /** Whether the ledger was read to its end. */
  #hasRead = false;
  #brokerTime = new BrokerTime();
  #clock = new VersionClock(0, 0);
  /** No version above it may be given. */
  #leased = 0;
  /** No ledger tells any more what was given up to here. */
  #floor = 0;
  #process: Process;
  damage: Damage = "none";
  /** So many of the next requests are lost on it, until its next start. */
  missesRequests = 0;
  /** Whether that has happened since its start. */
  hasMissed = false;

  constructor(name: string, world: UploaderWorld) {
    this.name = name;
    this.#world = world;
    this.#process = new Process(name);
  }

  get process(): Process {
    return this.#process;
  }

  get isUp(): boolean {
    return this.#process.alive && !this.#process.frozen;
  }

  hasSource(path: string): boolean {
    return this.#sources.has(path);
  }

  /** Whether nothing is being sent, or about to be. */
  get isIdle(): boolean {
    return this.#hasRead && this.#busy.size === 0;
  }

  /** A file is there, or is another one than before. */
  put(path: string, bytes: number, chunkBytes: number): void {
    const { random } = this.#world;
    // Any time: also one before the retention's.
    const mtime = BigInt(random.below(2_000_000_000)) * 1_000_000_007n;
    this.#sources.set(path, { content: random.bytes(bytes), mtime, chunkBytes });
    this.#tend(path);
  }

  /** The file is there no more. */
  remove(path: string): void {
    const source = this.#sources.get(path);
    if (source) this.#removed.set(path, source);
    this.#sources.delete(path);
    this.#tend(path);
  }

  /** The very file that was removed last is there again, unless there is another. */
  bringBack(path: string): void {
    const source = this.#removed.get(path);
    if (!source || this.#sources.has(path)) return;
    this.#sources.set(path, source);
    this.#tend(path);
  }

  /** Forgets what is gone and has no chunk in the topic any more. */
  forgetGone(): void {
    const { topic, ledger } = this.#world;
    if (!this.isUp || !this.#hasRead) return;
    for (const [path, { state }] of this.#entries) {
      const key = chunkKey({ uploader: this.name, path });
      if (state !== "gone" || this.#busy.has(path) || topic.has(key)) continue;
      this.#entries.delete(path);
      void ledger.for(this.#process).write(tombstone({ kind: "file", uploader: this.name, path }));
    }
  }

  crash(): void {
    this.#world.turns.kill(this.#process);
  }

  /** The ledger was deleted and made anew. @param remembers whether it notes there what it had noted before */
  ledgerIsNew(remembers: boolean): void {
    this.#floor = this.#world.truth.highestVersion;
    if (!this.#process.alive) return;
    const known = this.#entries;
    this.crash();
    this.start(remembers ? known : undefined);
  }

  /** @param known what it notes again if the ledger does not have it */
  start(known?: ReadonlyMap<string, FileValue>): void {
    this.#process = new Process(this.name);
    this.#entries = new Map();
    this.#busy = new Map();
    this.#asked = new Map();
    this.#hasRead = false;
    this.missesRequests = 0;
    this.hasMissed = false;
    this.#leased = 0;
    void this.#follow(this.#process, known);
  }

  /** Looks at each file again, as a rescan does. */
  rescan(): void {
    for (const path of new Set([...this.#sources.keys(), ...this.#entries.keys()])) this.#tend(path);
  }

  /** Says that no version above this one was ever given. Returns the brokers' time, milliseconds since 1970. */
  async #lease(process: Process, highest: number): Promise<number> {
    const { ledger, leasesNothing } = this.#world;
    const name = { format: 1, instance: "1", host: "", state: "held" } as const;
    const key = { kind: "name", uploader: this.name } as const;
    const value = { ...name, highest: leasesNothing ? 0 : highest };
    const { timestampMs } = await ledger.for(process).write({ ...key, ...value });
    return timestampMs;
  }

  async #follow(process: Process, known: ReadonlyMap<string, FileValue> = new Map()): Promise<void> {
    const { ledger } = this.#world;
    let highest = 0;
    const all = Array.from({ length: ledger.for(process).partitions }, (_, partition) => partition);
    const reader = await ledger.for(process).open(all);
    for (;;) {
      for (const { entry, timestampMs } of await reader.read()) {
        this.#brokerTime.note(timestampMs);
        this.#take(entry);
        if (!this.#hasRead) highest = Math.max(highest, this.#givenBy(entry));
      }
      if (this.#hasRead || !reader.caughtUp) continue;
      highest = Math.max(highest, this.#floor);
      const brokerTimeMs = await this.#lease(process, highest);
      this.#clock = new VersionClock(highest, brokerTimeMs, () => this.#world.turns.nowMs);
      for (const [path, value] of known) if (!this.#entries.has(path)) await this.#put(path, value);
      this.#hasRead = true;
      this.rescan();
    }
  }

  /** The highest version that an entry tells to have been given. */
  #givenBy(entry: Entry): number {
    if (!("uploader" in entry) || entry.uploader !== this.name) return 0;
    const given = "version" in entry ? entry.version : "highest" in entry ? entry.highest : 0;
    return entry.kind !== "needs" && this.#brokerTime.isPlausible(given) ? given : 0;
  }

  #take(entry: Entry): void {
    const key = keyOf(entry);
    if (key.kind === "file" && key.uploader === this.name && !this.#hasRead) {
      // What nobody can have given is not known.
      if (entry.kind !== "file" || !this.#brokerTime.isPlausible(entry.version))
        this.#entries.delete(key.path);
      else this.#entries.set(key.path, fileValueOf(entry));
    }
    if (key.kind !== "needs" || key.uploader !== this.name) return;
    if (entry.kind !== "needs") this.#asked.delete(key.path);
    else if (this.missesRequests > 0) {
      this.missesRequests--;
      this.hasMissed = true;
    } else this.#asked.set(key.path, { version: key.version, ranges: entry.ranges });
    this.#tend(key.path);
  }

  /** Does what there is to do for a path, one thing after the other. */
  #tend(path: string): void {
    // What is there is looked at once the ledger is read.
    if (!this.#process.alive || !this.#hasRead) return;
    const running = this.#busy.get(path);
    if (running) {
      running.again = true;
      return;
    }
    const state = { again: false };
    const busy = this.#busy;
    busy.set(path, state);
    const tend = async () => {
      do {
        state.again = false;
        await this.#tendOnce(path).catch((error: unknown) => {
          if (!(error instanceof Changed)) throw error;
          state.again = true;
        });
      } while (state.again);
      busy.delete(path);
    };
    void tend();
  }

  async #tendOnce(path: string): Promise<void> {
    const source = this.#sources.get(path);
    const entry = this.#entries.get(path);
    const asked = this.#asked.get(path);
    const sent = this.#sent.get(path);
    this.#asked.delete(path);
    if (!source) {
      if (entry?.state === "sent" || (entry?.state === "gone" && asked))
        await this.#put(path, { ...entry, state: "gone" });
      return;
    }
    const isKnown = sent?.source === source && entry?.version === sent.version.version;
    if (isKnown && wasSentWhole(entry) && entry.state === "gone")
      await this.#put(path, { ...entry, state: "sent" });
    if (!isKnown || (entry.state !== "sent" && entry.state !== "gone")) await this.#send(path, source, entry);
    else if (asked?.version === entry.version)
      await this.#answer(path, source, sent.version, entry, asked.ranges);
  }

  async #send(path: string, source: Source, entry: FileValue | undefined): Promise<void> {
    const { topic, random } = this.#world;
    const sent = this.#sent.get(path);
    const isResumed =
      sent?.source === source &&
      entry?.state === "sending" &&
      entry.version === sent.version.version &&
      entry.topic === topic.id;
    const version = isResumed ? sent.version : await this.#newVersion(path, source);
    this.#sent.set(path, { source, version });
    const partition = isResumed ? (entry.partition ?? 0) : partitionOf(chunkKey(version), topic.partitions);
    let from = this.#end(partition);
    if (isResumed)
      from = { topic: topic.id, offsets: [{ partition, offset: Number(entry.from?.split("@")[1]) }] };
    let at = isResumed ? (entry.acknowledged ?? 0) : 0;
    const size = source.content.length;
    const note = (acknowledged: number) =>
      this.#put(path, {
        ...this.#value(version, "sending"),
        topic: from.topic,
        partition,
        from: encodeFrom(from),
        acknowledged,
      });
    if (size > checkpointBytes && !isResumed) await note(0);
    let last = 0;
    try {
      do {
        const length = Math.min(this.#chunkBytes(source), size - at);
        last = await this.#chunk(path, source, version, partition, from, at, length);
        at += length;
        if (size > checkpointBytes && at < size && random.below(4) === 0) await note(at);
        // A topic that was made again has nothing of it; not everybody notices in time.
        if (topic.id !== from.topic && random.below(3) > 0) {
          from = this.#end(partition);
          at = 0;
        }
      } while (at < size);
    } catch (error) {
      if (error instanceof Changed) await this.#giveUp(path, version, partition);
      throw error;
    }
    const where = { topic: from.topic, partition, from: encodeFrom(from), offset: last };
    await this.#put(path, { ...this.#value(version, "sent"), ...where, checksum: version.checksum });
  }

  /** Sends ranges again; the entry says where they are then. */
  async #answer(
    path: string,
    source: Source,
    version: TrueVersion,
    entry: FileValue,
    ranges: NeedsValue["ranges"],
  ): Promise<void> {
    const { topic } = this.#world;
    const partition = entry.partition ?? 0;
    const from = this.#end(partition);
    let last = 0;
    for (const [start, end] of ranges) {
      let at = start;
      do {
        const length = Math.min(this.#chunkBytes(source), end - at);
        last = await this.#chunk(path, source, version, partition, from, at, length);
        at += length;
      } while (at < end);
    }
    const isSame = entry.topic === topic.id;
    const where = {
      topic: from.topic,
      partition,
      from: isSame ? entry.from : encodeFrom(from),
      offset: isSame ? Math.max(entry.offset ?? 0, last) : last,
    };
    await this.#put(path, { ...entry, ...where });
  }

  /** Returns its offset in the log. */
  #chunk(
    path: string,
    source: Source,
    version: TrueVersion,
    partition: number,
    from: From,
    offset: number,
    length: number,
  ): Promise<number> {
    const { turns, random, topic } = this.#world;
    return turns.take(this.#process, () => {
      if (this.#sources.get(path) !== source) throw new Changed();
      const value = Buffer.from(source.content.subarray(offset, offset + length));
      const damage = length > 0 ? this.damage : "none";
      if (damage !== "none") this.damage = "none";
      if (damage === "lie") {
        version.lied = true;
        value[0] = (value[0] ?? 0) ^ 1;
      }
      const isLast = offset + length === source.content.length;
      const headers = encodeChunk({
        kind: "chunk",
        uploader: this.name,
        path,
        version: version.version,
        offset,
        size: source.content.length,
        mtime: version.mtime,
        value,
        index: 1,
        count: 1,
        algorithm: "md5",
        ...(length < source.content.length ? { from } : {}),
        ...(isLast ? { checksum: version.checksum } : {}),
      });
      if (damage === "corrupt") value[0] = (value[0] ?? 0) ^ 1;
      const record = { key: chunkKey(version), headers, value };
      // A producer without idempotence sends a record twice now and then.
      if (random.below(12) === 0) topic.append(partition, record);
      return topic.append(partition, record);
    });
  }

  async #giveUp(path: string, version: TrueVersion, partition: number): Promise<void> {
    const { turns, topic } = this.#world;
    version.abandoned = true;
    const headers = encodeAbandoned(version, "changed while it was read");
    const record = { key: chunkKey(version), headers, value: Buffer.alloc(0) };
    await turns.take(this.#process, () => topic.append(partition, record));
    await this.#put(path, { ...this.#value(version, "abandoned"), reason: "changed" });
  }

  async #newVersion(path: string, source: Source): Promise<TrueVersion> {
    const { content, mtime } = source;
    const id = { uploader: this.name, path, version: await this.#nextVersion() };
    const version = { ...id, content, mtime, checksum: md5(content), lied: false, abandoned: false };
    const wrong = this.#world.truth.begin(version);
    if (wrong !== undefined) this.#world.checks.violate(wrong);
    return version;
  }

  /** As the agent does: none that is not leased before. */
  async #nextVersion(): Promise<number> {
    for (;;) {
      const version = this.#clock.next(this.#leased);
      if (version !== undefined) return version;
      const until = this.#clock.nextLease(this.#leased);
      await this.#lease(this.#process, until);
      this.#leased = Math.max(this.#leased, until);
    }
  }

  #value<const State extends FileValue["state"]>(
    version: TrueVersion,
    state: State,
  ): FileFacts & { state: State } {
    const { content, mtime } = version;
    const time = { mtime: String(mtime), ctime: String(mtime), inode: "1" };
    return { format: 1, version: version.version, state, size: content.length, ...time };
  }

  async #put(path: string, value: FileValue): Promise<void> {
    this.#entries.set(path, value);
    await this.#world.ledger.for(this.#process).write({ kind: "file", uploader: this.name, path, ...value });
  }

  #end(partition: number): From {
    const { topic } = this.#world;
    return { topic: topic.id, offsets: [{ partition, offset: topic.high(partition) }] };
  }

  /** Other sizes at other times. */
  #chunkBytes({ chunkBytes }: Source): number {
    const { random } = this.#world;
    return random.below(4) === 0 ? 1 + random.below(2 * chunkBytes) : chunkBytes;
  }
}
