/**
 * The uploader's view of the ledger: its own files' entries, its name, what groups say of its files, and the partition
 * all of that is in, which it follows while it runs.
 */
import { randomUUID } from "node:crypto";
import { hostname } from "node:os";
import { AgentError, messageOf } from "../lib/errors.ts";
import { pause, retry } from "../lib/retry.ts";
import { sideBySide } from "../lib/side-by-side.ts";
import type { Log } from "../observe/log.ts";
import type { FileValue, NameValue } from "../wire/entry.ts";
import { pathToDisplay } from "../wire/path.ts";
import { Feedback } from "./feedback.ts";
import type { Ledger, LedgerReader, LoggedEntry } from "./ledger.ts";
import type { GroupReceipt } from "./version-receipts.ts";
import { VersionClock } from "./versions.ts";

/** How long a holder of the name has for its answer, once our claim can be read. */
const answerMs = 2000;
const tidyMs = 3600_000;
/** What is gone and may not have arrived everywhere is remembered for so many times the chunks' retention. */
const unsettledTimes = 4;
/** Entries that are taken out of the ledger at a time. */
const forgottenAtATime = 32;

/** The first offset of a log's partition that is still there; infinity: the log is no more. Throws a `KafkaError`. */
export type LogStart = (topicId: string, partition: number) => Promise<number>;

export class UploaderLedger {
  readonly uploader: string;
  readonly feedback: Feedback;
  readonly #ledger: Ledger;
  readonly #log: Log;
  readonly #instance = randomUUID();
  /** Entries as their JSON text: one string each, a tenth of the objects that they would be. */
  readonly #files = new Map<string, string>();
  /** By the brokers' clock, milliseconds since 1970. */
  readonly #goneSinceMs = new Map<string, number>();
  #reader: LedgerReader;
  #name: NameValue | undefined;
  #highestSent = 0;
  #claimOffset = Number.POSITIVE_INFINITY;
  #heldBy: string | undefined;
  #versions = new VersionClock(0, 0);

  private constructor(
    uploader: string,
    ledger: Ledger,
    reader: LedgerReader,
    groups: readonly string[] | undefined,
    log: Log,
  ) {
    this.uploader = uploader;
    this.#ledger = ledger;
    this.#reader = reader;
    this.#log = log;
    this.feedback = new Feedback(groups, (path) => this.file(path), log);
  }

  /**
   * Reads what is known of the uploader's files. Throws a `KafkaError` when the ledger can't be read.
   *
   * @param groups whose receipts count; undefined: any group's
   */
  static async open(
    uploader: string,
    ledger: Ledger,
    groups: readonly string[] | undefined,
    log: Log,
  ): Promise<UploaderLedger> {
    const partition = ledger.partitionOf({ kind: "name", uploader });
    const self = new UploaderLedger(uploader, ledger, await ledger.open([partition]), groups, log);
    try {
      while (!self.#reader.caughtUp) await self.#take(await self.#reader.read());
      self.feedback.endLoading();
    } catch (error) {
      await self.close();
      throw error;
    }
    return self;
  }

  /**
   * Takes the name. Throws a permanent `AgentError` that names the other host when another agent holds it.
   * From then on `next version` is ordered by the brokers' clock.
   */
  async claim(): Promise<void> {
    const before = this.#name;
    const { offset, timestampMs } = await this.#writeName({ state: "held" });
    this.#claimOffset = offset;
    this.#versions = new VersionClock(this.#highest(), timestampMs);
    if (before?.state !== "held") return;
    const until = performance.now() + answerMs;
    while (performance.now() < until && this.#heldBy === undefined)
      await this.#take(await this.#reader.read());
    this.#throwIfHeldByAnother();
  }

  /**
   * Follows the ledger (but for the files' entries: it writes those itself) until the signal fires. Throws when another agent
   * turns out to hold the name.
   */
  async follow(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      const what = "following the ledger";
      await this.#take(await retry({ what, signal, log: this.#log }, () => this.#reader.read("file")));
      this.#throwIfHeldByAnother();
    }
  }

  file(path: string): FileValue | undefined {
    const text = this.#files.get(path);
    return text === undefined ? undefined : (JSON.parse(text) as FileValue);
  }

  paths(): IterableIterator<string> {
    return this.#files.keys();
  }

  /** Whether the path has an entry that does not say it is gone; asked for each file at each look. */
  isPresent(path: string): boolean {
    const text = this.#files.get(path);
    return text !== undefined && !text.includes('"state":"gone"');
  }

  /**
   * A group's word on a version that is newer than the path's entry: it was sent and stored, and this agent was killed before
   * it could note that. Not of one so old that its entry may be forgotten, nor of one that this agent can't have sent yet.
   */
  deliveredUnnoted(path: string, retentionMs: number): GroupReceipt | undefined {
    const receipt = this.feedback.deliveredUnnoted(path);
    const { nowMs } = this.#versions;
    const sentAtMs = (receipt?.version ?? 0) / 1000;
    return nowMs - retentionMs < sentAtMs && sentAtMs <= nowMs ? receipt : undefined;
  }

  /** Notes the newest state of a path, in the ledger and here. See `Ledger.write`. */
  async put(path: string, value: FileValue): Promise<void> {
    const before = this.file(path);
    this.#files.set(path, JSON.stringify(value));
    this.#highestSent = Math.max(this.#highestSent, value.version);
    if (value.state !== "gone") this.#goneSinceMs.delete(path);
    else if (before?.state !== "gone") this.#goneSinceMs.set(path, this.#versions.nowMs);
    this.feedback.noteEntry(path, before, value);
    await this.#ledger.write({ key: { kind: "file", uploader: this.uploader, path }, value });
  }

  /**
   * Forgets the paths that have been gone for longer than their chunks are kept, and that nobody waits for. Those that
   * somebody may wait for are kept four times as long. Chunks that are still there may be read again, and only what is
   * known of their version tells that they are done. See `Ledger.write`.
   */
  async forgetGone(retentionMs: number, logStart: LogStart): Promise<void> {
    // First: between a look at a path and its tombstone nothing may come that makes it one to keep.
    const starts = await this.#logStarts(this.#goneFor(retentionMs), logStart);
    const hasExpired = (path: string) => {
      const { topic, partition, offset } = this.file(path) ?? {};
      // Never sent whole: it can't be had from the log.
      return offset === undefined || offset < (starts.get(`${topic} ${partition}`) ?? 0);
    };
    await sideBySide(this.#goneFor(retentionMs), forgottenAtATime, async (path) => {
      if (hasExpired(path)) await this.#forget(path);
    });
  }

  /** Forgets what is gone from time to time, until the signal fires. */
  async keepTidy(retentionMs: number, logStart: LogStart, signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      await pause(tidyMs, signal);
      if (signal.aborted) return;
      await this.forgetGone(retentionMs, logStart).catch((error: unknown) => {
        if (!signal.aborted)
          this.#log.warn(`tidying the ledger: ${messageOf(error)}; tried again in an hour`);
      });
    }
  }

  /** The time by the brokers' clock, milliseconds since 1970; `undefined` before the name is claimed, or where they tell none. */
  get brokersNowMs(): number | undefined {
    const { nowMs } = this.#versions;
    return this.#claimOffset === Number.POSITIVE_INFINITY || nowMs < 0 ? undefined : nowMs;
  }

  nextVersion(): number {
    return this.#versions.next();
  }

  /** Gives the name back, so that the next start need not wait for an answer. */
  async release(): Promise<void> {
    await this.#writeName({ state: "released" });
  }

  close(): Promise<void> {
    return this.#reader.close();
  }

  async #take(entries: LoggedEntry[]): Promise<void> {
    for (const logged of entries) {
      const { key, value } = logged.entry;
      if (!("uploader" in key) || key.uploader !== this.uploader) continue;
      if (key.kind === "file") this.#takeFile(key.path, value as FileValue | null, logged.timestampMs);
      else if (key.kind === "name" && value) await this.#takeName(value as NameValue, logged.offset);
      else this.feedback.take(logged.entry, logged.offset);
    }
  }

  /** Only while loading: afterwards this agent is the only writer and knows more than the log. */
  #takeFile(path: string, read: FileValue | null, timestampMs: number): void {
    if (this.#claimOffset !== Number.POSITIVE_INFINITY) return;
    // What is not said in full is not known: the file is sent again.
    const value = read && isWhole(read) ? read : null;
    const before = this.file(path);
    if (value) this.#files.set(path, JSON.stringify(value));
    else this.#files.delete(path);
    this.feedback.noteEntry(path, before, value ?? undefined);
    if (value?.state === "gone") this.#goneSinceMs.set(path, timestampMs);
    else this.#goneSinceMs.delete(path);
    this.#highestSent = Math.max(this.#highestSent, value?.version ?? 0);
  }

  async #takeName(value: NameValue, offset: number): Promise<void> {
    if (value.instance === this.#instance) return;
    if (value.answers === this.#instance) this.#heldBy = value.host;
    if (offset < this.#claimOffset) this.#name = value;
    else if (value.state === "held" && value.answers === undefined) {
      this.#log.warn(
        `${value.host} has started an agent with this one's name "${this.uploader}"; it is told to stop`,
      );
      await this.#writeName({ state: "held", answers: value.instance });
    }
  }

  *#goneFor(retentionMs: number): Generator<string> {
    const nowMs = this.#versions.nowMs;
    for (const [path, sinceMs] of this.#goneSinceMs) {
      const times = this.feedback.isSettled(path) ? 1 : unsettledTimes;
      if (sinceMs + retentionMs * times <= nowMs) yield path;
    }
  }

  async #forget(path: string): Promise<void> {
    const before = this.file(path);
    if (!this.feedback.isSettled(path) && before?.checksum !== undefined) this.#sayLost(path, before.version);
    this.#files.delete(path);
    this.#goneSinceMs.delete(path);
    this.feedback.noteEntry(path, before, undefined);
    await this.#ledger.write({ key: { kind: "file", uploader: this.uploader, path }, value: null });
  }

  #sayLost(path: string, version: number): void {
    const message = `version ${version} is forgotten: its file has been gone for long, and not everybody has said to have it`;
    this.#log.error(`${pathToDisplay(path)}: ${message}`, { path, version });
  }

  /** By topic and partition, where the logs begin that these paths were sent to. */
  async #logStarts(paths: Iterable<string>, logStart: LogStart): Promise<ReadonlyMap<string, number>> {
    const asked = new Map<string, Promise<number>>();
    for (const path of paths) {
      const { topic, partition } = this.file(path) ?? {};
      const name = `${topic} ${partition}`;
      if (topic === undefined || partition === undefined || asked.has(name)) continue;
      const start = logStart(topic, partition).catch((error: unknown) => {
        this.#log.warn(
          `what is gone and was sent to partition ${partition} is forgotten later: ${messageOf(error)}`,
        );
        return 0;
      });
      asked.set(name, start);
    }
    return new Map(await Promise.all([...asked].map(async ([name, start]) => [name, await start] as const)));
  }

  #writeName(value: Pick<NameValue, "state" | "answers">) {
    const full: NameValue = {
      format: 1,
      instance: this.#instance,
      host: hostname(),
      highest: this.#highest(),
      ...value,
    };
    return this.#ledger.write({ key: { kind: "name", uploader: this.uploader }, value: full });
  }

  #highest(): number {
    return Math.max(this.#versions.highest, this.#name?.highest ?? 0, this.#highestSent);
  }

  #throwIfHeldByAnother(): void {
    if (this.#heldBy === undefined) return;
    throw new AgentError(
      `the name "${this.uploader}" is in use by an agent on ${this.#heldBy}: give this one another name`,
      "permanent",
    );
  }
}

/** Whether an entry has what its state needs: a version that was sent has a content and a place. */
function isWhole({ state, checksum, topic, partition, offset }: FileValue): boolean {
  if (state !== "sent") return true;
  return checksum !== undefined && topic !== undefined && partition !== undefined && offset !== undefined;
}
