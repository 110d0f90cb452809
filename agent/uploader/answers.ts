/**
 * Answers what groups ask to be sent again, beside the sending of new files and in the same lanes: few at a time, one a
 * path, never while the path is being sent, and ever more slowly for who asks ever again.
 */
import type { Request } from "../ledger/requests.ts";
import { BoundedMap } from "../lib/bounded-map.ts";
import { messageOf } from "../lib/errors.ts";
import { Fifo } from "../lib/fifo.ts";
import { Later } from "../lib/later.ts";
import { RareWarnings } from "../observe/rare-warnings.ts";
import { pathToDisplay } from "../wire/path.ts";
import type { Candidates } from "./candidates.ts";
import type { Lanes } from "./lanes.ts";
import { type ResendOutcome, resend } from "./resend.ts";
import { ResendPace } from "./resend-pace.ts";
import { isFatal, type UploadOptions } from "./upload-options.ts";
import type { WatchedFile } from "./watched-file.ts";

export interface AnswersOptions extends UploadOptions {
  candidates: Candidates;
  lanes: Lanes;
  /** Files that could not be sent, and why. */
  failed: BoundedMap<string, unknown>;
  /** Told when a path is no longer busy. */
  onFreed(path: string): void;
  /** Told of what no file can do anything about: see `isFatal`. */
  onFatal(error: unknown): void;
}

/** Answers that wait for their turn in one lane, of one watch: one that does not answer holds up no other. */
interface Turns {
  small: boolean;
  holder: object;
  paths: Fifo<string>;
  underWay: number;
}

const maxSaidGone = 10_000;

/** What a path waits for: its turn, not to be busy, or its pace, which is this version's. */
type WaitsFor = "turn" | "free" | { paceOf: number };

export class Answers {
  readonly #options: AnswersOptions;
  readonly #pace = new ResendPace();
  /** Paths that something is asked for of, and that wait. Each step of each costs the same, however many there are. */
  readonly #waiting = new Map<string, WaitsFor>();
  readonly #paced = new Later((path) => this.#queue(path));
  readonly #turns = new Map<object, readonly [small: Turns, large: Turns]>();
  readonly #underWay = new Set<string>();
  readonly #running = new Set<Promise<void>>();
  /** Versions that are gone, and of which that was said. */
  readonly #saidGone = new BoundedMap<string, number>(maxSaidGone);
  readonly #warnings: RareWarnings;

  constructor(options: AnswersOptions) {
    this.#options = options;
    this.#warnings = new RareWarnings(options.log);
  }

  /** Begins with what was asked for before. */
  begin(): void {
    for (const path of [...this.#options.ledger.feedback.requested()]) this.add(path);
  }

  /** Something is asked for of the path. */
  add(path: string): void {
    const waits = this.#waiting.get(path);
    if (waits === undefined) this.#queue(path);
    else if (typeof waits === "object" && this.#options.ledger.file(path)?.version !== waits.paceOf) {
      this.#paced.delete(path);
      this.#queue(path);
    }
  }

  /** The path is no longer busy. */
  freed(path: string): void {
    if (this.#waiting.get(path) === "free") this.#queue(path);
  }

  /** Resolves when no answer is under way and none will be. What waits then is found at the next start. */
  async end(): Promise<void> {
    // Each that ends lets in the next one, as long as the signal has not fired.
    while (this.#running.size > 0) await Promise.all(this.#running);
    this.#paced.close();
  }

  #queue(path: string): void {
    const { ledger, candidates } = this.#options;
    const [small, large] = this.#turnsOf(candidates.fileAt(path)?.watch ?? this);
    const turns = ledger.file(path)?.from === undefined ? small : large;
    this.#waiting.set(path, "turn");
    turns.paths.push(path);
    this.#letIn(turns);
  }

  /**
   * As many are under way at a time as a lane has places: more would only stand in the lane, with new files behind them.
   * So as long as any wait for their turn, some file of their watch is busy.
   */
  #letIn(turns: Turns): void {
    const { config, signal } = this.#options;
    while (turns.underWay < config.parallel && !signal.aborted) {
      const path = turns.paths.shift();
      if (path === undefined) return;
      this.#waiting.delete(path);
      this.#take(path, turns);
    }
  }

  #take(path: string, turns: Turns): void {
    const { ledger, candidates } = this.#options;
    const file = candidates.fileAt(path);
    if (this.#underWay.has(path) || (file && candidates.isBusy(file))) {
      this.#waiting.set(path, "free");
      return;
    }
    const request = ledger.feedback.request(path);
    if (!request) return;
    const waitMs = this.#pace.waitMs(path, request.version);
    if (waitMs > 0) {
      this.#waiting.set(path, { paceOf: request.version });
      this.#paced.add(path, waitMs);
    }
    // A look was faster.
    else if (ledger.file(path)?.state === "gone") this.#noteGone(request);
    else this.#begin(request, file, turns);
  }

  #begin(request: Request, file: WatchedFile | undefined, turns: Turns): void {
    const { candidates, observer } = this.#options;
    observer.metrics.needs();
    this.#pace.note(request.path, request.version);
    this.#underWay.add(request.path);
    turns.underWay++;
    if (file) candidates.begin(file);
    const task: Promise<void> = this.#answer(request, file, turns).finally(() => {
      this.#running.delete(task);
    });
    this.#running.add(task);
  }

  async #answer(request: Request, file: WatchedFile | undefined, turns: Turns): Promise<void> {
    const { candidates, lanes, ledger, signal, log, failed, once, onFatal } = this.#options;
    const { path } = request;
    const leave = await lanes.enter(turns.small, turns.holder);
    let outcome: ResendOutcome | "failed" = "stopped";
    try {
      if (!signal.aborted) outcome = await resend(this.#options, request, file);
      if (outcome === "sent") failed.delete(path);
      if (outcome === "gone") this.#noteGone(request);
      else if (outcome === "changed") ledger.feedback.dropRequest(request);
    } catch (error) {
      outcome = "failed";
      failed.set(path, messageOf(error));
      if (isFatal(error, once)) onFatal(error);
      else log.error(`${pathToDisplay(path)}: can't be sent again: ${messageOf(error)}; tried again later`);
    } finally {
      leave();
      this.#underWay.delete(path);
      turns.underWay--;
      if (file) candidates.done(file, outcome === "changed");
      if (outcome === "failed") this.add(path);
      this.freed(path);
      this.#options.onFreed(path);
      this.#letIn(turns);
    }
  }

  #turnsOf(holder: object): readonly [small: Turns, large: Turns] {
    const known = this.#turns.get(holder);
    if (known) return known;
    const turns = (small: boolean): Turns => ({ small, holder, paths: new Fifo(), underWay: 0 });
    const made = [turns(true), turns(false)] as const;
    this.#turns.set(holder, made);
    return made;
  }

  #noteGone(request: Request): void {
    const { ledger, log, observer, failed } = this.#options;
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
