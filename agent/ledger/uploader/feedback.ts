/**
 * What groups say of an uploader's files: that they have them, that they can't store them, or what they need once more.
 * Only what is said of a path's present version counts.
 */
import { BoundedMap, textBytes } from "../../lib/bounded-map.ts";
import { garbageOf, leaveGarbage } from "../../lib/garbage.ts";
import { Mailbox } from "../../lib/mailbox.ts";
import type { Log } from "../../observe/log.ts";
import { RareWarnings } from "../../observe/rare-warnings.ts";
import { within } from "../../wire/byte-ranges.ts";
import type { AgainEntry, DoneEntry, Entry, FailedEntry, NeedsEntry } from "../../wire/entry.ts";
import type { EntryKey, ReceiptKey } from "../../wire/entry-key.ts";
import type { FileValue } from "../../wire/entry-value.ts";
import { EarlyReceipts } from "./early-receipts.ts";
import { GroupMark, type Place } from "./group-marks.ts";
import { KnownGroups } from "./known-groups.ts";
import { type KnownFiles, MarkedFiles } from "./marked-files.ts";
import { type Request, Requests } from "./requests.ts";
import { StandingReceipts } from "./standing-receipts.ts";
import { type GroupReceipt, type ReceiptNumbers, VersionReceipts } from "./version-receipts.ts";

/** Something new of a path's present version. */
export type News =
  | { kind: "needs"; path: string }
  | { kind: "receipt"; receipt: GroupReceipt }
  /** A group has a version that is newer than the one that was sent, and is another content. */
  | { kind: "newer"; path: string; version: number };

/** Whoever may write the ledger can make up any number of groups. */
const maxFailures = 10_000;
const maxFailureBytes = 4 << 20;

export class Feedback {
  /** What groups have, or can't store, of the paths' present versions. */
  readonly receipts: Pick<VersionReceipts, "isDelivered" | "isDeliveredToAll" | "isFailed" | "isSettled">;
  readonly #files: KnownFiles;
  readonly #warnings: RareWarnings;
  readonly #known: KnownGroups;
  #requests: Requests;
  readonly #receipts: VersionReceipts;
  readonly #early = new EarlyReceipts();
  readonly #marks: MarkedFiles;
  /** What groups want to have again, whatever their marks say, and what has failed, whatever they say by numbers. */
  readonly #again = new StandingReceipts();
  readonly #failed = new StandingReceipts();
  /** What can't be stored, of before the role began, by path and group. */
  readonly #failures = new BoundedMap<string, GroupReceipt>(maxFailures, {
    most: maxFailureBytes,
    of: (name, { reason }) => 200 + textBytes(name) + textBytes(reason),
  });
  #loaded = false;
  /** While somebody listens; what was said before is known when that begins. */
  #news: Mailbox<News> | undefined;

  /**
   * @param groups whose receipts count; undefined: any group's
   * @param named groups that the settings name, whether they count or not
   */
  constructor(
    groups: readonly string[] | undefined,
    files: KnownFiles & ReceiptNumbers,
    log: Log,
    named: readonly string[] = groups ?? [],
  ) {
    this.#files = files;
    this.#marks = new MarkedFiles(files);
    this.#warnings = new RareWarnings(log);
    this.#known = new KnownGroups(named);
    this.#receipts = new VersionReceipts(groups, this.#known, files);
    this.receipts = this.#receipts;
    this.#requests = new Requests(this.#known);
  }

  /** Applies an entry of one of the uploader's files as it is read; `offset` is its own, in the ledger. */
  apply(entry: Entry, offset: number): void {
    if (entry.kind === "needs") this.#applyRequest(entry, offset);
    else if (entry.kind === "done") this.#applyMark(entry);
    else if (entry.kind === "again") this.#applyAgain(entry);
    else if (entry.kind === "failed") this.#applyFailed(entry);
    else if (entry.kind === "tombstone") this.#applyTombstone(entry.key);
  }

  /** Everything that was said before is known now. */
  endLoading(): void {
    this.#loaded = true;
    for (const path of [...this.#requests.paths(), ...this.#early.paths()]) {
      const entry = this.#fileOf(path);
      this.#requests.settle(path, entry?.version ?? -1, entry?.answered ?? -1);
      if (entry) this.#applyEarly(path, entry);
    }
    for (const [name, { path, version }] of [...this.#failures])
      if (this.#fileOf(path)?.version !== version) this.#failures.delete(name);
    if (this.#marks.hasAny) for (const path of this.#files.paths()) this.#settleByMarks(path);
    this.#marks.loaded();
  }

  /** The ledger is read from its beginning, as it is another one: what stood in it is asked for again there, at other offsets. */
  beginReading(): void {
    this.#loaded = false;
    this.#requests = new Requests(this.#known);
    this.#marks.clear();
    this.#again.clear();
    this.#failed.clear();
  }

  /** The path is about to have another version, or none: what groups have said of the one it has counts no longer. */
  leaveVersion(path: string): void {
    this.#receipts.clear(path);
  }

  /** A path has another entry now; `undefined`: none. After `leaveVersion`, if the version is another one. */
  noteEntry(path: string, now: FileValue | undefined): void {
    this.#requests.settle(path, now?.version ?? -1, now?.answered ?? -1);
    if (now) this.#applyEarly(path, now);
    if (now) this.#marks.noted(path, now);
    // While loading, a newer mark may come.
    if (now && this.#loaded) this.#settleByMarks(path);
  }

  /**
   * What is new, for one listener, until the signal fires: first what was asked for and could not be stored before. News of the
   * same that nobody has heard yet are one, so there are no more than paths, and groups that count.
   */
  async *news(signal: AbortSignal): AsyncGenerator<News> {
    const news = new Mailbox<News>();
    this.#news = news;
    const failures = [...this.#failures.values()].filter(({ path }) => this.#receipts.isFailed(path));
    for (const name of [...this.#failures.keys()]) this.#failures.delete(name);
    try {
      for (const path of [...this.#requests.paths()]) yield { kind: "needs", path };
      for (const receipt of failures) yield { kind: "receipt", receipt };
      yield* news.takeAll(signal);
    } finally {
      this.#news = undefined;
    }
  }

  /** A group has a version that is newer than the one that was sent, and is another content. */
  noteNewer(path: string, version: number): void {
    this.#news?.put(`newer ${path}`, { kind: "newer", path, version });
  }

  /** What groups ask for, of whichever versions. */
  get requests(): Pick<Requests, "count" | "has" | "askers"> {
    return this.#requests;
  }

  /** Whose share a group's requests count for: its own, or that of all groups that are not known. */
  shareOf(group: string): string {
    return this.#known.shareOf(group);
  }

  /**
   * What groups ask for of the path's present version, which was sent whole; it may be gone since. Who asks for nothing that
   * is in the file gets no answer, and is forgotten.
   */
  request(path: string): Request | undefined {
    const entry = this.#fileOf(path);
    const wasSent = entry?.state === "sent" || entry?.state === "gone";
    const request = wasSent ? this.#requests.of(path, entry.version) : undefined;
    if (!entry || !request) return undefined;
    const ranges = within(request.ranges, entry.size);
    if (ranges.length > 0) return { ...request, ranges };
    this.dropRequest(request);
    return undefined;
  }

  /** There is nothing to answer to it. */
  dropRequest({ path, version, offset }: Request): void {
    this.#requests.settle(path, version, offset);
  }

  /** The newest version of the path that a group that counts has, and that has no entry: this is newer than the entry's. */
  deliveredUnnoted(path: string): GroupReceipt | undefined {
    return this.#early.newestDelivered(path);
  }

  #applyRequest({ path, group, version, ranges }: NeedsEntry, offset: number): void {
    // While loading, the file's entry may come later than the request.
    if (this.#loaded && this.#fileOf(path)?.version !== version) return;
    const asked = { version, ranges, offset, heardMs: performance.now() };
    if (!this.#requests.put(path, group, asked))
      this.#warnings.warn("requests", "more is asked for than can be remembered; the next start finds it");
    this.#news?.put(`needs ${path}`, { kind: "needs", path });
  }

  /** A group has taken back what it said. */
  #applyTombstone(key: EntryKey): void {
    if (key.kind === "needs") this.#requests.takeBack(key.path, key.group, key.version);
    if (key.kind === "again") this.#endAgain(key);
    if (key.kind === "done") this.#takeBackMark(key);
    if (key.kind === "failed") this.#endFailed(key);
  }

  #applyMark(entry: DoneEntry): void {
    const { group, early } = entry;
    for (const { path, version, size, checksum, mtime, attributes } of early)
      if (!this.#again.has({ path, version, group }))
        this.#applyReceipt({ path, version, group, verdict: "delivered", size, checksum, mtime, attributes });
    const mark = new GroupMark(entry);
    for (const path of this.#marks.put(mark)) {
      const place = this.#files.placeOf(path);
      if (place) this.#settleBy(mark, path, place);
    }
  }

  /** The group was forgotten, say: it is not known to have anything of that partition any more. */
  #takeBackMark({ group, partition }: { group: string; partition: number }): void {
    for (const { path, version } of this.#marks.remove(group, partition))
      this.#takeBack({ path, version, group, verdict: "delivered" });
  }

  #takeBack(receipt: GroupReceipt): void {
    this.#early.takeBack(receipt);
    if (this.#fileOf(receipt.path)?.version === receipt.version) this.#receipts.takeBack(receipt);
  }

  #settleByMarks(path: string): void {
    leaveGarbage(garbageOf.known);
    const place = this.#files.placeOf(path);
    if (place) for (const mark of this.#marks.having(place)) this.#settleBy(mark, path, place);
  }

  /** The group's mark says that it has the path's present version, if that is of its concern. */
  #settleBy(mark: GroupMark, path: string, place: Place): void {
    const { group } = mark;
    const { version } = place;
    if (this.#receipts.has({ path, group, verdict: "delivered" })) return;
    if (!mark.concerns(place) || this.#again.has({ path, version, group })) return;
    if (mark.leavesToReceipt(version) && this.#failed.has({ path, version, group })) return;
    this.#noteGood({ path, version, group, verdict: "delivered" });
  }

  /** A group wants to have a version again: nobody is to take its source away. */
  #applyAgain(entry: AgainEntry): void {
    if (!this.#receipts.counts(entry.group)) return;
    this.#again.add(entry);
    this.#takeBack({ ...idOf(entry), verdict: "delivered" });
  }

  #endAgain(key: ReceiptKey<"again">): void {
    this.#again.remove(key);
    this.#settleByMarkOf(key);
  }

  #applyFailed(entry: FailedEntry): void {
    if (this.#receipts.counts(entry.group)) this.#failed.add(entry);
    this.#applyReceipt({ ...idOf(entry), verdict: "failed", reason: entry.reason });
  }

  #endFailed(key: ReceiptKey<"failed">): void {
    this.#failures.delete(failureName(key));
    this.#takeBack({ ...idOf(key), verdict: key.kind });
    this.#failed.remove(key);
    this.#settleByMarkOf(key);
  }

  /** What stood in the way of a group's mark does not any more. */
  #settleByMarkOf({ path }: ReceiptKey<"again" | "failed">): void {
    if (this.#loaded) this.#settleByMarks(path);
  }

  #fileOf(path: string): FileValue | undefined {
    return this.#files.get(path);
  }

  #applyReceipt(receipt: GroupReceipt): void {
    const { path, version, group } = receipt;
    const known = this.#files.versionOf(path);
    // Each mark names again what those before have named.
    if (known === version && this.#receipts.has(receipt)) return;
    const entry = known === version ? this.#fileOf(path) : undefined;
    if (entry?.checksum !== undefined) this.#note(receipt, entry);
    else if (this.#receipts.counts(group) && version >= (known ?? 0)) this.#early.put(receipt);
  }

  #applyEarly(path: string, entry: FileValue): void {
    if (entry.checksum === undefined) return;
    for (const receipt of this.#early.drain(path, entry.version)) this.#note(receipt, entry);
  }

  /** A receipt of another content than was sent is ignored. */
  #note({ attributes, ...receipt }: GroupReceipt, { size, checksum }: FileValue): void {
    const isDelivered = receipt.verdict === "delivered";
    if (!isDelivered || (receipt.size === size && receipt.checksum === checksum)) this.#noteGood(receipt);
  }

  /** Of what was sent. */
  #noteGood(receipt: Omit<GroupReceipt, "attributes">): void {
    const isDelivered = receipt.verdict === "delivered";
    if (isDelivered) this.#known.add(receipt.group);
    if (!this.#receipts.counts(receipt.group)) return;
    if (!this.#receipts.put(receipt)) return;
    // Whoever hears of a delivery asks whether that is enough; of each group that can't store it people are to know.
    const name = isDelivered ? `delivered ${receipt.path}` : `failed ${failureName(receipt)}`;
    if (this.#news) this.#news.put(name, { kind: "receipt", receipt });
    else if (!isDelivered) this.#failures.set(failureName(receipt), receipt);
  }
}

/** No path has a NUL. */
function failureName({ path, group }: Pick<GroupReceipt, "path" | "group">): string {
  return `${path}\0${group}`;
}

/** Nothing more: there may be a hundred thousand. */
function idOf({ path, version, group }: ReceiptKey<"again" | "failed">): Omit<GroupReceipt, "verdict"> {
  return { path, version, group };
}
