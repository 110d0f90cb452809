/** Waiting between tries: one place that owns back-off, jitter, and how sparingly a trouble is logged. */

import { AgentError, ConfigurationError, messageOf } from "./errors.ts";
import { jitteredPauseMs } from "./jitter.ts";
import type { Trouble, Troubles } from "./troubles.ts";

/** Resolves after `ms`, at once when the signal fires. Never rejects. */
export function pause(ms: number, signal?: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal?.aborted) return resolve();
    const done = () => {
      clearTimeout(timer);
      signal?.removeEventListener("abort", done);
      resolve();
    };
    const timer = setTimeout(done, ms);
    signal?.addEventListener("abort", done);
  });
}

export interface RetryOptions {
  /** What is being tried, for the log: "reading the ledger". */
  what: string;
  signal: AbortSignal;
  /** Ends the tries when it says so; without it only the signal does. */
  giveUp?: (error: unknown) => boolean;
  /** A trouble is among its `troubles` for as long as it lasts. */
  log: {
    warn(message: string): void;
    info(message: string): void;
    readonly troubles: Pick<Troubles, "begin" | "end">;
  };
}

const firstDelayMs = 200;
const maxDelayMs = 10_000;

/**
 * Calls `attempt` until it succeeds. A trouble is logged when it begins, when its reason changes, and when it
 * is over: when `attempt` returns, or earlier, when it calls `works`. Throws what `attempt` threw when `giveUp` says so
 * or when the signal has fired.
 */
export async function retry<T>(
  options: RetryOptions,
  attempt: (works: () => void) => Promise<T>,
): Promise<T> {
  let delayMs = firstDelayMs;
  let trouble: Trouble | undefined;
  const { what, log, signal } = options;
  const over = () => {
    if (trouble) log.troubles.end(trouble);
    trouble = undefined;
  };
  const works = () => {
    if (trouble) log.info(`${what}: works again`);
    over();
    delayMs = firstDelayMs;
  };
  try {
    for (;;) {
      try {
        const result = await attempt(works);
        works();
        return result;
      } catch (error) {
        if (signal.aborted || error instanceof ConfigurationError || options.giveUp?.(error)) throw error;
        const reason = messageOf(error);
        if (reason !== trouble?.reason) log.warn(`${what}: ${reason}; trying again until it works`);
        trouble ??= log.troubles.begin(what, reason);
        trouble.reason = reason;
        await pause(jitteredPauseMs(delayMs), signal);
        if (signal.aborted) throw error;
        delayMs = Math.min(delayMs * 2, maxDelayMs);
      }
    }
  } finally {
    over();
  }
}

/** Whether asking again can't change the outcome. */
export function isPermanent(error: unknown): boolean {
  return error instanceof AgentError && error.severity === "permanent";
}
