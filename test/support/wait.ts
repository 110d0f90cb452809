/** Waiting for what a test expects to happen: for a condition, never for a time. */
import { setInterval } from "node:timers/promises";

export const patienceMs = 60_000;

/**
 * Resolves with what `condition` gives as soon as that is neither false nor undefined; throws when it has not become
 * so in time, with `what` and `detail()` in the message. An error of the condition itself ends the wait.
 */
export async function waitUntil<T>(
  what: string,
  condition: () => T | Promise<T>,
  options: { timeoutMs?: number; pollMs?: number; detail?: () => string } = {},
): Promise<Exclude<T, false | undefined>> {
  const { timeoutMs = patienceMs, pollMs = 25, detail = () => "" } = options;
  const deadline = performance.now() + timeoutMs;
  const first = await condition();
  if (holds(first)) return first;
  for await (const _ of setInterval(pollMs)) {
    const result = await condition();
    if (holds(result)) return result;
    if (performance.now() > deadline) break;
  }
  throw new Error(`waited ${timeoutMs / 1000} s in vain until ${what}\n${detail()}`);
}

function holds<T>(result: T): result is Exclude<T, false | undefined> {
  return result !== false && result !== undefined;
}
