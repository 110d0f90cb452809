/**
 * An uploader's view of the ledger: the entries of its files, and what groups say of them.
 *
 * `open` reads the uploader's partition, `claim` takes its name; from then on this agent is the only writer of its files'
 * entries. `put` writes what is new of a file (`file-notes.ts`), and `follow` reads what groups write
 * (`feedback.ts`) and keeps the name (`name-claim.ts`). What is known here follows what is written: nothing is known that a
 * restart would not find. When the ledger was recreated, `follow` claims the name there and writes again what is known, and
 * whoever wants to write waits for that (`ready`).
 *
 * Not promised: that entries stay for ever (`forget-gone.ts`), that what groups say is complete (`requests.ts` and
 * `version-receipts.ts` are bounded; the next start finds the rest), or that a claim ends a frozen holder: each of its writes is
 * told by its epoch, and readers ignore it.
 */
import type { Topic } from "../../kafka/topics/topics.ts";
import { AgentError } from "../../lib/errors.ts";
import { Moment } from "../../lib/moment.ts";
import { type RetryOptions, retry } from "../../lib/retry.ts";
import type { Log } from "../../observe/log.ts";
import type { FileValue } from "../../wire/entry-value.ts";
import { checkLayout } from "../layout.ts";
import type { UploaderLog } from "../ledger.ts";
import { Feedback } from "./feedback.ts";
import { FileBatches } from "./file-batches.ts";
import { FileEntries } from "./file-entries.ts";
import { FileNotes } from "./file-notes.ts";
import type { SeenNumbers } from "./file-rows.ts";
import { NameClaim } from "./name-claim.ts";
import { NameTakenError } from "./name-taken-error.ts";
import { OwnPartition } from "./own-partition.ts";
import type { PathKey } from "./path-key.ts";
import { UploaderState } from "./uploader-state.ts";
import type { GroupReceipt } from "./version-receipts.ts";

/** Reading on takes half a second. This process, or its machine, stood still if it took so long: nobody waits less for an answer. */
const frozenMs = 5000;

/** The chunks' topic as it is now. */
export interface ChunksTopic {
  readonly value: Pick<Topic, "id">;
  refresh(): Promise<void>;
}

export class UploaderLedger {
  readonly uploader: string;
  readonly feedback: Feedback;
  readonly #ledger: UploaderLog;
  readonly #log: Log;
  readonly #name: NameClaim;
  readonly #partition: OwnPartition;
  readonly #state: UploaderState;
  readonly #batches: FileBatches;
  readonly #notes: FileNotes;
  /** The ledger that this is of; another one is caught up with. */
  #ledgerId: string;
  #catchingUp: PromiseWithResolvers<void> | undefined;
  /**
   * Whether nobody else can have had the name, and written under it, since the ledger was read to its end last: this process has not
   * stood still. Nothing is doubted because brokers were out of reach: after each outage all would be sent again.
   */
  #isSure = true;

  private constructor(
    uploader: string,
    ledger: UploaderLog,
    groups: readonly string[] | undefined,
    log: Log,
    named: readonly string[] | undefined,
  ) {
    this.uploader = uploader;
    this.#ledger = ledger;
    this.#ledgerId = ledger.id;
    this.#log = log;
    const files = new FileEntries();
    this.feedback = new Feedback(groups, files, log, named);
    const partition = new OwnPartition(ledger, uploader, (logged) => this.#state.apply(logged));
    this.#partition = partition;
    this.#name = new NameClaim(uploader, partition, log);
    this.#state = new UploaderState(uploader, files, this.feedback, this.#name, log);
    const name = this.#name;
    const state = this.#state;
    this.#batches = new FileBatches({ uploader, partition, name, state });
    this.#notes = new FileNotes({
      batches: this.#batches,
      partition,
      name,
      state,
      feedback: this.feedback,
      log,
      ready: () => this.ready(),
    });
  }

  /**
   * Reads what is known of the uploader's files. Throws a `KafkaError` when the ledger can't be read.
   *
   * @param groups whose receipts count; undefined: any group's
   * @param named groups that the settings name, whether they count or not
   */
  static async open(
    uploader: string,
    ledger: UploaderLog,
    groups: readonly string[] | undefined,
    log: Log,
    named?: readonly string[],
  ): Promise<UploaderLedger> {
    const self = new UploaderLedger(uploader, ledger, groups, log, named);
    try {
      await self.#load();
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
    this.#knowsFiles(true);
  }

  /**
   * Follows the ledger (but for the files' entries: it writes those itself) until the signal fires; a ledger that was
   * recreated is caught up with. Throws a `NameTakenError` when another agent has the name, and what `isFinal` says.
   */
  async follow(chunks: ChunksTopic, signal: AbortSignal, isFinal?: RetryOptions["giveUp"]): Promise<void> {
    const giveUp = (error: unknown) => error instanceof NameTakenError || isFinal?.(error) === true;
    try {
      while (!signal.aborted) {
        await retry({ what: "following the ledger", signal, log: this.#log, giveUp }, async () => {
          if (!this.#isSure && this.#ledger.id === this.#ledgerId) await this.#makeSure();
          // It can be because it is another one now.
          if (this.#partition.wasCut) await this.#ledger.look();
          if (this.#ledger.id !== this.#ledgerId || this.#partition.wasCut) await this.#catchUp(chunks);
          const begun = new Moment();
          await this.#partition.readOn();
          if (begun.elapsedMs() > frozenMs) this.#isSure = false;
        });
        this.#name.keep();
      }
    } finally {
      this.#catchingUp?.resolve();
    }
  }

  file(path: string): FileValue | undefined {
    return this.#state.files.get(path);
  }

  paths(): Iterable<string> {
    return this.#state.files.paths();
  }

  /** Whether the path has an entry that does not say it is gone; asked for each file at each look. */
  isPresent(path: string): boolean {
    return this.#state.files.isPresent(path);
  }

  /** Whether the path has an entry that says it was sent, and is there. */
  isSent(path: string): boolean {
    return this.#state.files.isSent(path);
  }

  /** See `UploaderState.isOvertaken`. */
  isOvertaken(path: string, version: number): boolean {
    return this.#state.isOvertaken(path, version);
  }

  /** See `FileEntries.isSentAs`. */
  isSentAs(path: PathKey, seen: SeenNumbers, look: number): boolean {
    return this.#state.files.isSentAs(path, seen, look);
  }

  /** A look has seen the file. @param look its number, of 16 bits, not 0 */
  see(path: string, look: number): void {
    this.#state.files.see(path, look);
  }

  /** See `FileEntries.unseen`. */
  unseen(folder: string, look: number): Iterable<string> {
    return this.#state.files.unseen(folder, look);
  }

  /** What is gone and may be forgotten, and for how long it is: milliseconds by the brokers' clock. */
  *gone(): Generator<[path: string, goneMs: number]> {
    for (const [path, sinceMs] of this.#state.files.goneSince())
      yield [path, this.#name.versions.nowMs - sinceMs];
  }

  /**
   * A group's receipt for a version that is newer than the path's entry: it was sent and stored, and this agent was killed before
   * it could note that. Not of one so old that its entry may be forgotten, nor of one that this agent can't have sent yet.
   */
  deliveredUnnoted(path: string, retentionMs: number): GroupReceipt | undefined {
    const receipt = this.feedback.deliveredUnnoted(path);
    if (!receipt || !this.#name.canBeGiven(receipt.version)) return undefined;
    return this.#name.versions.nowMs - retentionMs < receipt.version / 1000 ? receipt : undefined;
  }

  /**
   * Resolves when the ledger can be written and the name is known to be ours: nothing is sent or taken away before. Throws
   * a `NameTakenError`, and an `AgentError` when the agent is being stopped.
   */
  async ready(): Promise<void> {
    await this.#ledger.writable();
    await this.#ledger.retrying("making sure of the name", async () => {
      await this.#catchingUp?.promise;
      if (this.#catchingUp) throw new AgentError("the agent is being stopped", "permanent");
      await this.#name.confirm();
    });
  }

  /**
   * Notes the newest state of a path, in the ledger and then here; not what is older than that, or of a version that is void since
   * it was read. See `Ledger.write` and `ready`.
   */
  put(path: string, value: FileValue): Promise<void> {
    return this.#notes.put(path, value);
  }

  /** Notes it of a version that was numbered here. Throws a `VoidVersionError`; see `put`. */
  putOwn(path: string, value: FileValue): Promise<void> {
    return this.#notes.putOwn(path, value);
  }

  /** Resolves when a version that was numbered here can be sent. Throws a `VoidVersionError`; see `ready`. */
  async readyFor(path: string, version: number): Promise<void> {
    await this.ready();
    this.#notes.requireValid(path, version);
  }

  /** Notes it of a version that a group has said to have. See `put`. */
  putStored(path: string, value: FileValue): Promise<void> {
    return this.#notes.putStored(path, value);
  }

  /** Forgets a path that is gone; `tidy` takes it out of the ledger. See `ready`. */
  forget(path: string): Promise<void> {
    return this.#notes.forget(path);
  }

  /** Takes out of the ledger what counts no longer. See `Ledger.write`. */
  tidy(): Promise<void> {
    return this.#batches.sweep();
  }

  /** The time by the brokers' clock, milliseconds since 1970; `undefined` before the name is claimed, or where they tell none. */
  get brokersNowMs(): number | undefined {
    const { nowMs } = this.#name.versions;
    return this.#name.epoch === undefined || nowMs < 0 ? undefined : nowMs;
  }

  /** A version of the path, higher than every one before. See `ready`. */
  async nextVersion(path: string): Promise<number> {
    await this.ready();
    return this.#name.versions.next((version) => this.#state.open.open(path, version));
  }

  /** Nothing is to come of the version that was given last to the path, if its sending is not noted. */
  endVersion(path: string): void {
    if (this.file(path)?.state !== "sending") this.#state.open.close(path);
  }

  /** Gives the name back, so that the next start need not wait for an answer. */
  release(): Promise<void> {
    return this.#name.release();
  }

  close(): Promise<void> {
    return this.#partition.close();
  }

  /**
   * The ledger was recreated, or its end cut off: the name is claimed there, and what is known is written again (`file-notes.ts`). All of it is
   * forgotten where another agent may have had the name, and have known better, or has worked in the new ledger already.
   */
  async #catchUp(chunks: ChunksTopic): Promise<void> {
    const { id } = this.#ledger;
    this.#catchingUp ??= Promise.withResolvers();
    const what =
      id === this.#ledgerId ? "the end of the ledger was cut off" : "the ledger is another one now";
    this.#log.warn(`${what}: what is known is written to it, what may be lost is sent again`);
    await chunks.refresh();
    await checkLayout(this.#ledger);
    this.#knowsFiles(true);
    await this.#load();
    // Also if the claim fails, as this one is deleted as well.
    if (this.#name.isOrWasOthers) this.#isSure = false;
    await this.#name.claim();
    // What was meant for the ledger before is neither to come behind what is written, nor to be known.
    await this.#name.keepDuring(this.#notes.settled());
    const wasOthers = this.#name.isOrWasOthers;
    if (wasOthers) this.#isSure = false;
    if (!this.#isSure) this.#notes.forgetAll();
    if (wasOthers) await this.#loadFiles();
    else await this.#name.keepDuring(this.#notes.writeAgain(chunks.value.id));
    this.feedback.endLoading();
    this.#isSure = true;
    this.#ledgerId = id;
    this.#catchingUp.resolve();
    this.#catchingUp = undefined;
  }

  /** Reads all that the ledger has, from its beginning. */
  async #load(): Promise<void> {
    await this.#name.letGo();
    await this.#partition.open();
    this.#state.beginReading();
    this.feedback.beginReading();
    this.#name.beginReading();
    await this.#partition.readWhole();
  }

  /** With what the other holder has noted of the files. */
  async #loadFiles(): Promise<void> {
    this.#knowsFiles(false);
    await this.#load();
    await this.#name.claim();
    this.#knowsFiles(true);
  }

  /** Whether what is known here of the files is what the ledger has: nobody else writes their entries, and they need not be read. */
  #knowsFiles(yes: boolean): void {
    this.#state.isLoading = !yes;
    this.#partition.skipsFiles = yes;
  }

  /** Reads what whoever has taken the name meanwhile has written, as long as the ledger is the same one all the while. */
  async #makeSure(): Promise<void> {
    await this.#partition.readToEnd();
    await this.#ledger.look();
    if (this.#ledger.id === this.#ledgerId) this.#isSure = true;
  }
}
