/**
 * Entries of the ledger that are owed, but on which no other work waits. When the brokers refuse them (a right was withdrawn),
 * the session goes on, /readyz says so, and the caller tries again in a later round.
 */
import { messageOf } from "../../lib/errors.ts";
import { isPermanent } from "../../lib/retry.ts";
import type { Trouble } from "../../lib/troubles.ts";
import type { Log } from "../../observe/log.ts";

export interface LedgerWriteOptions {
  log: Log;
  /** What is refused ends the session then. */
  once: boolean;
  now(): number;
}

const what = "writing to the ledger";
/** So long nothing is tried after a refusal. */
const pauseMs = 5000;

export class LedgerWrites {
  readonly #options: LedgerWriteOptions;
  #trouble: Trouble | undefined;
  #untilMs = 0;
  #isWanted = false;

  constructor(options: LedgerWriteOptions) {
    this.#options = options;
  }

  /** Returns whether it is written. Throws what is no refusal. */
  async attempt(write: () => Promise<void>): Promise<boolean> {
    const { once, now } = this.#options;
    this.#isWanted = true;
    if (this.#trouble && now() < this.#untilMs) return false;
    try {
      await write();
    } catch (error) {
      if (once || !isPermanent(error)) throw error;
      this.#refused(messageOf(error));
      return false;
    }
    this.#end(`${what}: works again`);
    return true;
  }

  /** A round of checks is over: what nobody wants to write any more is no trouble. */
  endRound(): void {
    if (!this.#isWanted) this.#end();
    this.#isWanted = false;
  }

  /** The session ends. */
  close(): void {
    this.#end();
  }

  #refused(reason: string): void {
    const { log, now } = this.#options;
    this.#untilMs = now() + pauseMs;
    if (reason !== this.#trouble?.reason) log.warn(`${what}: ${reason}; trying again until it works`);
    this.#trouble ??= log.troubles.begin(what, reason);
    this.#trouble.reason = reason;
  }

  #end(line?: string): void {
    if (!this.#trouble) return;
    if (line !== undefined) this.#options.log.info(line);
    this.#options.log.troubles.end(this.#trouble);
    this.#trouble = undefined;
  }
}
