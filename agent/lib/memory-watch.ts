/**
 * What nobody counts as garbage (`garbage.ts`) is garbage too, and the runtime collects by its heap's growth: under a flood of
 * records that are nobody's, or of thousands of small files at once, the process grows by what is dead. So its size is looked at
 * from time to time, and while it is larger than the role should be, everything is collected and given back to the system.
 */
import { boundResident, collectGarbage } from "./garbage.ts";
import { releaseNativeMemory } from "./native-memory.ts";
import { residentBytes } from "./resident-memory.ts";

const lookMs = 250;
/** Where much lives a collection takes long and brings little: it has a fiftieth of the time at most. */
const shareOfTime = 1 / 50;

/**
 * Collects while the process is larger than `softBytes`, until the signal fires.
 *
 * @param softBytes resident, above which a collection is worth its time
 */
export function watchMemory(softBytes: number, signal: AbortSignal): void {
  boundResident(softBytes);
  let nextMs = 0;
  const timer = setInterval(() => {
    const beganMs = performance.now();
    if (beganMs < nextMs || (residentBytes() ?? 0) <= softBytes) return;
    collectGarbage();
    releaseNativeMemory();
    const endedMs = performance.now();
    nextMs = endedMs + (endedMs - beganMs) / shareOfTime;
  }, lookMs);
  timer.unref();
  signal.addEventListener("abort", () => clearInterval(timer), { once: true });
}
