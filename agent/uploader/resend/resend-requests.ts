/**
 * Answers what groups ask to be sent again, beside the sending of new files and in slots of its own: few at a time, one a
 * path, never while the path is being sent, the groups in turns, and ever more slowly for who asks ever again.
 */
import type { Request } from "../../ledger/uploader/requests.ts";
import { BoundedMap } from "../../lib/bounded-map.ts";
import { DelayQueue } from "../../lib/delay-queue.ts";
import { messageOf } from "../../lib/errors.ts";
import { RareWarnings } from "../../observe/rare-warnings.ts";
import { lengthOf } from "../../wire/byte-ranges.ts";
import { pathToDisplay } from "../../wire/path.ts";
import type { WatchedFile } from "../access/watch.ts";
import type { Discovery } from "../discover/discovery.ts";
import { isFatal, StoppedError } from "../errors.ts";
import type { ReadSlots } from "../queue/read-slots.ts";
import type { UploadOptions } from "../upload-options.ts";
import { type ResendOutcome, resend } from "./resend.ts";
import { ResendBackoff } from "./resend-backoff.ts";
import { Turns } from "./turns.ts";

export interface ResendRequestsOptions {
  upload: UploadOptions;
  discovery: Discovery;
  /** Not those of new files: neither waits for the other. */
  slots: ReadSlots;
  /** Files that could not be sent, and why. */
  failed: BoundedMap<string, unknown>;
  /** Told of what no file can do anything about: see `isFatal`. */
  onFatal(error: unknown): void;
}

/** Requests in one lane, of one watch: one that does not answer holds up no other. */
interface Lane {
  small: boolean;
  holder: object;
  turns: Turns;
  underWay: number;
}

/** An answer that is under way. */
interface Answer {
  request: Request;
  shares: ReadonlySet<string>;
  lane: Lane;
  /** Gives its place back. */
  leave: () => void;
  /** Whether it waits for its next turn. */
  isPaused: boolean;
  /** What counts already of what was sent, bytes. */
  countedBytes: number;
  /** Where it was at the beginning of its turn, and when that was, by the monotonic clock. */
  turnAtBytes: number;
  turnAtMs: number;
}

/** A turn ends after so many bytes, or after so long, if somebody else waits: a large file, or a slow link, holds nobody up. */
const turnBytes = 16 << 20;
const turnMs = 10_000;
const leastTidied = 1000;
const maxSaidGone = 10_000;

/** What a path waits for: its turn, not to be busy, or its pace, which is that of this version and these shares. */
type WaitsFor = "turn" | "free" | { paceOf: number; shares: ReadonlySet<string> };

export class ResendRequests {
  readonly #options: ResendRequestsOptions;
  readonly #upload: UploadOptions;
  readonly #pace = new ResendBackoff();
  /** Paths that something is asked for of, and that wait. Each step of each costs the same, however many there are. */
  readonly #waiting = new Map<string, WaitsFor>();
  readonly #paced = new DelayQueue((path) => this.#queue(path));
  readonly #lanes = new Map<object, readonly [small: Lane, large: Lane]>();
  /** What ends the waiting of those that are paused. */
  readonly #paused = new Set<() => void>();
  readonly #running = new Set<Promise<void>>();
  /** Versions that are gone, and of which that was said. */
  readonly #saidGone = new BoundedMap<string, number>(maxSaidGone);
  readonly #warnings: RareWarnings;

  constructor(options: ResendRequestsOptions) {
    this.#options = options;
    this.#upload = options.upload;
    this.#warnings = new RareWarnings(options.upload.reporting.log);
    options.upload.run.signal.addEventListener("abort", () => {
      for (const resume of this.#paused) resume();
    });
  }

  /** Something is asked for of the path. */
  add(path: string): void {
    const waits = this.#waiting.get(path);
    if (waits === "free") return;
    if (typeof waits === "object") {
      const isSame = this.#upload.ledger.file(path)?.version === waits.paceOf;
      if (isSame && [...this.#sharesOf(path)].every((share) => waits.shares.has(share))) return;
      this.#paced.delete(path);
    }
    this.#queue(path);
  }

  /** Resolves when no answer is under way and none will be. What waits then is found at the next start. */
  async end(): Promise<void> {
    // Each that ends lets in the next one, as long as the signal has not fired.
    while (this.#running.size > 0) await Promise.all(this.#running);
    this.#paced.close();
  }

  /** It waits for the turn of each group that asks for it. */
  #queue(path: string): void {
    const { ledger } = this.#upload;
    const { discovery } = this.#options;
    const [small, large] = this.#lanesOf(discovery.fileAt(path)?.watch ?? this);
    const lane = ledger.file(path)?.from === undefined ? small : large;
    this.#waiting.set(path, "turn");
    for (const group of ledger.feedback.requests.askers(path))
      lane.turns.add(ledger.feedback.shareOf(group), group, path);
    // Requests may be taken back faster than their turns come, by groups of any number of names.
    if (lane.turns.size > 2 * ledger.feedback.requests.count + leastTidied)
      lane.turns.tidy((group, path) => ledger.feedback.requests.has(path, group));
    this.#letIn(lane);
  }

  /** As many are under way at a time as a lane has places. So as long as any wait for their turn, some file of their watch is busy. */
  #letIn(lane: Lane): void {
    const { config } = this.#upload;
    const { signal } = this.#upload.run;
    while (lane.underWay < config.parallel && !signal.aborted) {
      const next = lane.turns.take();
      if (next === undefined) return;
      if (typeof next !== "string") next.resume();
      // Else another group's turn was first.
      else if (this.#waiting.get(next) === "turn") {
        this.#waiting.delete(next);
        this.#take(next, lane);
      }
    }
  }

  #take(path: string, lane: Lane): void {
    const { ledger } = this.#upload;
    const { discovery } = this.#options;
    const file = discovery.fileAt(path);
    if (discovery.paths.has(path)) {
      this.#waiting.set(path, "free");
      discovery.paths.whenFree(path, () => {
        if (this.#waiting.get(path) === "free") this.#queue(path);
      });
      return;
    }
    const request = ledger.feedback.request(path);
    if (!request) return;
    const shares = this.#sharesOf(path, request.groups);
    const waitMs = this.#pace.waitMs(path, request.version, shares);
    if (waitMs > 0) {
      this.#waiting.set(path, { paceOf: request.version, shares });
      this.#paced.add(path, waitMs);
    }
    // A look was faster.
    else if (ledger.file(path)?.state === "gone") this.#noteGone(request);
    else this.#begin(request, shares, file, lane);
  }

  #begin(request: Request, shares: ReadonlySet<string>, file: WatchedFile | undefined, lane: Lane): void {
    const { discovery } = this.#options;
    const { observer } = this.#upload.reporting;
    observer.metrics.needs();
    this.#pace.note(request.path, request.version, shares);
    lane.underWay++;
    lane.turns.began(shares);
    if (file) discovery.begin(file);
    else discovery.paths.tryBegin(request.path);
    const task: Promise<void> = this.#answer(request, shares, file, lane).finally(() => {
      this.#running.delete(task);
    });
    this.#running.add(task);
  }

  async #answer(
    request: Request,
    shares: ReadonlySet<string>,
    file: WatchedFile | undefined,
    lane: Lane,
  ): Promise<void> {
    const { ledger } = this.#upload;
    const { discovery, slots, failed, onFatal } = this.#options;
    const { signal, once } = this.#upload.run;
    const { log } = this.#upload.reporting;
    const { path } = request;
    const leave = await slots.enter(lane.small, lane.holder);
    const turn = { countedBytes: 0, turnAtBytes: 0, turnAtMs: performance.now() };
    const answer: Answer = { request, shares, lane, leave, isPaused: false, ...turn };
    let outcome: ResendOutcome | "failed" = "stopped";
    try {
      if (!signal.aborted)
        outcome = await resend(this.#upload, request, file, (bytes) => this.#between(answer, bytes));
      if (outcome === "sent") this.#noteSent(answer);
      else if (outcome === "gone") this.#noteGone(request);
      else if (outcome === "changed") ledger.feedback.dropRequest(request);
    } catch (error) {
      outcome = "failed";
      failed.set(path, messageOf(error));
      if (isFatal(error, once)) onFatal(error);
      else log.error(`${pathToDisplay(path)}: can't be sent again: ${messageOf(error)}; tried again later`);
    } finally {
      answer.leave();
      if (!answer.isPaused) lane.underWay--;
      if (file) discovery.done(file, outcome === "changed");
      else discovery.paths.end(path);
      if (outcome === "failed") this.add(path);
      this.#letIn(lane);
    }
  }

  #noteSent({ request: { path, ranges }, lane, shares, countedBytes }: Answer): void {
    this.#options.failed.delete(path);
    lane.turns.sent(shares, Math.max(0, lengthOf(ranges) - countedBytes));
  }

  /** Between two chunks of an answer: when others wait and it has had its turn, it goes on in its next one. */
  async #between(answer: Answer, sentBytes: number): Promise<void> {
    const { slots } = this.#options;
    const { signal } = this.#upload.run;
    const { lane, shares } = answer;
    lane.turns.sent(shares, Math.max(0, sentBytes - answer.countedBytes));
    answer.countedBytes = Math.max(answer.countedBytes, sentBytes);
    const isOver =
      sentBytes - answer.turnAtBytes >= turnBytes || performance.now() - answer.turnAtMs >= turnMs;
    if (!isOver) return;
    if (lane.turns.isOthersTurn(shares) || slots.waiting(lane.small) > 0) {
      await this.#pause(answer);
      if (signal.aborted) throw new StoppedError();
    }
    answer.turnAtBytes = sentBytes;
    answer.turnAtMs = performance.now();
  }

  async #pause(answer: Answer): Promise<void> {
    const { slots } = this.#options;
    const { lane, shares } = answer;
    answer.leave();
    answer.isPaused = true;
    lane.underWay--;
    await new Promise<void>((resolve) => {
      const resume = () => {
        // It may wait for several groups' turns.
        if (!this.#paused.delete(resume)) return;
        answer.isPaused = false;
        lane.underWay++;
        resolve();
      };
      this.#paused.add(resume);
      lane.turns.addPaused(shares, { resume });
      this.#letIn(lane);
    });
    answer.leave = await slots.enter(lane.small, lane.holder);
  }

  #sharesOf(path: string, groups?: Iterable<string>): ReadonlySet<string> {
    const { feedback } = this.#upload.ledger;
    return new Set([...(groups ?? feedback.requests.askers(path))].map((group) => feedback.shareOf(group)));
  }

  #lanesOf(holder: object): readonly [small: Lane, large: Lane] {
    const lane = (small: boolean): Lane => ({ small, holder, turns: new Turns(), underWay: 0 });
    return this.#lanes.getOrInsertComputed(holder, () => [lane(true), lane(false)]);
  }

  #noteGone(request: Request): void {
    const { ledger } = this.#upload;
    const { failed } = this.#options;
    const { log, observer } = this.#upload.reporting;
    const { path, version, groups } = request;
    ledger.feedback.dropRequest(request);
    const by = groups.length === 1 ? `group ${groups[0]}` : `${groups.length} groups`;
    const reason = `version ${version} is asked for again by ${by} but is gone`;
    // Whoever may write requests can ask ever again.
    if (this.#saidGone.get(path) === version) {
      this.#warnings.warn("gone", `${pathToDisplay(path)}: ${reason}, as was said before`);
      return;
    }
    this.#saidGone.set(path, version);
    log.error(`${pathToDisplay(path)}: ${reason}`, { path, version });
    observer.failed("failed", pathToDisplay(path), reason);
    failed.set(path, reason);
  }
}
