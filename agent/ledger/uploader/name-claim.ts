/**
 * An uploader's hold on its name: one agent works under it at a time. Whoever comes asks first whether the holder is alive, and
 * takes the name only when no answer comes; the holder makes sure now and then that nobody has, and before it does anything
 * when it could have been frozen meanwhile. The rules are in docs/protocol.md.
 */
import { randomUUID } from "node:crypto";
import { hostname } from "node:os";
import { AgentError } from "../../lib/errors.ts";
import { Moment } from "../../lib/moment.ts";
import { pause } from "../../lib/retry.ts";
import { hasEnded, thisProcess } from "../../lib/this-process.ts";
import type { Log } from "../../observe/log.ts";
import { RareWarnings } from "../../observe/rare-warnings.ts";
import type { Entry } from "../../wire/entry.ts";
import type { ClaimValue, NameValue } from "../../wire/entry-value.ts";
import { isBeside } from "../../wire/filed-under.ts";
import { RecreatedError } from "../recreated-error.ts";
import { type Holder, NameRecords } from "./name-records.ts";
import { NameTakenError } from "./name-taken-error.ts";
import type { OwnPartition } from "./own-partition.ts";
import { VersionLease } from "./version-lease.ts";

/** How long a holder has for its answer, once our question can be read. */
const answerMs = 10_000;
/** How long the name is known to be held after the log was read to its end: less than anybody waits for an answer. */
const heldMs = 5000;
/** Answers are this far apart: one is for all who have asked before. */
const answersApartMs = 1000;
const readAgainMs = 1000;
/** So often the log is read to its end at most for one who asks. */
const mostConfirms = 3;
const claiming = "claiming the name";

/** The ledger, as far as the name needs it. What is read is given to `NameClaim.apply`. */
export type NameLog = Pick<OwnPartition, "write" | "readOn" | "readToEnd" | "requireSame">;

export class NameClaim {
  /** The numbers that may be given under the hold. */
  readonly versions = new VersionLease((highest) => this.#writeHeld(highest));
  readonly #uploader: string;
  readonly #ledger: NameLog;
  readonly #log: Log;
  readonly #warnings: RareWarnings;
  readonly #instance = randomUUID();
  #records = new NameRecords();
  /** Of our hold; undefined: it is not ours. */
  #epoch: number | undefined;
  #takenBy: string | undefined;
  /** Of our question; what is said before it is no answer to it. */
  #askedAt = Number.POSITIVE_INFINITY;
  #answeredBy: string | undefined;
  #isAsked = false;
  #answeredAtMs = Number.NEGATIVE_INFINITY;
  #answering: Promise<void> | undefined;
  #confirming: Promise<void> | undefined;
  #confirmedAt: Moment | undefined;
  /** Of the last entry that was read: what is written later is behind it, as long as the log is the same one. */
  #lastOffset = -1;

  constructor(uploader: string, ledger: NameLog, log: Log) {
    this.#uploader = uploader;
    this.#ledger = ledger;
    this.#log = log;
    this.#warnings = new RareWarnings(log);
  }

  /** Of the hold, for the entries that are written under it; undefined before the name is claimed. */
  get epoch(): number | undefined {
    return this.#epoch;
  }

  /** The epoch of our hold, which there must be. */
  get held(): number {
    if (this.#epoch === undefined) throw new Error("nothing is noted before the name is claimed");
    return this.#epoch;
  }

  /** The epoch of whoever holds the name, as far as the log was read. */
  get knownEpoch(): number {
    return this.#records.holder?.epoch ?? 0;
  }

  /** Whether another agent has the name, or had it until we took it, as far as the log was read: it may have worked under it. */
  get isOrWasOthers(): boolean {
    const { holder, before } = this.#records;
    return [holder, before].some((one) => one !== undefined && one.instance !== this.#instance);
  }

  /** Whether an agent of this name can have given the number by now. */
  canBeGiven(version: number): boolean {
    const { leased, nowMs } = this.versions;
    return version <= Math.max(this.#records.holder?.highest ?? 0, leased, nowMs * 1000);
  }

  /** Applies a `name` or `claim` entry as it is read. */
  apply(entry: Entry, offset: number): void {
    // The reader of a ledger that was deleted may begin anew in the next one.
    if (offset <= this.#lastOffset) return;
    this.#lastOffset = offset;
    const isAsked = entry.kind === "claim" && entry.instance !== this.#instance;
    if (isAsked && this.#epoch !== undefined) this.#noteQuestion(entry.host);
    if (entry.kind === "name") this.#applyName(entry, offset);
  }

  /**
   * Takes the name; to be called when the log was read to its end. Throws a `NameTakenError` when another agent works under it,
   * and see `Ledger.write`.
   */
  async claim(): Promise<void> {
    const { holder } = this.#records;
    if (holder && !this.#isFree(holder)) await this.#ask();
    // Also where an entry of ours is there already: of a try that was cut short, or one that was meant for a ledger that is no more.
    await this.#takeOver();
  }

  /** The name is not ours any more. Resolves when nothing that was said under the hold is under way. */
  async letGo(): Promise<void> {
    this.#epoch = undefined;
    await Promise.all([this.#answering, this.versions.drop()]);
  }

  /** The log is read from its beginning: the name is to be claimed then, with the numbers as they are. After `letGo`. */
  beginReading(): void {
    this.#records = new NameRecords();
    this.#confirmedAt = undefined;
    this.#askedAt = Number.POSITIVE_INFINITY;
    this.#answeredBy = undefined;
    this.#lastOffset = -1;
  }

  /** Resolves when the name is known to be ours still. Throws a `NameTakenError` when it is not, else a `KafkaError`. */
  async confirm(): Promise<void> {
    this.throwIfTaken();
    // One that takes so long may have been under way as this process stood still; on a slow link it just takes so long.
    for (let tries = 0; tries < mostConfirms; tries++) {
      const sinceMs = this.#confirmedAt?.elapsedMs() ?? Number.POSITIVE_INFINITY;
      if (sinceMs < heldMs / 2) return;
      this.#confirming ??= this.#readToEnd().finally(() => {
        this.#confirming = undefined;
      });
      // Ahead of time, beside the work; if it fails, the next one waits for it.
      if (sinceMs < heldMs) return void this.#confirming.catch(() => undefined);
      await this.#confirming;
      this.throwIfTaken();
    }
  }

  throwIfTaken(): void {
    if (this.#takenBy !== undefined) throw new NameTakenError(this.#uploader, this.#takenBy);
  }

  /** Says that we are still there, to whoever has asked. Throws a `NameTakenError` when another one has the name. */
  keep(): void {
    this.throwIfTaken();
    this.#answerIfAsked();
  }

  /** Reads on beside the work, as far as that can be, and answers. Throws what the work throws, and see `keep`. */
  async keepDuring(work: Promise<void>): Promise<void> {
    let isOver = false;
    // What can't be read is no reason to do the work again.
    const readOn = () =>
      this.#ledger.readOn().catch((error: unknown) => {
        this.#log.debug(`reading on: ${error}`);
        return pause(readAgainMs);
      });
    const over = work.finally(() => {
      isOver = true;
    });
    try {
      while (!isOver) {
        await Promise.race([over, readOn()]);
        this.keep();
      }
    } finally {
      await Promise.allSettled([over]);
    }
    await over;
  }

  /** Gives the name back, so that the next start need not ask. See `Ledger.write`. */
  async release(): Promise<void> {
    await this.#answering;
    if (this.#epoch !== undefined && this.#takenBy === undefined)
      await this.#write({ state: "released", epoch: this.#epoch, highest: this.#highest() });
  }

  #applyName(value: NameValue, offset: number): void {
    const news = this.#records.apply(value, offset);
    if (value.instance === this.#instance) return;
    // A released name is no answer: it is free. Nor is what would take it, and has not.
    const isAlive = value.state === "held" && (news === "taken" || value.epoch !== undefined);
    if (offset > this.#askedAt && isAlive) this.#answeredBy = value.host;
    if (this.#epoch === undefined) return;
    if (news === "taken") this.#takenBy = value.host;
    // Ours has to be the last again, as only that is kept.
    else if (news === "ignored" && value.state === "held") this.#noteQuestion(value.host);
    else if (news === "ignored") this.#isAsked = true;
  }

  /** Beside the work, and not too often. */
  #answerIfAsked(): void {
    if (!this.#isAsked || this.#epoch === undefined || this.#answering) return;
    if (performance.now() - this.#answeredAtMs < answersApartMs) return;
    this.#isAsked = false;
    this.#answeredAtMs = performance.now();
    this.#answering = this.#answer()
      .catch((error: unknown) => {
        this.#isAsked = true;
        this.#log.debug(`answering for the name: ${error}`);
      })
      .finally(() => {
        this.#answering = undefined;
      });
  }

  #noteQuestion(host: string): void {
    this.#isAsked = true;
    // Who finds such a name taken takes another one.
    if (isBeside(this.#uploader)) return;
    this.#warnings.warn(
      "claim",
      `${host} has started an agent with this one's name "${this.#uploader}"; it is told to stop`,
    );
  }

  async #answer(): Promise<void> {
    // Frozen since it was asked it may have lost the name: then it has no say.
    await this.#readToEnd();
    if (this.#takenBy === undefined && this.#epoch !== undefined) await this.#writeHeld(this.versions.leased);
  }

  #isFree({ instance, isReleased, process }: Holder): boolean {
    return isReleased || instance === this.#instance || (process !== undefined && hasEnded(process));
  }

  /** Waits for a sign of the holder's life. Throws a `NameTakenError` when there is one. */
  async #ask(): Promise<void> {
    const value: ClaimValue = { format: 1, instance: this.#instance, host: hostname() };
    const { offset } = await this.#ledger.write({ kind: "claim", uploader: this.#uploader, ...value });
    this.#askedAt = offset;
    this.#log.info(`the name "${this.#uploader}" was not given back: asking whether an agent has it`);
    const until = performance.now() + answerMs;
    while (performance.now() < until && !this.#records.holder?.isReleased) {
      this.#throwIfAnswered();
      await this.#ledger.readOn();
    }
    await this.#ledger.readToEnd();
    this.#throwIfAnswered();
  }

  #throwIfAnswered(): void {
    if (this.#answeredBy !== undefined) throw new NameTakenError(this.#uploader, this.#answeredBy);
  }

  async #takeOver(): Promise<void> {
    const { holder: before } = this.#records;
    const highest = this.#highest();
    const { offset, timestampMs } = await this.#write({
      state: "held",
      highest,
      ...(before ? { after: before.epoch } : {}),
    });
    if (offset <= this.#lastOffset) throw new RecreatedError(claiming);
    // Who is not known here, or has not said last what it leases, may have been known in a ledger that is no more, or be of 0.1.0.
    const isNew = !before?.isRenewed;
    this.versions.begin(highest, timestampMs, isNew);
    await this.#readToEnd();
    if (this.#lastOffset < offset) throw new RecreatedError(claiming);
    const { holder } = this.#records;
    if (holder?.instance !== this.#instance)
      throw new NameTakenError(this.#uploader, holder?.host ?? "another host");
    this.#epoch = holder.epoch;
    if (isNew) await this.versions.extend();
  }

  async #readToEnd(): Promise<void> {
    const before = new Moment();
    await this.#ledger.readToEnd();
    // Another one may have as many entries, and be read on in.
    await this.#ledger.requireSame();
    this.#confirmedAt = before;
  }

  async #writeHeld(highest: number): Promise<void> {
    if (this.#epoch === undefined)
      throw new AgentError(`the name "${this.#uploader}" is being claimed`, "retryable");
    await this.#write({ state: "held", epoch: this.#epoch, highest });
  }

  #write(says: Pick<NameValue, "state" | "highest"> & Partial<NameValue>) {
    const process = thisProcess();
    const value: NameValue = {
      format: 1,
      instance: this.#instance,
      host: hostname(),
      ...(process === undefined ? {} : { process }),
      ...says,
    };
    return this.#ledger.write({ kind: "name", uploader: this.#uploader, ...value });
  }

  /** Every version that was ever given is at most this. */
  #highest(): number {
    const { holder } = this.#records;
    // What was leased to another holder may have been given; what was leased to us and was not is free.
    const ofOthers = holder && holder.instance !== this.#instance ? holder.highest : 0;
    return Math.max(this.versions.highest, ofOthers);
  }
}
