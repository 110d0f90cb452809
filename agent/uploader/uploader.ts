/**
 * The uploader. Files come from the watches (`discover/`), are read in as many slots as `parallel` allows (`queue/`), and go to the
 * brokers as chunks of a version (`send/`, `transport/`). What groups say of them comes as news: what they ask for is sent again
 * (`resend/`), and sources that are delivered are taken away (`cleanup/`). No two of these have one path at a time: `ActivePaths`
 * sees to that. Each source is pulled: the next file of a watch when the one before has its slot, the next news when the one
 * before was dealt with.
 *
 * Nothing is kept on disk. What a stop or a crash has interrupted is found again by the next look at the watches, and by the ledger.
 * It is not promised that a file that changes while it is sent arrives as it was; what stands there in the end does.
 */

import type { News } from "../ledger/uploader/feedback.ts";
import { BoundedMap } from "../lib/bounded-map.ts";
import { AgentError, messageOf } from "../lib/errors.ts";
import { garbageOf, leaveGarbage } from "../lib/garbage.ts";
import type { Observer } from "../observe/observer.ts";
import { pathToDisplay } from "../wire/path.ts";
import type { WatchedFile } from "./access/watch.ts";
import { Cleanup } from "./cleanup/cleanup.ts";
import { ContentRescan } from "./discover/content-rescan.ts";
import type { Discovered } from "./discover/discovered.ts";
import { Discovery } from "./discover/discovery.ts";
import type { Found, Sighting } from "./discover/scan.ts";
import { UnfinishedFiles, unfinishedReason } from "./discover/unfinished-files.ts";
import { noteUnnamed } from "./discover/unnamed-files.ts";
import { isFatal } from "./errors.ts";
import { ActivePaths } from "./queue/active-paths.ts";
import { ReadSlots } from "./queue/read-slots.ts";
import { ResendRequests } from "./resend/resend-requests.ts";
import { type Outcome, sendFile } from "./send/send-file.ts";
import type { UploadOptions } from "./upload-options.ts";
import { UploadStatus } from "./upload-status.ts";

export interface UploadResult {
  /** Files that could not be sent, at their last try, and what could not be read at the last look. */
  failedCount: number;
  /** Whether all that was there was looked at and dealt with, and no stop came before that. */
  isWhole: boolean;
}

type RunOptions = Omit<UploadOptions, "moving">;

/** Large files that wait for a place; more are found again by the next full look. */
const maxWaitingLarge = 1000;
/** Files that could not be sent are remembered, with why, up to so many; the others are only counted. */
const maxFailed = 5000;

/**
 * Runs until the signal fires, or with `once` until all that was there is acknowledged, and delivered if that decides on
 * the sources. Throws a permanent `AgentError` only, for what no file can do anything about.
 */
export function runUploader(options: RunOptions): Promise<UploadResult> {
  return new Uploader(options).run();
}

class Uploader {
  readonly #options: UploadOptions;
  /** What no file can do anything about ends all of it, as a signal does, and is thrown in the end. */
  readonly #fatal = new AbortController();
  /** Files that could not be sent or dealt with, and why. */
  readonly #failed = new BoundedMap<string, unknown>(maxFailed);
  readonly #discovery: Discovery;
  readonly #slots: ReadSlots;
  readonly #contents: ContentRescan;
  readonly #cleanup: Cleanup;
  readonly #resends: ResendRequests;
  readonly #unfinished: UnfinishedFiles;
  readonly #running = new Set<Promise<void>>();
  readonly #isNamed: boolean;
  #isWhole = true;

  constructor(given: RunOptions) {
    const { reporting, run, config } = given;
    const options: UploadOptions = {
      ...given,
      run: { ...run, signal: AbortSignal.any([run.signal, this.#fatal.signal]) },
      moving: new Set(),
    };
    const isDone = () => !this.#cleanup.isBusy && !this.#contents.isBusy;
    this.#isNamed = config.watch.some(({ named }) => named !== undefined);
    const discovery = new Discovery({ ...options, paths: new ActivePaths(), isDone });
    const failed = this.#failed;
    this.#options = options;
    this.#discovery = discovery;
    this.#slots = new ReadSlots(config.parallel);
    this.#unfinished = new UnfinishedFiles(reporting.log, run.once);
    this.#contents = new ContentRescan({ ...options, discovery });
    this.#cleanup = new Cleanup({ ...options, discovery, failed });
    // What is asked for again holds up no new file, and is held up by none.
    const slots = new ReadSlots(config.parallel);
    const onFatal = (error: unknown) => this.#fatal.abort(error);
    this.#resends = new ResendRequests({ upload: options, discovery, slots, failed, onFatal });
    for (const watch of discovery.watches) {
      watch.access.onChange = (answers) => {
        for (const each of [this.#slots, slots]) answers ? each.resume(watch) : each.suspend(watch);
      };
    }
    const { observer } = reporting;
    observer.source = new UploadStatus(observer.metrics, { ...options, discovery });
  }

  async run(): Promise<UploadResult> {
    const { transport } = this.#options;
    const { signal } = this.#options.run;
    const allFound = new AbortController();
    const endTransport = transport.begin(signal);
    const files = this.#discovery.handOn((discovered) => this.#deal(discovered));
    await Promise.all([
      files.finally(() => {
        if (signal.aborted) this.#isWhole = false;
        allFound.abort();
      }),
      this.#hear(allFound.signal),
      this.#contents.run(),
    ]);
    await Promise.all(this.#running);
    await Promise.all([this.#resends.end(), this.#cleanup.end()]);
    if (this.#isNamed && this.#isWhole) await noteUnnamed(this.#options, this.#discovery);
    endTransport();
    this.#fatal.signal.throwIfAborted();
    const failedCount = this.#failed.count + this.#discovery.unreadCount;
    return { failedCount, isWhole: this.#isWhole };
  }

  /** What groups have said, and say until the signal fires. */
  async #hear(signal: AbortSignal): Promise<void> {
    for await (const news of this.#options.ledger.feedback.news(signal)) {
      if (news.kind === "needs") this.#resends.add(news.path);
      else if (news.kind === "receipt") this.#cleanup.receipt(news.receipt);
      else this.#sayNewer(news);
    }
  }

  /** What discovery has found; the next one of its watch comes when this resolves. */
  async #deal(discovered: Discovered): Promise<void> {
    if (discovered.kind === "ready") return this.#queue(discovered.found);
    if (discovered.kind === "looked") return this.#cleanup.looked();
    const { file } = discovered;
    if (discovered.kind === "sent") this.#isSent(file.path, true);
    else if (discovered.kind === "refused") this.#failed.set(file.path, discovered.reason);
    else this.#run(this.#compare(file));
  }

  async #compare(file: WatchedFile): Promise<void> {
    if (await this.#contents.compare(file)) this.#cleanup.sent(file.path);
  }

  /** Small files come as fast as they are read; a large one waits for its slot beside the discovery of others. */
  async #queue(found: Sighting): Promise<void> {
    const { transport, ledger } = this.#options;
    const { file, stats } = found;
    const id = { uploader: ledger.uploader, path: file.path };
    const { attributes } = file.watch;
    const isSmall = stats.size <= BigInt(transport.chunkBytes({ ...id, attributes }));
    if (!isSmall && this.#slots.waiting(false) >= maxWaitingLarge) return this.#discovery.postpone(file);
    if (!this.#discovery.begin(file)) return;
    const slot = this.#slots.enter(isSmall, file.watch);
    this.#run(this.#send(found, slot));
    if (isSmall) await slot;
  }

  #run(work: Promise<void>): void {
    const task: Promise<void> = work.finally(() => this.#running.delete(task));
    this.#running.add(task);
  }

  async #send(found: Sighting, slot: Promise<() => void>): Promise<void> {
    const { signal, once } = this.#options.run;
    const { log, observer } = this.#options.reporting;
    const { file } = found;
    const leave = await slot;
    try {
      const outcome = signal.aborted ? "stopped" : await sendFile(this.#options, found, leave);
      if (outcome === "open") return this.#settleAgain(found);
      this.#unfinished.end(file.path);
      this.#failed.delete(file.path);
      if (outcome === "stopped") this.#isWhole = false;
      countOutcome(observer, outcome, file);
      if (outcome === "gone") log.info(`${pathToDisplay(file.path)}: vanished before it was sent`);
      const isDoubted = this.#discovery.done(file, outcome === "changed");
      if (!isDoubted && (outcome === "sent" || outcome === "unchanged")) {
        this.#discovery.sent(found);
        this.#isSent(file.path, outcome === "unchanged");
      }
    } catch (error) {
      if (isFatal(error, once)) this.#fatal.abort(error);
      this.#sayFailed(file, error);
    } finally {
      leave();
      leaveGarbage(garbageOf.record);
    }
  }

  #isSent(path: string, before: boolean): void {
    this.#options.onSent?.(path, before);
    this.#cleanup.sent(path);
  }

  #settleAgain(found: Found): void {
    if (this.#unfinished.isToBeAskedAgain(found.file)) this.#discovery.settleAgain(found);
    else this.#sayFailed(found.file, unfinishedReason);
  }

  #sayFailed(file: WatchedFile, error: unknown): void {
    const { signal } = this.#options.run;
    const { log, observer } = this.#options.reporting;
    const reason = messageOf(error);
    this.#failed.set(file.path, reason);
    this.#discovery.release(file);
    if (signal.aborted && error instanceof AgentError) return;
    const name = pathToDisplay(file.path);
    log.error(`${name}: can't be sent: ${reason}; tried again at the next rescan`);
    observer.failed("failed", name, reason);
  }

  #sayNewer({ path, version }: Extract<News, { kind: "newer" }>): void {
    const { log, observer } = this.#options.reporting;
    const reason = `a group has version ${version}, which is newer than what was sent and not of this agent: what was sent does not take its place`;
    this.#failed.set(path, reason);
    log.error(`${pathToDisplay(path)}: ${reason}`, { path, version });
    observer.failed("failed", pathToDisplay(path), reason);
  }
}

function countOutcome(observer: Observer, outcome: Outcome, { path }: WatchedFile): void {
  if (outcome === "sent" || outcome === "unchanged") observer.done(outcome, pathToDisplay(path));
  if (outcome === "changed" || outcome === "gone") observer.metrics.file("abandoned");
}
