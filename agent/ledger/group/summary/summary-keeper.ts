/** When the summary of the ledger is stored: once all was read, then seldom, as it is of megabytes where there are many uploaders. */
import { KafkaError } from "../../../kafka/errors.ts";
import { AgentError } from "../../../lib/errors.ts";
import { pause } from "../../../lib/retry.ts";
import type { GroupLedger } from "../group-ledger.ts";
import type { LedgerSummary } from "./summary.ts";

/** When it is stored; times in milliseconds. */
export interface Keeping {
  /** So many entries have to be new. */
  entries: number;
  /** So often at most: flash wears off. */
  pauseMs: number;
  /** What nothing was added to becomes too old to be used: then it is stored as it is. */
  renewMs: number;
  /** How often is looked. */
  lookMs: number;
}

/** A hundred entries are read again in no time. */
const usual: Keeping = { entries: 100, pauseMs: 10 * 60_000, renewMs: 3 * 3600_000, lookMs: 2000 };

export class SummaryKeeper {
  readonly #summary: LedgerSummary;
  readonly #ledger: GroupLedger;
  readonly #now: () => number;
  readonly #keeping: Keeping;
  /** When it was stored last, or could not be, by the monotonic clock. */
  #triedAtMs: number;
  /** How many entries had been read by then. */
  #entries = 0;

  /** @param keeping for the tests */
  constructor(summary: LedgerSummary, ledger: GroupLedger, now: () => number, keeping = usual) {
    this.#summary = summary;
    this.#ledger = ledger;
    this.#now = now;
    this.#keeping = keeping;
    // What was gone on from is there; what was read whole is stored soon.
    this.#triedAtMs = ledger.hasResumed ? now() : Number.NEGATIVE_INFINITY;
  }

  /** Keeps it while `work` lasts, and once more when that has come to its end. Throws what `work` throws. */
  async during<T>(work: () => Promise<T>): Promise<T> {
    const ended = new AbortController();
    const keeping = this.#keep(ended.signal);
    try {
      return await work().then(async (result) => {
        ended.abort();
        await keeping;
        if (this.#hasNews) await this.#store();
        return result;
      });
    } finally {
      ended.abort();
      await keeping;
    }
  }

  get #hasNews(): boolean {
    return this.#ledger.entriesRead - this.#entries >= this.#keeping.entries;
  }

  get #isDue(): boolean {
    const { pauseMs, renewMs } = this.#keeping;
    const isThere = this.#ledger.hasResumed || this.#entries > 0;
    const sinceMs = this.#now() - this.#triedAtMs;
    return this.#ledger.isComplete && (this.#hasNews ? sinceMs >= pauseMs : isThere && sinceMs >= renewMs);
  }

  async #keep(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      if (this.#isDue && (await this.#isUpToDate(signal)) && !signal.aborted) await this.#store();
      await pause(this.#keeping.lookMs, signal);
    }
  }

  /** Whether nothing is left to be read at a moment that is told with what is stored: from that on it ages. */
  async #isUpToDate(signal: AbortSignal): Promise<boolean> {
    const read = this.#ledger.readToEnd().then(
      () => true,
      (error: unknown) => {
        // The brokers are away, or it is another ledger now.
        if (error instanceof KafkaError || error instanceof AgentError) return false;
        throw error;
      },
    );
    const stopped = Promise.withResolvers<boolean>();
    const stop = () => stopped.resolve(false);
    signal.addEventListener("abort", stop);
    try {
      return await Promise.race([read, stopped.promise]);
    } finally {
      signal.removeEventListener("abort", stop);
    }
  }

  async #store(): Promise<void> {
    const snapshot = this.#ledger.snapshot();
    if (!snapshot) return;
    const { entriesRead } = this.#ledger;
    this.#triedAtMs = this.#now();
    if (await this.#summary.save(snapshot)) this.#entries = entriesRead;
  }
}
