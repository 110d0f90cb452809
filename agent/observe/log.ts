/**
 * Log lines on standard output, as text or JSON. Lines are gathered for one turn of the event loop and written
 * together: with a line for every chunk, one write(2) each would cost more than the chunk.
 */

import { writeSync } from "node:fs";
import { deviceNowMs, timeNow } from "../lib/clock.ts";
import { codeOf } from "../lib/errors.ts";
import { printable, printableJson } from "../lib/printable.ts";
import { Troubles } from "../lib/troubles.ts";
import { journalPrefix, leadsToJournal } from "./journal.ts";
import { LocalTime } from "./local-time.ts";

export type Level = "debug" | "info" | "warn" | "error";
/** `attributes` of a file are an object of texts. */
export type Fields = Readonly<
  Record<string, string | number | boolean | Readonly<Record<string, string>> | undefined>
>;

export interface LogOptions {
  level: Level;
  format: "text" | "json";
  /** The agent's name, in every line. */
  agent: string;
  /** Standard error instead of standard output, for a command whose results go there. `before`: called before something is written. */
  errors?: { before(): void };
  /** Whether lines go to the journal; see `journal.ts`. Default: as the environment says. */
  toJournal?: boolean;
}

const rank: Record<Level, number> = { debug: 0, info: 1, warn: 2, error: 3 };
/** A reader that has stopped reading may cost this much memory, then lines are counted and dropped. */
const maxPendingBytes = 1 << 20;

export class Log {
  readonly #options: LogOptions;
  /** What was said to be wrong, and not yet to be over. */
  readonly troubles = new Troubles();
  #pending: string[] = [];
  #pendingBytes = 0;
  #dropped = 0;
  #timer: ReturnType<typeof setTimeout> | ReturnType<typeof setImmediate> | undefined;
  #closed = false;
  /** The last line's time, as text: at full speed many lines are of one millisecond. */
  #stamp = "";
  #stampMs = 0;
  readonly #localTime = new LocalTime();
  readonly #toJournal: boolean;

  constructor(options: LogOptions) {
    this.#options = options;
    this.#toJournal = options.toJournal ?? leadsToJournal(options.errors ? 2 : 1, process.env.JOURNAL_STREAM);
  }

  debug(message: string, fields?: Fields): void {
    this.#write("debug", message, fields);
  }

  info(message: string, fields?: Fields): void {
    this.#write("info", message, fields);
  }

  warn(message: string, fields?: Fields): void {
    this.#write("warn", message, fields);
  }

  error(message: string, fields?: Fields): void {
    this.#write("error", message, fields);
  }

  /** Writes what is pending now; for the end of the process. */
  flush(): void {
    const text = this.#take();
    const bytes = Buffer.from(text, "utf8");
    for (let at = 0; at < bytes.length && !this.#closed; ) {
      try {
        this.#options.errors?.before();
        at += writeSync(this.#options.errors ? 2 : 1, bytes, at);
      } catch (error) {
        // A pipe that is full for now. Else nobody reads any more (EPIPE): the work goes on without a log.
        if (codeOf(error) === "EAGAIN") this.#later(bytes.subarray(at).toString("utf8"));
        else this.#closed = codeOf(error) === "EPIPE";
        return;
      }
    }
  }

  #write(level: Level, message: string, fields: Fields | undefined): void {
    if (rank[level] < rank[this.#options.level] || this.#closed) return;
    const line = this.#line(level, message, fields);
    if (this.#pendingBytes + line.length > maxPendingBytes) {
      this.#dropped++;
      return;
    }
    this.#pending.push(line);
    this.#pendingBytes += line.length;
    this.#timer ??= setImmediate(() => this.flush());
  }

  #line(level: Level, message: string, fields?: Fields): string {
    const { agent, format } = this.#options;
    const prefix = this.#toJournal ? journalPrefix(level) : "";
    if (format === "json")
      return `${prefix}${printableJson(JSON.stringify({ time: timeNow(), level, agent, message, ...fields }))}\n`;
    return `${prefix}[${this.#time()}] ${level.toUpperCase()} [${agent}] ${printable(message)}\n`;
  }

  #time(): string {
    const nowMs = deviceNowMs();
    if (nowMs !== this.#stampMs) {
      this.#stampMs = nowMs;
      this.#stamp = this.#localTime.text(nowMs);
    }
    return this.#stamp;
  }

  #take(): string {
    this.#timer = undefined;
    if (this.#dropped > 0) {
      const message = `${this.#dropped} log lines dropped: nobody reads standard output`;
      this.#pending.push(this.#line("warn", message));
      this.#dropped = 0;
    }
    const text = this.#pending.join("");
    this.#pending = [];
    this.#pendingBytes = 0;
    return text;
  }

  /** Standard output is a pipe that is full for now. */
  #later(rest: string): void {
    this.#pending.unshift(rest);
    this.#pendingBytes += rest.length;
    this.#timer ??= setTimeout(() => this.flush(), 20);
  }
}
