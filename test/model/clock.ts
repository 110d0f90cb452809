/**
 * The runtime's clock, timers and random numbers in a simulated world: what the agent's code asks of them while it has its
 * turn is the world's. So any of its code runs here as it is, and nobody sleeps.
 */
import type { Random } from "../support/random.ts";
import type { Turns } from "./turns.ts";

class SimulatedTimer {
  readonly cancel: () => void;

  constructor(cancel: () => void) {
    this.cancel = cancel;
  }

  /** No timer of a world keeps the test's process. */
  ref(): this {
    return this;
  }

  unref(): this {
    return this;
  }
}

/** Puts the world's in the place of the runtime's; returns what puts those back. */
export function useWorldsClock(turns: Turns, random: Random): () => void {
  const { setTimeout, clearTimeout } = globalThis;
  const { now } = performance;
  const { random: mathRandom } = Math;
  const simulatedSetTimeout = (run: (...args: unknown[]) => void, ms = 0, ...args: unknown[]) => {
    const process = turns.running;
    // The test's own.
    if (!process) return setTimeout(run, ms, ...args);
    return new SimulatedTimer(turns.after(process, Math.max(1, ms), () => run(...args)));
  };
  const simulatedClearTimeout = (timer: Parameters<typeof clearTimeout>[0] | SimulatedTimer) => {
    if (timer instanceof SimulatedTimer) timer.cancel();
    else clearTimeout(timer);
  };
  Object.assign(globalThis, { setTimeout: simulatedSetTimeout, clearTimeout: simulatedClearTimeout });
  performance.now = () => turns.nowMs;
  Math.random = () => random.below(1 << 20) / (1 << 20);
  return () => {
    Object.assign(globalThis, { setTimeout, clearTimeout });
    performance.now = now;
    Math.random = mathRandom;
  };
}
