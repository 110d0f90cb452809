/**
 * The way to one watch's file system. A mount that does not answer (a dead NFS server) keeps a thread for each call that
 * waits for it, and with all threads waiting no file anywhere can be read: so there are few calls at a time, and none
 * more while one does not come back.
 */
import { availableParallelism } from "node:os";
import type { Trouble } from "../../lib/troubles.ts";
import type { Log } from "../../observe/log.ts";

/** A disk that spins up, or a card that is busy writing, takes less. */
const patienceMs = 5000;

/**
 * How many calls at a time a watch may have, so that one of them leaves threads to the others. The number of threads for
 * file calls is the runtime's: UV_THREADPOOL_SIZE, else one a core.
 */
export function callsPerWatch(watches: number, env: Readonly<Record<string, string | undefined>>): number {
  // Nobody else to leave threads to.
  if (watches <= 1) return Number.POSITIVE_INFINITY;
  const threads = Number(env.UV_THREADPOOL_SIZE) || availableParallelism();
  return Math.max(1, Math.floor((threads - 1) / watches));
}

export class FileSystemGate {
  readonly #where: string;
  readonly #most: number;
  readonly #log: Log;
  /** Calls that are under way, and since when; the oldest first. */
  readonly #running = new Set<{ sinceMs: number }>();
  readonly #queue: (() => void)[] = [];
  readonly #waiting = new Set<() => void>();
  #trouble: Trouble | undefined;
  #timer: ReturnType<typeof setTimeout> | undefined;
  /** Told when the file system stops answering, and when it answers again. */
  onChange: (answers: boolean) => void = () => undefined;

  /**
   * @param where the watch, for people
   * @param most calls at a time
   */
  constructor(where: string, most: number, log: Log) {
    this.#where = where;
    this.#most = most;
    this.#log = log;
  }

  /** Whether calls come back. */
  get answers(): boolean {
    return this.#trouble === undefined;
  }

  /** Makes a call as soon as it may be made. Throws what it throws. */
  async run<Result>(call: () => Promise<Result>): Promise<Result> {
    while (this.#running.size >= this.#most || !this.answers)
      await new Promise<void>((enter) => this.#queue.push(enter));
    const running = { sinceMs: performance.now() };
    this.#running.add(running);
    this.#watch(patienceMs);
    try {
      return await call();
    } finally {
      this.#running.delete(running);
      this.#ended();
    }
  }

  /** Resolves when the work has ended: true; or when the file system stops answering before that: false. */
  async inTime(work: Promise<unknown>): Promise<boolean> {
    let ended = false;
    let wake: () => void = () => undefined;
    const done = new Promise<void>((resolve) => {
      wake = resolve;
      const end = () => {
        ended = true;
        resolve();
      };
      work.then(end, end);
    });
    this.#waiting.add(wake);
    if (!this.answers) wake();
    await done;
    this.#waiting.delete(wake);
    return ended;
  }

  #watch(ms: number): void {
    if (this.#timer) return;
    this.#timer = setTimeout(() => {
      this.#timer = undefined;
      const [oldest] = this.#running;
      if (!oldest || this.#trouble) return;
      const leftMs = oldest.sinceMs + patienceMs - performance.now();
      if (leftMs > 0) this.#watch(leftMs);
      else this.#sayStuck();
    }, ms);
    this.#timer.unref();
  }

  #sayStuck(): void {
    const [what, reason] = [this.#where, "its file system does not answer"];
    this.#log.warn(`${what}: ${reason}: its files wait until it does`);
    this.#trouble = this.#log.troubles.begin(what, reason);
    for (const wake of this.#waiting) wake();
    this.onChange(false);
  }

  #ended(): void {
    if (this.#trouble && this.#running.size === 0) {
      this.#log.info(`${this.#where}: its file system answers again`);
      this.#log.troubles.end(this.#trouble);
      this.#trouble = undefined;
      this.onChange(true);
      for (const enter of this.#queue.splice(0)) enter();
    } else if (this.answers) this.#queue.shift()?.();
  }
}
