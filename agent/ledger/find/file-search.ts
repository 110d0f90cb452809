/**
 * Looking for files in the ledger on behalf of whoever asks a running agent. That is to cost the agent little, whoever asks and however
 * often: there is one reading at a time, and after each a rest as long; who asks for the same shares it, also for some
 * seconds after; of what is found the newest are kept, some ten thousand; and it ends after a minute.
 */
import { setTimeout as sleep } from "node:timers/promises";
import { AgentError } from "../../lib/errors.ts";
import { inTime } from "../../lib/in-time.ts";
import { pathToGlobName } from "../../wire/path.ts";
import type { EntryLog } from "../ledger.ts";
import type { FileState } from "./file-state.ts";
import { type FoundFiles, findFiles } from "./find-files.ts";
import { type FoundItem, itemOf } from "./found-json.ts";

/** So many files are kept at least of what is found, twice as many at most: some 12 MB. */
const mostFound = 20_000;
/** How long what was found is handed out, milliseconds. */
const freshMs = 5000;
const longestReadingMs = 60_000;
/** How long somebody waits for a turn and for the reading, milliseconds. */
export const longestWaitMs = 90_000;
const restFactor = 1;
/** Different questions that wait for their turn. */
const mostWaiting = 8;
/** After so many files the event loop has its turn. */
const filesATurn = 500;

export interface FileQuestion {
  /** A part of UPLOADER/PATH, letter case ignored. */
  text: string;
  /** undefined: any. */
  state: FileState | undefined;
  /** How many of them are told. */
  limit: number;
}

export interface FileAnswer {
  /** Of all that fit; of the newest `mostFound` when there are more. */
  count: number;
  /** Only where there are older ones, which were not looked at. */
  more?: true;
  /** Those that were begun last come first. */
  items: FoundItem[];
}

export interface FileSearchOptions {
  /** Only of this one; undefined: of any. */
  uploader: string | undefined;
  /** The monotonic clock, milliseconds. */
  now(): number;
}

export class FileSearch {
  readonly #options: FileSearchOptions;
  readonly #ended = new AbortController();
  /** By what is looked for, in lower case: readings that wait or are under way, and the last one. */
  readonly #readings = new Map<string, Promise<FoundFiles>>();
  /** The last one is over, and its rest. */
  #turn: Promise<unknown> = Promise.resolve();
  #last: { text: string; timer: ReturnType<typeof setTimeout> } | undefined;
  /** Where is looked; undefined: it is not known yet. */
  ledger: EntryLog | undefined;

  constructor(options: FileSearchOptions) {
    this.#options = options;
  }

  /** Throws an `AgentError` when it can't be told now: too many ask, no broker answers, or there is no ledger yet. */
  async find({ text, state, limit }: FileQuestion): Promise<FileAnswer> {
    const found = await inTime(this.#found(text.toLowerCase()), longestWaitMs);
    if (!found) throw busy();
    const { count, hasMore } = found;
    const items: FoundItem[] = [];
    let fittingCount = state === undefined ? count : 0;
    let seen = 0;
    for (const file of found.files()) {
      if (state === undefined && items.length >= limit) break;
      if (++seen % filesATurn === 0) await nextTurn();
      if (state !== undefined && file.state !== state) continue;
      if (state !== undefined) fittingCount++;
      if (items.length < limit) items.push(itemOf(file));
    }
    return { count: fittingCount, ...(hasMore ? { more: true } : {}), items };
  }

  /** Ends what is under way; nobody finds anything from now on. */
  async end(): Promise<void> {
    this.#ended.abort(new AgentError("the agent is being stopped", "retryable"));
    this.#forgetLast();
    await this.#turn;
  }

  #found(text: string): Promise<FoundFiles> {
    const { ledger } = this;
    const { signal } = this.#ended;
    if (signal.aborted) throw signal.reason;
    if (!ledger) throw new AgentError("the ledger is not known yet", "retryable");
    const known = this.#readings.get(text);
    if (known) return known;
    if (this.#readings.size >= mostWaiting) throw busy();
    const reading = this.#turn.then(() => this.#read(ledger, text));
    this.#readings.set(text, reading);
    this.#turn = this.#rested(reading);
    return reading;
  }

  async #read(ledger: EntryLog, text: string): Promise<FoundFiles> {
    const late = new AbortController();
    const signal = AbortSignal.any([this.#ended.signal, late.signal]);
    const sought = { ...{ uploader: this.#options.uploader, signal, most: mostFound }, isPath: having(text) };
    try {
      signal.throwIfAborted();
      const found = await inTime(
        Promise.race([findFiles(ledger, sought), aborted(signal)]),
        longestReadingMs,
      );
      if (!found) throw new AgentError("reading the ledger takes too long", "retryable");
      this.#forgetLast();
      this.#last = { text, timer: setTimeout(() => this.#forgetLast(), freshMs) };
      return found;
    } catch (error) {
      this.#readings.delete(text);
      throw error;
    } finally {
      late.abort(busy());
    }
  }

  /** Once the reading, which began with the turn before, has ended, and its rest. */
  async #rested(reading: Promise<unknown>): Promise<void> {
    await this.#turn;
    const { now } = this.#options;
    const beganMs = now();
    await Promise.allSettled([reading]);
    const restMs = restFactor * (now() - beganMs);
    // The end cuts it short.
    await sleep(restMs, undefined, { signal: this.#ended.signal }).catch(() => undefined);
  }

  #forgetLast(): void {
    if (!this.#last) return;
    clearTimeout(this.#last.timer);
    this.#readings.delete(this.#last.text);
    this.#last = undefined;
  }
}

/** Whether a path fits, as people see it and as it is written. */
function having(text: string): (path: string, uploader: string) => boolean {
  const has = (name: string) => name.toLowerCase().includes(text);
  return (path, uploader) =>
    text === "" ||
    has(`${uploader}/${pathToGlobName(path)}`) ||
    (path.includes("%") && has(`${uploader}/${path}`));
}

/** Throws the signal's reason once it fires: what is under way may wait for a broker. */
function aborted(signal: AbortSignal): Promise<never> {
  const { promise, reject } = Promise.withResolvers<never>();
  signal.addEventListener("abort", () => reject(signal.reason), { once: true });
  // Also when nobody listens any more.
  promise.catch(() => undefined);
  return promise;
}

function busy(): AgentError {
  return new AgentError("too much is being looked for: ask again in a while", "retryable");
}

function nextTurn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}
