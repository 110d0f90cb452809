/**
 * Answers what groups ask to be sent again, beside the sending of new files and in the same lanes: one answer a path at a
 * time, never while the path is being sent, and ever more slowly for who asks ever again.
 */
import type { Request } from "../ledger/requests.ts";
import { messageOf } from "../lib/errors.ts";
import { pathToDisplay } from "../wire/path.ts";
import type { Candidates } from "./candidates.ts";
import type { Lanes } from "./lanes.ts";
import { type ResendOutcome, resend } from "./resend.ts";
import { ResendPace } from "./resend-pace.ts";
import type { UploadOptions } from "./upload-options.ts";
import type { WatchedFile } from "./watched-file.ts";

export interface AnswersOptions extends UploadOptions {
  candidates: Candidates;
  lanes: Lanes;
  /** Files that could not be sent, and why. */
  failed: Map<string, unknown>;
  /** Told when a path is no longer busy. */
  onFreed(path: string): void;
}

export class Answers {
  readonly #options: AnswersOptions;
  readonly #pace = new ResendPace();
  /** Paths that something is asked for of, and that wait: for their turn, or until they are not busy. */
  readonly #waiting: Set<string>;
  readonly #running = new Set<Promise<void>>();
  #timer: ReturnType<typeof setTimeout> | undefined;

  constructor(options: AnswersOptions) {
    this.#options = options;
    const { ledger } = options;
    this.#waiting = new Set(ledger.feedback.requested());
  }

  /** Something is asked for of the path. */
  add(path: string): void {
    this.#waiting.add(path);
    this.check();
  }

  /** The path is no longer busy. */
  freed(path: string): void {
    if (this.#waiting.has(path)) this.check();
  }

  /** Begins with what can be answered now. */
  check(): void {
    const { ledger, candidates, signal } = this.#options;
    clearTimeout(this.#timer);
    let untilMs = Number.POSITIVE_INFINITY;
    for (const path of this.#waiting) {
      if (signal.aborted) return;
      const file = candidates.fileAt(path);
      if (file && candidates.isBusy(file)) continue;
      const request = ledger.feedback.request(path);
      const waitMs = request ? this.#pace.waitMs(path, request.version) : 0;
      if (waitMs > 0) {
        untilMs = Math.min(untilMs, waitMs);
        continue;
      }
      this.#waiting.delete(path);
      if (!request) continue;
      // A look was faster.
      if (ledger.file(path)?.state === "gone") this.#noteGone(request);
      else this.#begin(request, file);
    }
    if (untilMs < Number.POSITIVE_INFINITY) this.#timer = setTimeout(() => this.check(), untilMs);
  }

  /** Resolves when no answer is under way. What waits is found at the next start. */
  async end(): Promise<void> {
    await Promise.all(this.#running);
    clearTimeout(this.#timer);
  }

  #begin(request: Request, file: WatchedFile | undefined): void {
    const { candidates, observer } = this.#options;
    observer.metrics.needs();
    this.#pace.note(request.path, request.version);
    if (file) candidates.begin(file);
    const task: Promise<void> = this.#answer(request, file).finally(() => {
      this.#running.delete(task);
    });
    this.#running.add(task);
  }

  async #answer(request: Request, file: WatchedFile | undefined): Promise<void> {
    const { candidates, lanes, ledger, signal, log, failed } = this.#options;
    const { path } = request;
    const leave = await lanes.enter(ledger.file(path)?.from === undefined, file?.watch ?? this);
    let outcome: ResendOutcome = "stopped";
    try {
      if (!signal.aborted) outcome = await resend(this.#options, request, file);
      if (outcome === "sent") failed.delete(path);
      if (outcome === "gone") this.#noteGone(request);
      else if (outcome === "changed") ledger.feedback.dropRequest(request);
    } catch (error) {
      const name = pathToDisplay(path);
      log.error(`${name}: can't be sent again: ${messageOf(error)}; tried again later`);
      failed.set(path, error);
      this.#waiting.add(path);
    } finally {
      leave();
      if (file) candidates.done(file, outcome === "changed");
      this.freed(path);
      this.#options.onFreed(path);
    }
  }

  #noteGone(request: Request): void {
    const { ledger, log, observer, failed } = this.#options;
    const { path, version, groups } = request;
    ledger.feedback.dropRequest(request);
    const reason = `version ${version} is asked for again by group ${groups.join(", ")} but is gone`;
    log.error(`${pathToDisplay(path)}: ${reason}`, { path, version });
    observer.failed("failed", pathToDisplay(path), reason);
    failed.set(path, reason);
  }
}
