/**
 * Log lines of which one uploader can cause any number. The first of a kind are written as they are; the others of the same
 * minute are counted, and their count is written.
 */
import type { Fields, Log } from "../../observe/log.ts";

export interface Kind {
  level: "info" | "warn" | "error";
  /** What has become of the others: "are read again from the log". */
  others: string;
}

interface Said {
  kind: Kind;
  uploader: string;
  count: number;
  written: number;
  sinceMs: number;
}

/** At most so many lines of a kind and an uploader are written in a minute. */
const maxLines = 20;
const windowMs = 60_000;
/** And of all together: there may be uploaders without end. */
const maxOfAll = 24;
/** At most so many kinds and uploaders are counted apart; the lines of the others together. */
const maxKept = 12;

export class UploaderLines {
  readonly #log: Log;
  readonly #now: () => number;
  readonly #said = new Map<string, Said>();
  #written = 0;
  #writtenSinceMs = Number.NEGATIVE_INFINITY;

  constructor(log: Log, now: () => number) {
    this.#log = log;
    this.#now = now;
  }

  say(kind: Kind, uploader: string, message: string, fields: Fields): void {
    const said = this.#find(kind, uploader);
    said.count++;
    if (this.#now() - this.#writtenSinceMs >= windowMs) {
      this.#written = 0;
      this.#writtenSinceMs = this.#now();
    }
    if (said.written >= maxLines || this.#written >= maxOfAll) return;
    said.written++;
    this.#written++;
    this.#log[kind.level](message, fields);
  }

  /** Writes the counts whose minute is over; all of them with `now`. */
  flush(now = false): void {
    for (const [key, { kind, uploader, count, written, sinceMs }] of this.#said) {
      if (!now && this.#now() - sinceMs < windowMs) continue;
      this.#said.delete(key);
      const others = count - written;
      if (others > 0)
        this.#log[kind.level](`${uploader}: and ${others} more files ${kind.others}`, {
          uploader,
          count: others,
        });
    }
  }

  #find(kind: Kind, uploader: string): Said {
    const key = (name: string) => `${kind.others} ${name}`;
    const isKept = this.#said.has(key(uploader)) || this.#said.size < maxKept;
    const name = isKept ? uploader : "other uploaders";
    const begin = () => ({ kind, uploader: name, count: 0, written: 0, sinceMs: this.#now() });
    return this.#said.getOrInsertComputed(key(name), begin);
  }
}
