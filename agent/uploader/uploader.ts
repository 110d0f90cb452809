/** The uploader's pipeline: watch, settle, read, produce, acknowledged, ledger. */

import { BoundedMap } from "../lib/bounded-map.ts";
import { AgentError, messageOf } from "../lib/errors.ts";
import { garbageOf, leaveGarbage } from "../lib/garbage.ts";
import type { Observer } from "../observe/observer.ts";
import type { Moving } from "../observe/status.ts";
import { pathToDisplay } from "../wire/path.ts";
import type { WatchedFile } from "./access/watch.ts";
import { Cleanup } from "./cleanup/cleanup.ts";
import { ContentRescan } from "./discover/content-rescan.ts";
import { Discovery } from "./discover/discovery.ts";
import type { Found } from "./discover/scan.ts";
import { UnfinishedFiles, unfinishedReason } from "./discover/unfinished-files.ts";
import { ReadSlots } from "./queue/read-slots.ts";
import { ResendRequests } from "./resend/resend-requests.ts";
import { type Outcome, sendFile } from "./send/send-file.ts";
import { LinkMonitor } from "./transport/link-monitor.ts";
import { TopicLimit } from "./transport/topic-limit.ts";
import { isFatal, type UploadOptions } from "./upload-options.ts";
import { UploadStatus } from "./upload-status.ts";

export interface UploadResult {
  /** Files that could not be sent, at their last try, and what could not be read at the last look. */
  failedCount: number;
}

type RunOptions = Omit<UploadOptions, "moving" | "topicLimit"> & {
  /** The ledger's `max.message.bytes`. */
  ledgerBytes: number;
};

/** Large files that wait for a place; more are found again by the next full look. */
const maxWaitingLarge = 1000;
/** Files that could not be sent are remembered, with why, up to so many; the others are only counted. */
const maxFailed = 5000;

/**
 * Runs until the signal fires, or with `once` until all that was there is acknowledged, and delivered if that decides on
 * the sources. Throws a permanent `AgentError` only, for what no file can do anything about.
 */
export async function runUploader(given: RunOptions): Promise<UploadResult> {
  // What no file can do anything about ends all of it, as a signal does, and is thrown in the end.
  const fatal = new AbortController();
  const options = {
    ...given,
    signal: AbortSignal.any([given.signal, fatal.signal]),
    moving: new Set<{ progress: Moving }>(),
    topicLimit: new TopicLimit(given),
  };
  const { ledger, signal, chunkSize, config, log, observer, producer, once } = options;
  const failed = new BoundedMap<string, unknown>(maxFailed);
  const candidates: Discovery = new Discovery({
    ...options,
    isDone: () => !afterwards.isBusy && !contents.isBusy,
    onSent: (path) => afterwards.sent(path),
    onDoubted: (path) => contents.doubt(path),
    onRefused: (path, reason) => failed.set(path, reason),
    onLooked: () => afterwards.looked(),
  });
  const lanes = new ReadSlots(config.parallel);
  // What is asked for again holds up no new file, and is held up by none.
  const answering = new ReadSlots(config.parallel);
  for (const watch of candidates.watches) {
    watch.access.onChange = (answers) => {
      for (const each of [lanes, answering]) answers ? each.resume(watch) : each.suspend(watch);
    };
  }
  const running = new Set<Promise<void>>();
  const link = new LinkMonitor({ ...options, trust: chunkSize.link });
  producer.onLost = (lost) => void link.look(lost);
  const unfinished = new UnfinishedFiles(log, options.once);
  observer.source = new UploadStatus(observer.metrics, { ...options, candidates });
  const afterwards = new Cleanup({
    ...options,
    candidates,
    failed,
    onFreed: (path) => answers.freed(path),
  });
  const answers: ResendRequests = new ResendRequests({
    ...options,
    candidates,
    lanes: answering,
    failed,
    onFreed: (path) => afterwards.freed(path),
    onFatal: (error) => fatal.abort(error),
  });
  ledger.feedback.onNews = (news) => {
    if (news.kind === "needs") answers.add(news.path);
    else if (news.kind === "receipt") afterwards.receipt(news.receipt);
    else sayNewer(news);
  };

  const sayFailed = (file: WatchedFile, error: unknown): void => {
    const reason = messageOf(error);
    failed.set(file.path, reason);
    candidates.release(file);
    if (signal.aborted && error instanceof AgentError) return;
    const name = pathToDisplay(file.path);
    log.error(`${name}: can't be sent: ${reason}; tried again at the next rescan`);
    observer.failed("failed", name, reason);
  };

  const settleAgain = (found: Found): void => {
    if (unfinished.isToBeAskedAgain(found.file)) candidates.settleAgain(found);
    else sayFailed(found.file, unfinishedReason);
  };

  const sayNewer = ({ path, version }: { path: string; version: number }) => {
    const reason = `a group has version ${version}, which is newer than what was sent and not of this agent: what was sent does not take its place`;
    failed.set(path, reason);
    log.error(`${pathToDisplay(path)}: ${reason}`, { path, version });
    observer.failed("failed", pathToDisplay(path), reason);
  };
  const send = async (found: Found, place: Promise<() => void>): Promise<void> => {
    const { file } = found;
    const leave = await place;
    try {
      const outcome = signal.aborted ? "stopped" : await sendFile(options, found, leave);
      if (outcome === "open") return settleAgain(found);
      unfinished.end(file.path);
      failed.delete(file.path);
      note(observer, outcome, file);
      const isDoubted = candidates.done(file, outcome === "changed");
      if (!isDoubted && (outcome === "sent" || outcome === "unchanged")) afterwards.sent(file.path);
    } catch (error) {
      if (isFatal(error, once)) fatal.abort(error);
      sayFailed(file, error);
    } finally {
      leave();
      answers.freed(file.path);
      afterwards.freed(file.path);
      leaveGarbage(garbageOf.record);
    }
  };

  const contents = new ContentRescan({
    ...options,
    candidates,
    onSame: (path) => afterwards.sent(path),
    onFreed: (path) => {
      answers.freed(path);
      afterwards.freed(path);
    },
  });
  const rescanning = contents.run();
  answers.begin();
  for await (const found of candidates.ready()) {
    const id = { uploader: ledger.uploader, path: found.file.path };
    const small = found.stats.size <= BigInt(chunkSize.next(id));
    if (!small && lanes.waiting(false) >= maxWaitingLarge) {
      candidates.postpone(found.file);
      continue;
    }
    if (!candidates.begin(found.file)) continue;
    const place = lanes.enter(small, found.file.watch);
    const task: Promise<void> = send(found, place).finally(() => running.delete(task));
    running.add(task);
    // Small files come as fast as they are read; a large one waits for its place beside this loop.
    if (small) await place;
  }
  ledger.feedback.onNews = undefined;
  await Promise.all(running);
  await Promise.all([answers.end(), afterwards.end(), rescanning, contents.end()]);
  producer.onLost = undefined;
  fatal.signal.throwIfAborted();
  return { failedCount: failed.count + candidates.unreadCount };
}

function note(observer: Observer, outcome: Outcome, { path }: WatchedFile): void {
  if (outcome === "sent" || outcome === "unchanged") observer.done(outcome, pathToDisplay(path));
  if (outcome === "changed") observer.metrics.file("abandoned");
}
