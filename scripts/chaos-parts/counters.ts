/** What the run has counted so far, from logs and faults. */
import type { ChaosAgent } from "./agent.ts";
import type { Journal } from "./journal.ts";
import type { LogLine } from "./log-line.ts";
import type { State, Truth } from "./truth.ts";
import { WayCounts } from "./ways.ts";

export class Counters {
  readonly ways = new WayCounts();
  readonly #truth: Truth;
  readonly #journal: Journal;
  readonly #sent = new Set<string>();
  /** By file, the versions that its uploader has begun. */
  readonly #begun = new Map<string, { version: number; bytes: number; atMs: number }[]>();
  /** By downloader, file and content, the versions that it has named as merged, as often as it has. */
  readonly #merged = new Map<string, number[]>();
  readonly #storesDeleted: { disk: string; atMs: number }[] = [];
  readonly #ledgerLostMs: number[] = [];
  #kills = 0;
  #killsInFlight = 0;
  #moves = 0;
  #lastLineMs = Date.now();

  constructor(truth: Truth, journal: Journal) {
    this.#truth = truth;
    this.#journal = journal;
  }

  get kills(): number {
    return this.#kills;
  }

  get killsInFlight(): number {
    return this.#killsInFlight;
  }

  /** Grows with everything that brings a file further. */
  get moves(): number {
    return this.#moves;
  }

  /** When an agent last moved something. */
  get lastMoveMs(): number {
    return this.#lastLineMs;
  }

  line(agent: ChaosAgent, line: LogLine): void {
    const { message, atMs, level, version, checksum } = line;
    this.ways.line(agent.role, message);
    const key = this.#keyOf(agent, line);
    if (/ chunk(,| uploaded$)|merge complete|successfully processed/.test(message)) {
      this.#moves++;
      this.#lastLineMs = Date.now();
    }
    if (key !== undefined && checksum !== undefined && version !== undefined)
      this.#noteEnd(agent, key, checksum, version);
    if (key !== undefined && version !== undefined && / bytes, creating \d+ /.test(message))
      this.#begun.getOrInsertComputed(key, () => []).push({ version, bytes: line.bytes ?? 0, atMs });
    if (/: appended chunk,| chunk uploaded$/.test(message)) return;
    const text = `${agent.name}: ${message}${version === undefined ? "" : ` [version ${version}]`}`;
    if (key !== undefined) this.#journal.ofFile(key, text, atMs);
    else if (level !== "info" && !message.startsWith("kafka client:")) this.#journal.general(text, atMs);
  }

  killed(inFlight: boolean): void {
    this.#kills++;
    if (inFlight) this.#killsInFlight++;
  }

  storeDeleted(disk: string): void {
    this.#storesDeleted.push({ disk, atMs: Date.now() });
  }

  wasStoreDeleted(disk: string, fromMs: number, toMs: number): boolean {
    return this.#storesDeleted.some((one) => one.disk === disk && one.atMs >= fromMs && one.atMs <= toMs);
  }

  ledgerLost(): void {
    this.#ledgerLostMs.push(Date.now());
  }

  /** Whether what the ledger knew was lost at that time. */
  wasLedgerLost(fromMs: number, toMs: number): boolean {
    return this.#ledgerLostMs.some((atMs) => atMs >= fromMs && atMs <= toMs);
  }

  /** Whether the uploader has said that the brokers have all of this content. */
  wasSent(key: string, md5: string): boolean {
    return this.#sent.has(`${key} ${md5}`);
  }

  /**
   * How many versions of this content a downloader may have published as often as `times`: those that it has named as merged, and for
   * each time that it named none, as it was killed before, another one that the uploader has begun.
   */
  versionsPublished(disk: string, key: string, state: State, times: number): number {
    const lines = this.#merged.get(`${disk} ${key} ${state.md5}`) ?? [];
    const named = new Set(lines);
    const begun = (this.#begun.get(key) ?? []).filter(
      ({ version, bytes, atMs }) => !named.has(version) && bytes === state.size && atMs >= state.sinceMs,
    );
    const others = new Set(begun.map(({ version }) => version));
    return named.size + Math.min(others.size, Math.max(0, times - lines.length));
  }

  #noteEnd(agent: ChaosAgent, key: string, md5: string, version: number): void {
    if (agent.role === "uploader") {
      this.#sent.add(`${key} ${md5}`);
      return;
    }
    this.#merged.getOrInsertComputed(`${agent.name} ${key} ${md5}`, () => []).push(version);
  }

  /** The file that a line is about: by its fields, else by what it begins with. */
  #keyOf(agent: ChaosAgent, { message, path, uploader }: LogLine): string | undefined {
    if (path !== undefined) return `${uploader ?? agent.name}/${path}`;
    const name = /^(.+?)(?: \(\d+\/\d+\))?: /.exec(message)?.[1];
    const key = agent.role === "uploader" ? `${agent.name}/${name}` : name;
    return key !== undefined && this.#truth.record(key) ? key : undefined;
  }
}
