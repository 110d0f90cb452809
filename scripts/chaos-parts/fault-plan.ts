/** Which fault comes when, and to whom: as the seed says. Faults on different targets overlap, on one they do not. */
import type { Random } from "../../test/support/random.ts";
import type { Fault, FaultDraw, FaultScene } from "./fault.ts";
import { faults } from "./faults.ts";

/** The broker needs this long between two of its faults, or nothing would ever move. */
const brokerRestMs = 15_000;

export class FaultPlan {
  readonly #random: Random;
  readonly #scene: FaultScene;
  readonly #faults: readonly Fault[];
  readonly #running = new Map<string, Promise<void>>();
  readonly #counts = new Map<string, number>();
  #brokerRestsUntilMs = 0;
  #failure: unknown;

  constructor(random: Random, scene: FaultScene, without: readonly string[]) {
    this.#random = random;
    this.#scene = scene;
    this.#faults = faults.filter(({ name }) => !without.includes(name));
  }

  /** How often each fault was done. */
  get counts(): ReadonlyMap<string, number> {
    return this.#counts;
  }

  /** Goes on until the signal fires; when it resolves all is mended. */
  async run(signal: AbortSignal): Promise<void> {
    while (!signal.aborted && this.#failure === undefined) {
      const { fault, draw, pauseMs } = this.#draw();
      await Bun.sleep(pauseMs);
      if (!signal.aborted) this.#begin(fault, draw);
    }
    await Promise.all(this.#running.values());
    if (this.#failure !== undefined) throw this.#failure;
  }

  /** Always the same number of draws, so that what cannot be done now does not change what comes later. */
  #draw(): { fault: Fault; draw: FaultDraw; pauseMs: number } {
    const random = this.#random;
    const total = faults.reduce((sum, { weight }) => sum + weight, 0);
    let drawn = random.below(total);
    const fault = faults.find(({ weight }) => {
      drawn -= weight;
      return drawn < 0;
    }) as Fault;
    const draw = { target: random.below(1 << 20), duration: random.below(1000), extent: random.below(1000) };
    return { fault, draw, pauseMs: 200 + random.below(2500) };
  }

  #begin(fault: Fault, draw: FaultDraw): void {
    const target = this.#faults.includes(fault) ? fault.target(this.#scene.stage, draw) : undefined;
    if (target === undefined || this.#running.has(target)) return;
    if (target === "broker" && performance.now() < this.#brokerRestsUntilMs) return;
    this.#counts.set(fault.name, (this.#counts.get(fault.name) ?? 0) + 1);
    this.#scene.say(`fault: ${fault.name} ${target}`);
    const running = fault
      .run(this.#scene, target, draw)
      .catch((error: unknown) => {
        this.#failure ??= error;
      })
      .finally(() => {
        this.#running.delete(target);
        if (target === "broker") this.#brokerRestsUntilMs = performance.now() + brokerRestMs;
        this.#scene.say(`mended: ${fault.name} ${target}`);
      });
    this.#running.set(target, running);
  }
}
