/**
 * What nobody counts as garbage (`garbage.ts`) is garbage too, and the runtime collects by its heap's growth: under a flood of
 * records that are nobody's, or of thousands of small files at once, the process grows by what is dead. So what it has in memory of its own
 * is looked at from time to time, and while that is more than the role should have, everything is collected and given back to the
 * system. Code that was used once, at the start for one, is let go of.
 */
import { boundOwnMemory, collectGarbage } from "./garbage.ts";
import { releaseCode, releaseNativeMemory } from "./native-memory.ts";
import { type ResidentMemory, residentMemory } from "./resident-memory.ts";

const lookMs = 250;
/** Where much lives a collection takes long and brings little: it has a fiftieth of the time at most, */
const shareOfTime = 1 / 50;
/** and a tenth where the process has half as much again as it should have. */
const shareOfMuch = 1 / 10;
/** A collection that brings less than this back was not worth it: the next one waits for twice as long, up to a minute. */
const worthBytes = 2 << 20;
const longestRestMs = 60_000;
/** A process that has grown by this since then has new garbage. */
const growthBytes = 4 << 20;
/**
 * What is mapped of files, with the client's 6 MB, comes to 38 MB at a start, and grows to 35 again at full speed within seconds, as the
 * system maps 16 pages for each that is used; 12 to 20 are in use. What is, comes back in half a millisecond.
 */
const mostMappedBytes = 24 << 20;

/** When a process that has more than it should have is worth a collection: what lives in it does not go away by looking again. */
export class CollectionPace {
  readonly #softBytes: number;
  #leftBytes = 0;
  #soonestMs = Number.NEGATIVE_INFINITY;
  #endedMs = Number.NEGATIVE_INFINITY;
  #restMs = lookMs;

  /** @param softBytes of its own, above which a collection is worth its time */
  constructor(softBytes: number) {
    this.#softBytes = softBytes;
  }

  /** @param nowMs by the monotonic clock, as below */
  isDue(bytes: number, nowMs: number): boolean {
    if (bytes <= this.#softBytes || nowMs < this.#soonestMs) return false;
    return nowMs >= this.#endedMs + this.#restMs || this.#hasGrown(bytes);
  }

  /** A process of `bytes` was collected: how much it has now, and when that began and ended. */
  collected(bytes: number, leftBytes: number, beganMs: number, endedMs: number): void {
    const wasWorthIt = bytes - leftBytes >= worthBytes || this.#hasGrown(bytes);
    this.#restMs = wasWorthIt ? lookMs : Math.min(longestRestMs, 2 * this.#restMs);
    this.#leftBytes = leftBytes;
    this.#endedMs = endedMs;
    this.#soonestMs =
      endedMs + (endedMs - beganMs) / (bytes > 1.5 * this.#softBytes ? shareOfMuch : shareOfTime);
  }

  #hasGrown(bytes: number): boolean {
    return bytes > this.#leftBytes + growthBytes;
  }
}

/** What is dead is collected, and given back to the system. */
export function giveBack(): void {
  collectGarbage();
  releaseNativeMemory();
}

/** The process that is looked at. */
export interface WatchedProcess {
  /** undefined: unknown at present. */
  memory(): ResidentMemory | undefined;
  giveBack(): void;
  releaseCode(): void;
}

/**
 * Looks at the process once, and collects if that is due.
 *
 * @param nowMs the monotonic clock
 */
export function collectIfDue(pace: CollectionPace, process: WatchedProcess, nowMs: () => number): void {
  const beganMs = nowMs();
  const found = process.memory();
  if (!found) return;
  if (found.mapped > mostMappedBytes) process.releaseCode();
  if (!pace.isDue(found.own, beganMs)) return;
  process.giveBack();
  pace.collected(found.own, process.memory()?.own ?? found.own, beganMs, nowMs());
}

/**
 * Collects while the process has more than `softBytes` of its own, until the signal fires.
 *
 * @param softBytes above which a collection is worth its time
 */
export function watchMemory(softBytes: number, signal: AbortSignal): void {
  boundOwnMemory(softBytes);
  const pace = new CollectionPace(softBytes);
  const process = { memory: residentMemory, giveBack, releaseCode };
  const timer = setInterval(() => collectIfDue(pace, process, () => performance.now()), lookMs);
  timer.unref();
  signal.addEventListener("abort", () => clearInterval(timer), { once: true });
}
