/** Summaries of a ledger in memory, each test's in a folder of its own. */
import { afterAll, beforeEach, expect } from "bun:test";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { GroupLedger } from "../../agent/ledger/group/group-ledger.ts";
import { LedgerSummary } from "../../agent/ledger/group/summary/summary.ts";
import { SummaryFile } from "../../agent/ledger/group/summary/summary-file.ts";
import { HeardLog } from "./heard-log.ts";
import { localDisk } from "./local-disk.ts";
import type { MemoryLedger } from "./memory-ledger.ts";

export const hourMs = 3600_000;

/** Who writes it. */
interface Writer {
  boot: string | undefined;
  version?: string;
}

class Summaries {
  readonly #root = mkdtempSync(join(tmpdir(), "streamsend-summary-"));
  #folder = this.#root;
  /** What was said of them. */
  lines: string[] = [];
  /** The clock of this boot. */
  upMs = 1000;

  /** The one that is stored. */
  get file(): string {
    return join(this.#folder, "ledger");
  }

  of({ boot, version = "1" }: Writer = { boot: "boot" }): LedgerSummary {
    const upTime = { boot, upMs: () => this.upMs };
    const log = new HeardLog("test", (line) => this.lines.push(line));
    return new LedgerSummary({ file: new SummaryFile(localDisk(), this.#folder), version, upTime, log });
  }

  open(log: MemoryLedger, summary = this.of(), group = "group"): Promise<GroupLedger> {
    return GroupLedger.open(group, log, () => 0, { summary });
  }

  /** One start that has read everything, and has stored that. */
  async store(log: MemoryLedger): Promise<void> {
    const summary = this.of();
    const ledger = await this.open(log, summary);
    const snapshot = ledger.snapshot();
    if (!snapshot) throw new Error("nothing to store");
    expect(await summary.save(snapshot)).toBe(true);
    await ledger.close();
    log.opened = 0;
  }

  begin(): void {
    this.#folder = mkdtempSync(join(this.#root, "store-"));
    this.lines = [];
    this.upMs = 1000;
  }

  remove(): void {
    rmSync(this.#root, { recursive: true });
  }
}

/** Anew for each test. */
export function useSummaries(): Summaries {
  const summaries = new Summaries();
  beforeEach(() => summaries.begin());
  afterAll(() => summaries.remove());
  return summaries;
}

export const uselessBecause = (why: string) =>
  `the summary of the ledger is of no use, all of the ledger is read: ${why}`;
