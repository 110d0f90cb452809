/**
 * The agent's numbers in Prometheus' format. All labels are words of the lists below, never texts from outside: the
 * number of series is fixed.
 */

import Counter from "prom-client/lib/counter.js";
import Gauge from "prom-client/lib/gauge.js";
import Registry from "prom-client/lib/registry.js";
import type { Role } from "../config/config.ts";
import { deviceNowMs } from "../lib/clock.ts";
import { residentMemory } from "../lib/resident-memory.ts";

/** What can become of a file. */
const fileResults = {
  uploader: ["sent", "unchanged", "abandoned", "failed", "refused", "delivered", "deleted", "moved"],
  downloader: ["delivered", "abandoned", "failed", "refused", "parked"],
} as const;

/** What can become of a chunk. */
const chunkResults = {
  uploader: ["sent", "failed"],
  downloader: ["placed", "duplicate", "corrupt", "broken", "foreign", "refused", "newer", "unreadable"],
} as const;

/**
 * How a version went on that could not just be read or sent from its beginning to its end: from the log again; by asking
 * its uploader (or being asked); a publication that a crash had interrupted; partials of before a restart; a checkpoint;
 * another topic of the same name; a full look that found what no event had told;
 * an output that was rolled back.
 */
const ways = ["log", "needs", "interrupted", "restored", "resumed", "topic", "rescan", "rollback"] as const;

/** Records of the ledger that were skipped: no entry by the protocol's rules; a batch that can't be read. */
const ledgerResults = ["broken", "unreadable"] as const;

export type LedgerResult = (typeof ledgerResults)[number];
export type FileResult = (typeof fileResults)[Role][number];
export type ChunkResult = (typeof chunkResults)[Role][number];
export type RecoveryWay = (typeof ways)[number];

/** Numbers that are asked for when somebody looks; each answers from memory, at once. */
export interface Gauges {
  /** Read and not acknowledged (uploader), or received and not written (downloader). */
  inFlightBytes(): number;
  /** Begun, and neither finished nor given up. */
  incompleteFiles(): number;
  /** Known and not begun. */
  waitingFiles(): number;
  kafkaConnected(): boolean;
  /** What /readyz says. */
  ready(): boolean;
  /** Chunks between the downloader's position and the topic's end. */
  consumerLagChunks(): number;
  /** Versions that there is no room for, or that only a newer agent understands. */
  parkedFiles(): number;
  /** Files that can't be sent or stored as they are, as of their last try. */
  failedFiles(): number;
}

const gaugeTexts: Readonly<Record<keyof Gauges, readonly [name: string, help: string]>> = {
  inFlightBytes: ["streamsend_in_flight_bytes", "Bytes in memory, on their way."],
  incompleteFiles: ["streamsend_incomplete_files", "Files that are begun and not finished."],
  waitingFiles: ["streamsend_waiting_files", "Files that are known and not begun."],
  kafkaConnected: ["streamsend_kafka_connected", "1: the brokers can be reached."],
  ready: ["streamsend_ready", "1: the agent does its work, see /readyz."],
  consumerLagChunks: [
    "streamsend_consumer_lag_chunks",
    "Chunks between the position and the topic's end (downloader).",
  ],
  parkedFiles: [
    "streamsend_parked_files",
    "Files that there is no room for, or that only a newer agent understands.",
  ],
  failedFiles: ["streamsend_failed_files", "Files that failed at their last try."],
};

export class Metrics {
  readonly #role: Role;
  readonly #registry = new Registry();
  readonly #gauges: Partial<Gauges> = {};
  readonly #files = this.#counter(
    "streamsend_files_total",
    "Files, by what became of them.",
    "role",
    "result",
  );
  readonly #bytes = this.#counter(
    "streamsend_bytes_total",
    "Bytes of files that were acknowledged by the brokers (uploader) or written (downloader).",
    "role",
  );
  readonly #chunks = this.#counter(
    "streamsend_chunks_total",
    "Chunks, by what became of them.",
    "role",
    "result",
  );
  readonly #ledgerRecords = this.#counter(
    "streamsend_ledger_skipped_total",
    "Records of the ledger, or batches of them, that were skipped, by why.",
    "result",
  );
  readonly #recoveries = this.#counter(
    "streamsend_recoveries_total",
    "Versions that went on after an interruption, by the way they took.",
    "way",
  );
  readonly #gaps = this.#counter("streamsend_gaps_total", "Offsets that expired before they were read.");
  readonly #needs = this.#counter(
    "streamsend_needs_total",
    "Requests for what is missing, to uploaders (downloader) or of downloaders (uploader).",
  );
  readonly #lastSuccess: Gauge;
  #successCount = 0;
  #byteCount = 0;

  constructor(role: Role, version: string) {
    this.#role = role;
    this.#lastSuccess = new Gauge({
      name: "streamsend_last_success_timestamp_seconds",
      help: "When a file was last sent (uploader) or stored (downloader); 0: not since the start.",
      registers: [this.#registry],
    });
    // From the start, so that a first failure is an increase.
    for (const result of fileResults[role]) this.#files.inc({ role, result }, 0);
    for (const result of chunkResults[role]) this.#chunks.inc({ role, result }, 0);
    for (const result of ledgerResults) this.#ledgerRecords.inc({ result }, 0);
    for (const way of ways) this.#recoveries.inc({ way }, 0);
    this.#bytes.inc({ role }, 0);
    for (const [key, [name, help]] of Object.entries(gaugeTexts))
      this.#gauge(name, help, () => Number(this.#gauges[key as keyof Gauges]?.() ?? 0));
    this.#addProcess(version);
  }

  /** Names where numbers come from; may be called by several parts, each with its own. A later one replaces an earlier. */
  observe(gauges: Partial<Gauges>): void {
    Object.assign(this.#gauges, gauges);
  }

  file(result: FileResult): void {
    this.#files.inc({ role: this.#role, result });
    const success = this.#role === "uploader" ? "sent" : "delivered";
    if (result !== success) return;
    this.#successCount++;
    this.#lastSuccess.set(deviceNowMs() / 1000);
  }

  /** @param bytes of the file that came through with it; 0 for a chunk that had no effect */
  chunk(result: ChunkResult, bytes = 0): void {
    this.#chunks.inc({ role: this.#role, result });
    this.#bytes.inc({ role: this.#role }, bytes);
    this.#byteCount += bytes;
  }

  /** Since the start: bytes as `streamsend_bytes_total`, and files that were sent (uploader) or delivered (downloader). */
  get totals(): { bytes: number; files: number } {
    return { bytes: this.#byteCount, files: this.#successCount };
  }

  /** Of a downloader; 0 of an uploader. */
  get lagChunks(): number {
    return this.#gauges.consumerLagChunks?.() ?? 0;
  }

  ledgerRecord(result: LedgerResult): void {
    this.#ledgerRecords.inc({ result });
  }

  recovery(way: RecoveryWay): void {
    this.#recoveries.inc({ way });
  }

  /** @param offsets how many expired before they were read */
  gap(offsets: number): void {
    this.#gaps.inc(offsets);
  }

  needs(): void {
    this.#needs.inc();
  }

  /** Prometheus' text format. */
  text(): Promise<string> {
    return this.#registry.metrics();
  }

  get contentType(): string {
    return this.#registry.contentType;
  }

  #addProcess(version: string): void {
    const build = new Gauge({
      name: "streamsend_build_info",
      help: "1; the version is its label.",
      labelNames: ["version", "role"],
      registers: [this.#registry],
    });
    build.set({ version, role: this.#role }, 1);
    // Not prom-client's own set: half of it is made for Node's internals. These ask the kernel, never a disk.
    this.#gauge(
      "process_resident_memory_bytes",
      "Resident memory.",
      () => residentMemory()?.total ?? Number.NaN,
    );
    this.#gauge("streamsend_time_seconds", "The device's clock.", () => deviceNowMs() / 1000);
    const startSeconds = deviceNowMs() / 1000 - process.uptime();
    this.#gauge("process_start_time_seconds", "When the process began.", () => startSeconds);
    new Counter({
      name: "process_cpu_seconds_total",
      help: "CPU time, user and system.",
      registers: [this.#registry],
      collect() {
        const { user, system } = process.cpuUsage();
        this.reset();
        this.inc((user + system) / 1e6);
      },
    });
  }

  #counter<Label extends string>(name: string, help: string, ...labelNames: Label[]): Counter<Label> {
    return new Counter({ name, help, labelNames, registers: [this.#registry] });
  }

  #gauge(name: string, help: string, value: () => number): void {
    new Gauge({
      name,
      help,
      registers: [this.#registry],
      collect() {
        this.set(value());
      },
    });
  }
}
