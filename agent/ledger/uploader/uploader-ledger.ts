/**
 * The uploader's view of the ledger: its own files' entries, what groups say of its files, and the partition all of that is
 * in, which it follows while it runs. What is known here follows what is written: nothing is known that a restart would not
 * find. Its name is in `name-claim.ts`, forgetting what is gone in `forget-gone.ts`.
 */
import type { Topic } from "../../kafka/topics/topics.ts";
import { AgentError } from "../../lib/errors.ts";
import { forEachConcurrent } from "../../lib/for-each-concurrent.ts";
import { retry } from "../../lib/retry.ts";
import type { Log } from "../../observe/log.ts";
import { RareWarnings } from "../../observe/rare-warnings.ts";
import {
  type DeliveredEntry,
  type Entry,
  type FileValue,
  fileValueOf,
  keyOf,
  tombstone,
} from "../../wire/entry.ts";
import { pathToDisplay } from "../../wire/path.ts";
import { checkLayout } from "../layout.ts";
import type { Ledger, LedgerReader, LoggedEntry } from "../ledger.ts";
import { Feedback } from "./feedback.ts";
import { NameClaim, NameTakenError } from "./name-claim.ts";
import { BrokerTime } from "./version-clock.ts";
import type { GroupReceipt } from "./version-receipts.ts";

/** Entries that are written side by side when the ledger was made anew. */
const writtenAtATime = 256;

/** The chunks' topic as it is now. */
export interface ChunksTopic {
  readonly value: Pick<Topic, "id">;
  refresh(): Promise<void>;
}

export class UploaderLedger {
  readonly uploader: string;
  readonly feedback: Feedback;
  readonly #ledger: Ledger;
  readonly #log: Log;
  readonly #warnings: RareWarnings;
  readonly #name: NameClaim;
  readonly #brokerTime = new BrokerTime();
  readonly #partition: number;
  /** Entries as their JSON text: one string each, a tenth of the objects that they would be. */
  readonly #files = new Map<string, string>();
  /** By the brokers' clock, milliseconds since 1970. */
  readonly #goneSinceMs = new Map<string, number>();
  /** The last of what is to be written of a path; the next one waits for it. */
  readonly #lastOf = new Map<string, Promise<void>>();
  readonly #writing = new Set<Promise<void>>();
  #reader: LedgerReader;
  #reading: Promise<void> | undefined;
  #isLoading = true;
  /** The ledger that this is of; another one is caught up with. */
  #ledgerId: string;
  #catchingUp: PromiseWithResolvers<void> | undefined;

  private constructor(
    uploader: string,
    ledger: Ledger,
    reader: LedgerReader,
    groups: readonly string[] | undefined,
    log: Log,
    named: readonly string[] | undefined,
  ) {
    this.uploader = uploader;
    this.#ledger = ledger;
    this.#ledgerId = ledger.id;
    this.#partition = ledger.partitionOf({ kind: "name", uploader });
    this.#reader = reader;
    this.#log = log;
    this.#warnings = new RareWarnings(log);
    this.feedback = new Feedback(groups, (path) => this.file(path), log, named);
    const name = {
      write: ledger.write.bind(ledger),
      readOn: () => this.#readOn(),
      readToEnd: () => this.#readToEnd(),
    };
    this.#name = new NameClaim(uploader, name, log);
  }

  /**
   * Reads what is known of the uploader's files. Throws a `KafkaError` when the ledger can't be read.
   *
   * @param groups whose receipts count; undefined: any group's
   * @param named groups that the settings name, whether they count or not
   */
  static async open(
    uploader: string,
    ledger: Ledger,
    groups: readonly string[] | undefined,
    log: Log,
    named?: readonly string[],
  ): Promise<UploaderLedger> {
    const partition = ledger.partitionOf({ kind: "name", uploader });
    const self = new UploaderLedger(uploader, ledger, await ledger.open([partition]), groups, log, named);
    try {
      while (!self.#reader.caughtUp) await self.#readOn();
      self.feedback.endLoading();
    } catch (error) {
      await self.close();
      throw error;
    }
    return self;
  }

  /**
   * Takes the name. Throws a `NameTakenError` that names the other host when another agent works under it. From then on
   * this agent is the only writer of its files' entries.
   */
  async claim(): Promise<void> {
    // Until then whoever had it may still write: it is just being stopped.
    await this.#name.claim();
    this.#isLoading = false;
  }

  /**
   * Follows the ledger (but for the files' entries: it writes those itself) until the signal fires; a ledger that was made
   * anew is caught up with. Throws a `NameTakenError` when another agent has the name.
   */
  async follow(chunks: ChunksTopic, signal: AbortSignal): Promise<void> {
    const giveUp = (error: unknown) => error instanceof NameTakenError;
    const options = { what: "following the ledger", signal, log: this.#log, giveUp };
    try {
      while (!signal.aborted) {
        await retry(options, async () => {
          if (this.#ledger.id !== this.#ledgerId) await this.#catchUp(chunks);
          await this.#readOn();
        });
        this.#name.throwIfTaken();
        this.#name.answerIfAsked();
      }
    } finally {
      this.#catchingUp?.resolve();
    }
  }

  file(path: string): FileValue | undefined {
    const text = this.#files.get(path);
    return text === undefined ? undefined : JSON.parse(text);
  }

  paths(): IterableIterator<string> {
    return this.#files.keys();
  }

  /** Whether the path has an entry that does not say it is gone; asked for each file at each look. */
  isPresent(path: string): boolean {
    const text = this.#files.get(path);
    return text !== undefined && !text.includes('"state":"gone"');
  }

  /** What is gone, and for how long: milliseconds by the brokers' clock. */
  *gone(): Generator<[path: string, goneMs: number]> {
    for (const [path, sinceMs] of this.#goneSinceMs) yield [path, this.#name.nowMs - sinceMs];
  }

  /**
   * A group's word on a version that is newer than the path's entry: it was sent and stored, and this agent was killed before
   * it could note that. Not of one so old that its entry may be forgotten, nor of one that this agent can't have sent yet.
   */
  deliveredUnnoted(path: string, retentionMs: number): GroupReceipt | undefined {
    const receipt = this.feedback.deliveredUnnoted(path);
    if (!receipt || !this.#name.canBeGiven(receipt.version)) return undefined;
    return this.#name.nowMs - retentionMs < receipt.version / 1000 ? receipt : undefined;
  }

  /**
   * Resolves when the ledger can be written and the name is known to be ours: nothing is sent or taken away before. Throws
   * a `NameTakenError`, and an `AgentError` when the agent is being stopped.
   */
  async ready(): Promise<void> {
    await this.#ledger.writable();
    await this.#catchingUp?.promise;
    if (this.#catchingUp) throw new AgentError("the agent is being stopped", "permanent");
    await this.#ledger.retrying("making sure of the name", () => this.#name.confirm());
  }

  /** Notes the newest state of a path, in the ledger and then here. See `Ledger.write` and `ready`. */
  put(path: string, value: FileValue): Promise<void> {
    return this.#inTurn(path, () => this.#write(path, value));
  }

  /** Takes the path's entry out of the ledger, and then forgets it. See `put`. */
  forget(path: string): Promise<void> {
    return this.#inTurn(path, async () => {
      const before = this.file(path);
      if (!this.feedback.isSettled(path) && before?.checksum !== undefined)
        this.#sayLost(path, before.version, "its file has been gone for long");
      await this.#ledger.write(tombstone({ kind: "file", uploader: this.uploader, path }));
      this.#know(path, undefined, this.#name.nowMs);
    });
  }

  /** The time by the brokers' clock, milliseconds since 1970; `undefined` before the name is claimed, or where they tell none. */
  get brokersNowMs(): number | undefined {
    const { nowMs, epoch } = this.#name;
    return epoch === undefined || nowMs < 0 ? undefined : nowMs;
  }

  /** A version higher than every one before. See `ready`. */
  async nextVersion(): Promise<number> {
    await this.ready();
    return this.#name.nextVersion();
  }

  /** Gives the name back, so that the next start need not wait for an answer. */
  async release(): Promise<void> {
    await this.#name.release();
  }

  close(): Promise<void> {
    return this.#reader.close();
  }

  /** One write of a path after the other, in the order in which they were asked for. */
  #inTurn(path: string, write: () => Promise<void>): Promise<void> {
    const before = this.#lastOf.get(path);
    const turn = async () => {
      await before?.catch(() => undefined);
      await this.ready();
      const writing = write();
      this.#writing.add(writing);
      await writing.finally(() => this.#writing.delete(writing));
    };
    const mine = turn();
    this.#lastOf.set(path, mine);
    const end = () => {
      if (this.#lastOf.get(path) === mine) this.#lastOf.delete(path);
    };
    mine.then(end, end);
    return mine;
  }

  async #write(path: string, given: FileValue): Promise<void> {
    const value = { ...given, epoch: undefined };
    // A request of a ledger that is no more: its offset would pass over those of this one.
    if ((value.answered ?? -1) >= this.#reader.position(this.#partition)) delete value.answered;
    const { epoch } = this.#name;
    const key = { kind: "file", uploader: this.uploader, path } as const;
    await this.#ledger.write(epoch === undefined ? { ...key, ...value } : { ...key, ...value, epoch });
    this.#know(path, value, this.#name.nowMs);
  }

  /** The ledger has it: from now on it is so. */
  #know(path: string, value: FileValue | undefined, nowMs: number): void {
    const before = this.file(path);
    if (value) this.#files.set(path, JSON.stringify(value));
    else this.#files.delete(path);
    if (value?.state !== "gone") this.#goneSinceMs.delete(path);
    else if (before?.state !== "gone") this.#goneSinceMs.set(path, nowMs);
    if (value) this.#name.saw(value.version);
    this.feedback.noteEntry(path, before, value);
  }

  /** Reads on, waiting a moment; all who want to read share it. */
  #readOn(): Promise<void> {
    this.#reading ??= this.#readSome().finally(() => {
      this.#reading = undefined;
    });
    return this.#reading;
  }

  async #readSome(): Promise<void> {
    const entries = await this.#reader.read(this.#isLoading ? undefined : "file");
    for (const logged of entries) this.#take(logged);
  }

  async #readToEnd(): Promise<void> {
    const end = await this.#ledger.endOf(this.#partition);
    while (end > 0 && this.#reader.position(this.#partition) < end) await this.#readOn();
  }

  #take({ entry, offset, timestampMs }: LoggedEntry): void {
    this.#brokerTime.note(timestampMs);
    const key = keyOf(entry);
    if (!("uploader" in key) || key.uploader !== this.uploader) return;
    if (key.kind === "file")
      this.#takeFile(key.path, entry.kind === "file" ? fileValueOf(entry) : undefined, timestampMs);
    else if (key.kind === "name" || key.kind === "claim") this.#takeName(entry, offset);
    else if (this.#isCredible(key.version, `${key.kind} of ${key.path}`)) {
      this.feedback.take(entry, offset);
      if (entry.kind === "delivered") this.#noteNewer(entry);
      if (entry.kind === "delivered" || entry.kind === "failed") this.#name.saw(entry.version);
    }
  }

  /** Only while loading: afterwards this agent is the only writer and knows more than the log. */
  #takeFile(path: string, read: FileValue | undefined, timestampMs: number): void {
    if (!this.#isLoading) return;
    // A frozen agent's, that had lost the name: whoever has it knows better.
    if ((read?.epoch ?? Number.POSITIVE_INFINITY) < this.#name.knownEpoch) return;
    // What is not said in full is not known: the file is sent again.
    const isKnown = read && read.state !== "incomplete" && this.#isCredible(read.version, path);
    this.#know(path, isKnown ? { ...read, epoch: undefined } : undefined, timestampMs);
  }

  #takeName(entry: Entry, offset: number): void {
    const isForged = entry.kind === "name" && !this.#isCredible(entry.highest, "its name");
    this.#name.take(isForged ? { ...entry, highest: 0 } : entry, offset);
  }

  /** No number that nothing could follow is believed, wherever it stands. */
  #isCredible(version: number, where: string): boolean {
    if (this.#brokerTime.isPlausible(version)) return true;
    this.#warnings.warn(
      "version",
      `an entry of the ledger has the impossible version ${version} (${pathToDisplay(where)}): it is ignored`,
    );
    return false;
  }

  /** A group has a version that this agent never gave, above the one it has sent: it will not take that one. */
  #noteNewer({ path, version, checksum }: DeliveredEntry): void {
    const entry = this.file(path);
    if (this.#isLoading || entry?.state !== "sent" || version <= entry.version) return;
    if (checksum === entry.checksum || this.#name.canBeGiven(version)) return;
    this.feedback.onNews?.({ kind: "newer", path, version });
  }

  /**
   * The ledger was deleted and made anew: the name is claimed there, and what is known is written again, as far as it is still
   * so. What nobody is known to have, and was sent to a log that is no more, is forgotten: the next look finds its file.
   */
  async #catchUp(chunks: ChunksTopic): Promise<void> {
    const { id } = this.#ledger;
    this.#catchingUp ??= Promise.withResolvers();
    this.#log.warn(
      "the ledger is another one now: what is known is written to it, what may be lost is sent again",
    );
    await Promise.allSettled(this.#writing);
    await chunks.refresh();
    await checkLayout(this.#ledger);
    await this.#reader.close();
    this.#reader = await this.#ledger.open([this.#partition]);
    this.feedback.beginAnew();
    this.#name.beginAnew();
    while (!this.#reader.caughtUp) await this.#readOn();
    await this.#name.claim();
    await this.#writeAgain(chunks.value.id);
    this.#ledgerId = id;
    this.#catchingUp.resolve();
    this.#catchingUp = undefined;
  }

  async #writeAgain(chunksId: string): Promise<void> {
    let forgotten = 0;
    const paths = [...this.#files.keys()];
    await forEachConcurrent(paths, writtenAtATime, async (path) => {
      const entry = this.file(path);
      if (!entry) return;
      const isThere = entry.topic === chunksId || this.feedback.isDeliveredToAll(path);
      const isOver = entry.state === "gone" || entry.state === "abandoned";
      if (entry.state === "gone" && !isThere && entry.checksum !== undefined)
        this.#sayLost(path, entry.version, "its file is gone, and so is the log that it was sent to");
      if (isThere || isOver) return this.#write(path, { ...entry, answered: undefined });
      forgotten++;
      this.#know(path, undefined, 0);
    });
    this.#log.info(
      `the ledger is written anew: ${paths.length - forgotten} entries, ${forgotten} files are sent again`,
    );
  }

  #sayLost(path: string, version: number, why: string): void {
    const message = `version ${version} is forgotten: ${why}, and not everybody has said to have it`;
    this.#log.error(`${pathToDisplay(path)}: ${message}`, { path, version });
  }
}
