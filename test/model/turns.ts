/**
 * Time and order in a simulated world. Whatever somebody does there (a call of a disk, a record that is appended) waits
 * for its turn, and a seed decides whose is next: one seed is one interleaving. Nobody sleeps: when everyone waits for
 * a time, it has come.
 */
import type { Random } from "../support/random.ts";

/** Whoever takes turns. What a killed one waited for never comes. */
export class Process {
  readonly name: string;
  alive = true;
  frozen = false;
  /** Its turns come seldom. */
  slow = false;

  constructor(name: string) {
    this.name = name;
  }
}

/** What a turn waits for: a condition, or a time, whichever is first. */
export interface Wait {
  ready(): boolean;
  untilMs: number;
}

interface Turn {
  process: Process;
  wait: Wait | undefined;
  take(): void;
}

/** So seldom a slow one is let have its turn. */
const slownessOneIn = 8;

export class Turns {
  readonly #random: Random;
  #waiting: Turn[] = [];
  #count = 0;
  #running: Process | undefined;
  /** By the world's monotonic clock. */
  nowMs = 0;

  constructor(random: Random) {
    this.#random = random;
  }

  /** Turns that were taken. */
  get count(): number {
    return this.#count;
  }

  /** Whose turn it is, with all that follows from it; `undefined`: nobody's. */
  get running(): Process | undefined {
    return this.#running;
  }

  /** Calls `run` when it is the caller's turn; resolves with what that returns, or rejects with what it throws. */
  take<T>(process: Process, run: () => T, wait?: Wait): Promise<T> {
    return new Promise((resolve, reject) => {
      const take = () => {
        try {
          resolve(run());
        } catch (error) {
          reject(error);
        }
      };
      if (process.alive) this.#waiting.push({ process, wait, take });
    });
  }

  /** Calls `run` in a turn of the process when so much time has passed, unless the function returned is called before. */
  after(process: Process, ms: number, run: () => void): () => void {
    const turn: Turn = { process, wait: { ready: () => false, untilMs: this.nowMs + ms }, take: run };
    if (process.alive) this.#waiting.push(turn);
    return () => {
      this.#waiting = this.#waiting.filter((one) => one !== turn);
    };
  }

  /** Resolves when so much time has passed. */
  sleep(process: Process, ms: number): Promise<void> {
    return this.take(process, () => undefined, { ready: () => false, untilMs: this.nowMs + ms });
  }

  /** Ends a process as a kill does: whatever it waits for never comes. */
  kill(process: Process): void {
    process.alive = false;
    this.#waiting = this.#waiting.filter((turn) => turn.process.alive);
  }

  /** One turn of somebody, and all that follows from it until everyone waits again. Returns whether there was one. */
  async step(): Promise<boolean> {
    const turn = this.#next();
    if (!turn) return false;
    this.#count++;
    this.nowMs += this.#random.below(4);
    this.#waiting.splice(this.#waiting.indexOf(turn), 1);
    this.#running = turn.process;
    turn.take();
    await new Promise((resolve) => setImmediate(resolve));
    this.#running = undefined;
    return true;
  }

  #next(): Turn | undefined {
    const awake = this.#waiting.filter(({ process }) => !process.frozen);
    let ready = awake.filter(({ wait }) => !wait || wait.untilMs <= this.nowMs || wait.ready());
    if (ready.length === 0 && awake.length > 0) {
      this.nowMs = Math.min(...awake.map(({ wait }) => wait?.untilMs ?? 0));
      ready = awake.filter(({ wait }) => wait && wait.untilMs <= this.nowMs);
    }
    if (ready.length === 0) return undefined;
    const turn = this.#random.pick(ready);
    if (!turn.process.slow || this.#random.below(slownessOneIn) === 0) return turn;
    return this.#random.pick(ready);
  }
}
