import { machineUpMs } from "./this-process.ts";

/** A moment by two clocks: the monotonic one stands still while the machine sleeps, the other one tells only seconds. */
export class Moment {
  readonly #atMs = performance.now();
  readonly #upMs = machineUpMs();

  elapsedMs(): number {
    // A second that has just begun may be no time at all.
    return Math.max(performance.now() - this.#atMs, machineUpMs() - this.#upMs - 1000);
  }
}
