/**
 * The uploader's view of the ledger: its own files' entries, its name, what groups say of its files, and the partition
 * all of that is in, which it follows while it runs.
 */
import { randomUUID } from "node:crypto";
import { hostname } from "node:os";
import { AgentError } from "../lib/errors.ts";
import { retry } from "../lib/retry.ts";
import type { Log } from "../observe/log.ts";
import { RareWarnings } from "../observe/rare-warnings.ts";
import type { FileValue, NameValue, NeedsValue, ReceiptKey } from "../wire/entry.ts";
import type { Ledger, LedgerReader, LoggedEntry } from "./ledger.ts";
import { type Request, Requests } from "./requests.ts";
import { VersionClock } from "./versions.ts";

/** How long a holder of the name has for its answer, once our claim can be read. */
const answerMs = 2000;

export class UploaderLedger {
  readonly uploader: string;
  readonly #ledger: Ledger;
  readonly #log: Log;
  readonly #instance = randomUUID();
  /** Entries as their JSON text: one string each, a tenth of the objects that they would be. */
  readonly #files = new Map<string, string>();
  /** By the brokers' clock; only from loading to `forgetGone`. */
  readonly #goneSinceMs = new Map<string, number>();
  readonly #requests = new Requests();
  readonly #warnings: RareWarnings;
  #loaded = false;
  #reader: LedgerReader;
  #name: NameValue | undefined;
  #highestSent = 0;
  #claimOffset = Number.POSITIVE_INFINITY;
  #heldBy: string | undefined;
  #versions = new VersionClock(0, 0);
  /** Told when something is asked for, with its path; the role sets this when it begins. */
  onRequest: (path: string) => void = () => undefined;

  private constructor(uploader: string, ledger: Ledger, reader: LedgerReader, log: Log) {
    this.uploader = uploader;
    this.#ledger = ledger;
    this.#reader = reader;
    this.#log = log;
    this.#warnings = new RareWarnings(log);
  }

  /** Reads what is known of the uploader's files. Throws a `KafkaError` when the ledger can't be read. */
  static async open(uploader: string, ledger: Ledger, log: Log): Promise<UploaderLedger> {
    const partition = ledger.partitionOf({ kind: "name", uploader });
    const self = new UploaderLedger(uploader, ledger, await ledger.open([partition]), log);
    try {
      while (!self.#reader.caughtUp) await self.#take(await self.#reader.read());
      self.#endLoading();
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

  /** Follows the ledger (but for the files' entries: it writes those itself) until the signal fires. Throws when another agent turns out to hold the name. */
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

  /** Paths of which something is asked for. */
  requested(): IterableIterator<string> {
    return this.#requests.paths();
  }

  /** What groups ask for of the path's present version, which was sent whole. */
  request(path: string): Request | undefined {
    const entry = this.file(path);
    return entry?.state === "sent" ? this.#requests.of(path, entry.version) : undefined;
  }

  /** There is nothing to answer to it. */
  dropRequest({ path, version, offset }: Request): void {
    this.#requests.settle(path, version, offset);
  }

  /** Notes the newest state of a path, in the ledger and here. See `Ledger.write`. */
  async put(path: string, value: FileValue): Promise<void> {
    this.#files.set(path, JSON.stringify(value));
    this.#requests.settle(path, value.version, value.answered ?? -1);
    this.#highestSent = Math.max(this.#highestSent, value.version);
    await this.#ledger.write({ key: { kind: "file", uploader: this.uploader, path }, value });
  }

  /** Forgets the paths that have been gone for longer than their chunks are kept. See `Ledger.write`. */
  async forgetGone(retentionMs: number): Promise<void> {
    const nowMs = this.#versions.next() / 1000;
    for (const [path, sinceMs] of this.#goneSinceMs) {
      if (sinceMs + retentionMs > nowMs) continue;
      this.#files.delete(path);
      await this.#ledger.write({ key: { kind: "file", uploader: this.uploader, path }, value: null });
    }
    this.#goneSinceMs.clear();
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
      else if (key.kind === "needs") this.#takeRequest(key, value as NeedsValue | null, logged.offset);
    }
  }

  #takeRequest(key: ReceiptKey<"needs">, value: NeedsValue | null, offset: number): void {
    const { path, group, version } = key;
    if (!value) this.#requests.takeBack(path, group, version);
    // While loading, the file's entry may come later than the request.
    if (!value || (this.#loaded && this.file(path)?.version !== version)) return;
    if (!this.#requests.put(path, group, { version, ranges: value.ranges, offset }))
      this.#warnings.warn("requests", "more is asked for than can be remembered; the next start finds it");
    if (this.#loaded) this.onRequest(path);
  }

  /** What was asked for before is known now; of that, what the entries have not answered is left to do. */
  #endLoading(): void {
    this.#loaded = true;
    for (const path of [...this.#requests.paths()]) {
      const entry = this.file(path);
      this.#requests.settle(path, entry?.version ?? -1, entry?.answered ?? -1);
    }
  }

  /** Only while loading: afterwards this agent is the only writer and knows more than the log. */
  #takeFile(path: string, value: FileValue | null, timestampMs: number): void {
    if (this.#claimOffset !== Number.POSITIVE_INFINITY) return;
    if (value) this.#files.set(path, JSON.stringify(value));
    else this.#files.delete(path);
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
