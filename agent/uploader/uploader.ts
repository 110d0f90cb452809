/** The uploader's pipeline: watch, settle, read, produce, acknowledged, ledger. */
import { GarbageBound } from "../lib/collect-garbage.ts";
import { messageOf } from "../lib/errors.ts";
import type { Observer } from "../observe/observer.ts";
import type { Moving } from "../observe/status.ts";
import { pathToDisplay } from "../wire/path.ts";
import { Answers } from "./answers.ts";
import { Candidates } from "./candidates.ts";
import { Lanes } from "./lanes.ts";
import type { Found } from "./scan.ts";
import { TopicLimit } from "./topic-limit.ts";
import type { UploadOptions } from "./upload-options.ts";
import { UploadStatus } from "./upload-status.ts";
import { type Outcome, uploadVersion } from "./version-upload.ts";
import type { WatchedFile } from "./watched-file.ts";

export interface UploadResult {
  /** Files that could not be read, at their last try. */
  failedCount: number;
}

/** Large files that wait for a place; more are found again by the next full look. */
const maxWaitingLarge = 1000;

/** Runs until the signal fires, or with `once` until all that was there is acknowledged. Throws a permanent `AgentError` only. */
export async function runUploader(
  given: Omit<UploadOptions, "moving" | "topicLimit"> & { ledgerBytes: number },
): Promise<UploadResult> {
  const options = { ...given, moving: new Set<{ progress: Moving }>(), topicLimit: new TopicLimit(given) };
  const { ledger, signal, chunkSize, config, log, observer } = options;
  const candidates = new Candidates(options);
  const lanes = new Lanes(config.parallel);
  const running = new Set<Promise<void>>();
  const garbage = new GarbageBound();
  const failed = new Map<string, unknown>();
  observer.source = new UploadStatus(observer.metrics, { ...options, candidates });

  const answers = new Answers({ ...options, candidates, lanes, failed });

  const send = async (found: Found, place: Promise<() => void>): Promise<void> => {
    const { file } = found;
    const leave = await place;
    try {
      const outcome = signal.aborted ? "stopped" : await uploadVersion(options, found, leave);
      failed.delete(file.path);
      note(observer, outcome, file);
      candidates.done(file, outcome === "changed");
    } catch (error) {
      failed.set(file.path, error);
      candidates.release(file.path);
      const name = pathToDisplay(file.path);
      log.error(`${name}: can't be sent: ${messageOf(error)}; tried again at the next rescan`);
      observer.failed("failed", name, messageOf(error));
    } finally {
      leave();
      answers.freed(file.path);
      garbage.passed(0);
    }
  };

  answers.check();
  for await (const found of candidates.ready()) {
    const id = { uploader: ledger.uploader, path: found.file.path };
    const small = found.stats.size <= BigInt(chunkSize.next(id));
    if (!small && lanes.waitingLarge >= maxWaitingLarge) {
      candidates.postpone(found.file);
      continue;
    }
    candidates.begin(found.file.path);
    const place = lanes.enter(small);
    const task: Promise<void> = send(found, place).finally(() => running.delete(task));
    running.add(task);
    // Small files come as fast as they are read; a large one waits for its place beside this loop.
    if (small) await place;
  }
  await Promise.all(running);
  await answers.end();
  return { failedCount: failed.size };
}

function note(observer: Observer, outcome: Outcome, { path }: WatchedFile): void {
  if (outcome === "sent" || outcome === "unchanged") observer.done(outcome, pathToDisplay(path));
  if (outcome === "changed") observer.metrics.file("abandoned");
}
