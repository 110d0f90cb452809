/**
 * The status as it changes, for who stays on the line (server-sent events): the whole of it at once, and again when it is another one, once
 * a second at most. It is put together once for all who listen, and not at all while nobody does. Who does not read gets no second event before
 * the first is taken, misses nothing by that, as each has all, and is cut off after a while.
 */

/** How often is looked whether the status has changed, milliseconds. */
const tickMs = 1000;
/** So often something is said, for proxies that end silent connections, and to notice who has gone without a word. */
const commentMs = 15_000;
/** Who has not taken for so long what is waiting is cut off. */
const patienceMs = 30_000;
/** Each may have an event waiting in the system's buffers. */
const maxReaders = 200;
/** Seconds that such a connection may be silent: more than between two comments. */
export const eventsIdleSeconds = 60;

interface Reader {
  controller: ReadableStreamDefaultController<Uint8Array>;
  /** What it got last. */
  given: string;
  /** By the monotonic clock: when it last had taken all. */
  freeMs: number;
  /** When something was said last. */
  saidMs: number;
}

const encoder = new TextEncoder();

export class StatusEvents {
  readonly #report: () => string;
  readonly #now: () => number;
  readonly #readers = new Set<Reader>();
  #timer: ReturnType<typeof setInterval> | undefined;

  /**
   * @param report one line of JSON
   * @param now the monotonic clock; for the tests
   */
  constructor(report: () => string, now = () => performance.now()) {
    this.#report = report;
    this.#now = now;
  }

  /** How many listen. */
  get readerCount(): number {
    return this.#readers.size;
  }

  /** For one more reader; undefined: there are too many. */
  open(): ReadableStream<Uint8Array> | undefined {
    if (this.#readers.size >= maxReaders) return undefined;
    let reader: Reader | undefined;
    return new ReadableStream({
      start: (controller) => {
        const nowMs = this.#now();
        reader = { controller, given: "", freeMs: nowMs, saidMs: nowMs };
        this.#readers.add(reader);
        this.#give(reader, this.#report(), nowMs);
        this.#timer ??= setInterval(() => this.tick(), tickMs);
      },
      cancel: () => {
        if (reader) this.#remove(reader);
      },
    });
  }

  /** What happens each second while somebody listens. */
  tick(): void {
    const report = this.#report();
    const nowMs = this.#now();
    for (const reader of [...this.#readers]) {
      const isFree = (reader.controller.desiredSize ?? 0) > 0;
      if (isFree) {
        reader.freeMs = nowMs;
        this.#give(reader, report, nowMs);
      } else if (nowMs - reader.freeMs >= patienceMs) {
        this.#remove(reader);
        reader.controller.error(new Error("it does not read"));
      }
    }
  }

  /** Ends all. */
  end(): void {
    for (const reader of [...this.#readers]) {
      this.#remove(reader);
      reader.controller.close();
    }
  }

  #give(reader: Reader, report: string, nowMs: number): void {
    if (report !== reader.given) this.#say(reader, `event: status\ndata: ${report}\n\n`, nowMs);
    else if (nowMs - reader.saidMs >= commentMs) this.#say(reader, ":\n\n", nowMs);
    reader.given = report;
  }

  #say(reader: Reader, text: string, nowMs: number): void {
    reader.controller.enqueue(encoder.encode(text));
    reader.saidMs = nowMs;
  }

  #remove(reader: Reader): void {
    this.#readers.delete(reader);
    if (this.#readers.size > 0) return;
    clearInterval(this.#timer);
    this.#timer = undefined;
  }
}
