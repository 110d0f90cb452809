/**
 * What nobody counts as garbage (`garbage.ts`) is garbage too, and the runtime collects by its heap's growth: under a flood of
 * records that are nobody's, or of thousands of small files at once, the process grows by what is dead. So its size is looked at
 * from time to time, and while it is larger than the role should be, everything is collected and given back to the system.
 */
import { boundResident, collectGarbage } from "./garbage.ts";
import { releaseCode, releaseNativeMemory } from "./native-memory.ts";
import { residentBytes } from "./resident-memory.ts";

const lookMs = 250;
/** Where much lives a collection takes long and brings little: it has a fiftieth of the time at most, */
const shareOfTime = 1 / 50;
/** and a tenth where the process is half as large again as it should be. */
const shareOfMuch = 1 / 10;

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
    const bytes = residentBytes() ?? 0;
    if (beganMs < nextMs || bytes <= softBytes) return;
    collectGarbage();
    releaseNativeMemory();
    releaseCode();
    const endedMs = performance.now();
    nextMs = endedMs + (endedMs - beganMs) / (bytes > 1.5 * softBytes ? shareOfMuch : shareOfTime);
  }, lookMs);
  timer.unref();
  signal.addEventListener("abort", () => clearInterval(timer), { once: true });
}
