/**
 * Makes room: takes published files away, as people take files out of an inbox. Only those whose receipts are certainly written, or the
 * downloader would be right to fetch them again: the same process has published another one a good while later.
 */
import type { ChaosAgent } from "./agent.ts";
import type { Arrival, WatchedDisk, Watcher } from "./watcher.ts";

const whileMs = 3000;

interface Kept {
  disk: WatchedDisk;
  arrival: Arrival;
  generation: number;
}

export class Tidy {
  readonly #agents: ReadonlyMap<string, ChaosAgent>;
  readonly #kept = new Map<string, Kept>();
  readonly #last = new Map<string, { atMs: number; generation: number }>();

  /** @param agents by the names of their disks */
  constructor(agents: ReadonlyMap<string, ChaosAgent>) {
    this.#agents = agents;
  }

  arrived(disk: WatchedDisk, arrival: Arrival): void {
    const generation = this.#agents.get(disk.name)?.generation ?? 0;
    this.#kept.set(arrival.path, { disk, arrival, generation });
    this.#last.set(disk.name, { atMs: arrival.atMs, generation });
  }

  removeSettled(watcher: Watcher): void {
    for (const [path, { disk, arrival, generation }] of this.#kept) {
      const last = this.#last.get(disk.name);
      if (!last || last.generation !== generation) {
        // Killed or frozen since: from now on it is its successor's word that counts.
        const now = this.#agents.get(disk.name)?.generation ?? 0;
        this.#kept.set(path, { disk, arrival: { ...arrival, atMs: Date.now() }, generation: now });
      } else if (last.atMs - arrival.atMs >= whileMs) {
        this.#kept.delete(path);
        watcher.remove(disk, arrival);
      }
    }
  }
}
