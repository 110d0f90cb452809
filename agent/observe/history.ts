/** The last hour in rows of ten seconds, for the page: some numbers of each, in a ring of fixed size. */
import { timeNow } from "../lib/clock.ts";
import { residentMemory } from "../lib/resident-memory.ts";
import type { Metrics } from "./metrics.ts";

/** How much time a row is about, milliseconds. */
export const rowMs = 10_000;
const maxRows = 3_600_000 / rowMs;

export interface HistoryRow {
  /** When the row's time ended; ISO 8601. */
  time: string;
  /** Acknowledged by the brokers (uploader) or written (downloader) in that time. */
  bytes: number;
  /** Sent (uploader) or delivered (downloader) in that time. */
  files: number;
  /** Chunks between a downloader's position and the topic's end, as the time ended; 0 on an uploader. */
  lag: number;
  /** Resident, as the time ended, bytes. */
  memory: number;
}

export class History {
  readonly #metrics: Metrics;
  /** A ring: the oldest is at `#next` once it is full. */
  readonly #rows: HistoryRow[] = [];
  #next = 0;
  #before: { bytes: number; files: number };

  constructor(metrics: Metrics) {
    this.#metrics = metrics;
    this.#before = metrics.totals;
  }

  /** Ends a row, each ten seconds. Returns what stops that. */
  start(): () => void {
    const timer = setInterval(() => this.note(), rowMs);
    return () => clearInterval(timer);
  }

  /** Ends a row. */
  note(): void {
    const { bytes, files } = this.#metrics.totals;
    this.#rows[this.#next] = {
      time: timeNow(),
      bytes: bytes - this.#before.bytes,
      files: files - this.#before.files,
      lag: this.#metrics.lagChunks,
      memory: residentMemory()?.total ?? 0,
    };
    this.#before = { bytes, files };
    this.#next = (this.#next + 1) % maxRows;
  }

  /** The oldest first. */
  rows(): HistoryRow[] {
    const isFull = this.#rows.length === maxRows;
    return isFull ? [...this.#rows.slice(this.#next), ...this.#rows.slice(0, this.#next)] : [...this.#rows];
  }
}
