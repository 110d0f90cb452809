/**
 * From events and full looks at one watch to files that are ready to be sent: known ones are passed over, the others wait
 * until their size, times and inode have stood still. Nothing is queued: a full look goes on only as fast as files are
 * taken, and what was not looked at is found by the next one.
 */
import type { UploaderConfig } from "../config/config.ts";
import type { UploaderLedger } from "../ledger/uploader-ledger.ts";
import { BoundedMap } from "../lib/bounded-map.ts";
import { garbageOf, leaveGarbage } from "../lib/garbage.ts";
import { pause } from "../lib/retry.ts";
import type { Log } from "../observe/log.ts";
import type { Observer } from "../observe/observer.ts";
import { pathProblem, pathToDisplay } from "../wire/path.ts";
import {
  type Fingerprint,
  fingerprintOf,
  numbersProblem,
  sameFingerprint,
  sameSizeAndTime,
} from "./fingerprint.ts";
import { type FolderEvents, watchFolderEvents } from "./folder-events.ts";
import { GoneFiles } from "./gone-files.ts";
import { cameTooOld, isTooOld } from "./max-age.ts";
import { type Found, isGone, look, type ScanReport, scan } from "./scan.ts";
import { Settling } from "./settling.ts";
import type { Watch, WatchedFile } from "./watched-file.ts";

export interface CandidatesOptions {
  config: UploaderConfig;
  ledger: UploaderLedger;
  log: Log;
  observer: Observer;
  signal: AbortSignal;
  /** End when all that was there at the start has been yielded, nothing is left to settle, and `isDone` says so. */
  once: boolean;
  isDone(): boolean;
  /** Told of each file that stands there as the version that the ledger has as sent. */
  onSent(path: string): void;
  /** Told of each file that can't be sent as it is, once, and why. */
  onRefused(path: string, reason: string): void;
  /** Told when a full look is over. */
  onLooked(): void;
}

/** More events than this at once, and a full look is cheaper than each of them. */
const maxEvents = 10_000;
/** More refused ones than this are said again at each look. */
const maxRefused = 10_000;
/** After events were lost, and so that a burst of new folders is one look. */
const soonMs = 500;

export class WatchCandidates {
  readonly #options: CandidatesOptions;
  readonly #watch: Watch;
  readonly #gone: GoneFiles;
  readonly #settling: Settling;
  /** Files that are none of our business (`existing: false`, `max_age`), as they were when that was found out. */
  readonly #leftAlone = new Map<string, Pick<Fingerprint, "size" | "mtime">>();
  /** Files that can't be sent as they are, and why. */
  readonly #refused = new BoundedMap<string, string>(maxRefused);
  #unreadable: string | undefined;
  /** Files that are being sent, and whether something happened to them meanwhile. */
  readonly #busy = new Map<string, boolean>();
  #events = new Map<string, WatchedFile>();
  #wake: (() => void) | undefined;
  #rescanAtMs = 0;
  /** Until a look has been complete: what it sees was there before anybody looked. */
  #firstLook = true;

  constructor(watch: Watch, options: CandidatesOptions) {
    this.#watch = watch;
    this.#options = options;
    this.#settling = new Settling(options.config.settleMs);
    this.#gone = new GoneFiles(watch, { ...options, isBusy: (path) => this.isBusy(path) });
  }

  /** Files that are ready, until the signal fires (or with `once`: until there are no more). */
  async *ready(): AsyncGenerator<Found> {
    const { signal, once, log } = this.#options;
    let events: FolderEvents | undefined;
    try {
      while (!signal.aborted) {
        // Not before the file system has answered: it would be asked for all of its folders at once.
        if (!once && !events) {
          await isGone(this.#watch, "");
          events = this.#follow();
        }
        if (performance.now() >= this.#rescanAtMs) yield* this.#lookAtAll();
        yield* this.#lookAtEvents();
        yield* this.#lookAtSettled();
        const nothingLeft = this.#settling.size + this.#busy.size + this.#events.size === 0;
        if (once && nothingLeft && this.#options.isDone()) return;
        await this.#waitForNext();
      }
    } finally {
      await events?.close();
      if (signal.aborted) log.debug(`${this.#watch.config.path}: no more files are taken up`);
    }
  }

  /** Files that settle, wait to be looked at, or are being sent. */
  get knownCount(): number {
    return this.#settling.size + this.#events.size + this.#busy.size;
  }

  /** Why the last full look could not read the watch. */
  get unreadable(): string | undefined {
    return this.#unreadable;
  }

  /** Whether the file is being sent, or sent again. */
  isBusy(path: string): boolean {
    return this.#busy.has(path);
  }

  /** There is no place for it now; it is looked at again a little later. */
  postpone(file: WatchedFile): void {
    this.#settling.postpone(file.path);
  }

  /**
   * The file is being sent: what happens to it is looked at by `done`. Returns false when it is busy already: then `done`
   * has it looked at again.
   */
  begin(path: string): boolean {
    this.#settling.forget(path);
    const isFree = !this.#busy.has(path);
    this.#busy.set(path, !isFree);
    return isFree;
  }

  /** @param changed it changed while it was read, and is to stand still for longer this time */
  done(file: WatchedFile, changed: boolean): void {
    const touched = this.#busy.get(file.path) === true;
    this.#busy.delete(file.path);
    this.#settling.ended(file.path, changed);
    if (changed || touched) this.#addEvent(file);
    else this.wake();
  }

  /** It is not finished after all, and stands still for another `settle` before it is handed out again. */
  settleAgain({ file, stats }: Found): void {
    const touched = this.#busy.get(file.path) === true;
    this.#busy.delete(file.path);
    this.#settling.again(file, fingerprintOf(stats));
    if (touched) this.#addEvent(file);
    else this.wake();
  }

  /** It could not be sent; if it is there, the next full look finds it again. */
  release(path: string): void {
    this.#busy.delete(path);
    this.wake();
  }

  /** Something may be over that `isDone` waits for. */
  wake(): void {
    this.#wake?.();
  }

  #follow(): FolderEvents {
    const watch = this.#watch;
    const onPath = (relative: string) => {
      if (watch.wants(relative)) this.#addEvent(watch.file(relative));
    };
    return watchFolderEvents(watch, this.#options.log, onPath, () => this.#rescanSoon());
  }

  #rescanSoon(): void {
    this.#rescanAtMs = Math.min(this.#rescanAtMs, performance.now() + soonMs);
    this.wake();
  }

  #addEvent(file: WatchedFile): void {
    if (this.#events.size >= maxEvents) this.#rescanSoon();
    else this.#events.set(file.path, file);
    this.wake();
  }

  async *#lookAtAll(): AsyncGenerator<Found> {
    const { config, log, observer, signal } = this.#options;
    // First, so that what happens meanwhile can ask for the next one.
    this.#rescanAtMs = performance.now() + config.rescanMs;
    const report: ScanReport = { complete: true };
    await this.#gone.begin();
    for await (const found of scan(this.#watch, log, report)) {
      if (signal.aborted) return;
      this.#gone.found(found);
      leaveGarbage(garbageOf.look);
      // It came, or something happened to it, since the folder is watched.
      const isExpected = this.#events.has(found.file.path);
      const wasSettling = this.#settling.has(found.file.path);
      const isReady = this.#isReady(found, this.#firstLook && !isExpected && !wasSettling);
      // No event has told of it.
      const isNew = !wasSettling && (isReady || this.#settling.has(found.file.path));
      if (isNew && !this.#firstLook) observer.metrics.recovery("rescan");
      if (isReady) yield found;
      if (this.#events.size > 0) yield* this.#lookAtEvents();
    }
    this.#unreadable = report.problem;
    if (report.complete) {
      await this.#gone.note();
      this.#firstLook = false;
    }
    this.#options.onLooked();
  }

  async *#lookAtEvents(): AsyncGenerator<Found> {
    const events = this.#events;
    this.#events = new Map();
    for (const file of events.values()) {
      if (this.#options.signal.aborted) return;
      const stats = await look(file.watch, file.relative, this.#options.log);
      if (!stats) this.#settling.forget(file.path);
      else if (stats.isFile() && this.#isReady({ file, stats }, false)) yield { file, stats };
    }
  }

  async *#lookAtSettled(): AsyncGenerator<Found> {
    for (const file of this.#settling.due()) {
      if (this.#options.signal.aborted) return;
      const stats = await look(file.watch, file.relative, this.#options.log);
      if (!stats?.isFile()) this.#settling.forget(file.path);
      else if (this.#isReady({ file, stats }, false)) yield { file, stats };
    }
  }

  /** Until an event comes, something may have settled, or the next full look is due. */
  async #waitForNext(): Promise<void> {
    const waitMs = Math.min(this.#rescanAtMs, this.#settling.nextMs) - performance.now();
    if (this.#events.size > 0 || waitMs <= 0) return;
    const woken = new AbortController();
    const stop = () => woken.abort();
    this.#wake = stop;
    this.#options.signal.addEventListener("abort", stop);
    await pause(waitMs, woken.signal);
    this.#options.signal.removeEventListener("abort", stop);
    this.#wake = undefined;
  }

  /**
   * Whether to send it now; if not yet, it is noted as settling. The one place where a file becomes ready.
   *
   * @param wasThere it was there before anybody looked
   */
  #isReady({ file, stats }: Found, wasThere: boolean): boolean {
    if (this.#busy.has(file.path)) {
      this.#busy.set(file.path, true);
      return false;
    }
    if (this.#isRefused({ file, stats })) {
      this.#settling.forget(file.path);
      return false;
    }
    const fingerprint = fingerprintOf(stats);
    if (this.#isKnown(file, fingerprint) || this.#isLeftAlone(file, fingerprint, wasThere)) {
      this.#settling.forget(file.path);
      return false;
    }
    return this.#settling.isStill(file, fingerprint);
  }

  #isKnown(file: WatchedFile, fingerprint: Fingerprint): boolean {
    const entry = this.#options.ledger.file(file.path);
    if (entry?.state !== "sent" || !sameFingerprint(entry, fingerprint)) return false;
    this.#options.onSent(file.path);
    return true;
  }

  /** Decided once for each state of a file: what is left alone is not sent because time goes by, nor the other way round. */
  #isLeftAlone(file: WatchedFile, fingerprint: Fingerprint, wasThere: boolean): boolean {
    const { path } = file;
    const left = this.#leftAlone.get(path);
    if (left !== undefined && sameSizeAndTime(left, fingerprint)) return true;
    this.#leftAlone.delete(path);
    if (!this.#isNoneOfOurs(file, fingerprint, wasThere)) return false;
    this.#leftAlone.set(path, { size: fingerprint.size, mtime: fingerprint.mtime });
    return true;
  }

  #isNoneOfOurs(file: WatchedFile, fingerprint: Fingerprint, wasThere: boolean): boolean {
    const { ledger, config } = this.#options;
    if (wasThere && !config.existing && !ledger.file(file.path)) return true;
    const isOld = wasThere
      ? isTooOld(fingerprint, config.maxAgeMs, ledger.brokersNowMs)
      : cameTooOld(fingerprint, config.maxAgeMs);
    return isOld && !this.#isBack(file, fingerprint);
  }

  /** Whether it was sent, noted as gone, and is there again just as it was: that is to be noted, however old it is. */
  #isBack(file: WatchedFile, fingerprint: Fingerprint): boolean {
    const entry = this.#options.ledger.file(file.path);
    return entry?.state === "gone" && entry.checksum !== undefined && sameFingerprint(entry, fingerprint);
  }

  #isRefused({ file, stats }: Found): boolean {
    const { path } = file;
    const problem = pathProblem(path);
    const reason = problem === undefined ? numbersProblem(stats) : `its path ${problem}`;
    if (reason === undefined) {
      this.#refused.delete(path);
      return false;
    }
    if (this.#refused.get(path) !== reason) {
      this.#refused.set(path, reason);
      const name = pathToDisplay(path);
      this.#options.log.error(`${name}: can't be sent: ${reason}`);
      this.#options.observer.failed("refused", name, reason);
      this.#options.onRefused(path, reason);
    }
    return true;
  }
}
