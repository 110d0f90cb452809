/**
 * Ends the process with kill -9 at one durable effect, so that a test can crash an agent at every single one. Only in
 * an executable that was built for that (`scripts/build --crash-points`); any other one contains none of it.
 *
 *     AGENT_CRASH_LIST=FILE    notes each effect in FILE before it is performed, a line each: NUMBER EFFECT: WHAT
 *     AGENT_CRASH_AT=17:before     ends before the 17th effect of the process
 *     AGENT_CRASH_AT=17:after      ends when the 17th effect is done, and nothing that follows from it
 */
import { appendFileSync } from "node:fs";
import { type Effect, Effects } from "./effects.ts";

/** Set by scripts/compile.ts; not there where the sources are run. */
declare const CRASH_POINTS: boolean;

type Moment = "before" | "after";

/** The effects of this build. Throws when it is told to crash somewhere that it does not understand. */
export function effectsOfBuild(): Effects {
  return typeof CRASH_POINTS !== "undefined" && CRASH_POINTS ? new CrashPoints(process.env) : new Effects();
}

class CrashPoints extends Effects {
  readonly #list: string | undefined;
  readonly #at: { number: number; moment: Moment } | undefined;
  #count = 0;

  constructor(environment: Readonly<Record<string, string | undefined>>) {
    super();
    this.#list = environment.AGENT_CRASH_LIST;
    this.#at = parsePoint(environment.AGENT_CRASH_AT);
  }

  override async perform<T>(effect: Effect, what: string, run: () => Promise<T>): Promise<T> {
    const number = ++this.#count;
    // A name may hold a newline.
    if (this.#list) appendFileSync(this.#list, `${number} ${effect}: ${JSON.stringify(what)}\n`);
    this.#endIfAt(number, "before");
    // Also when it fails: what follows from that is not done either.
    return run().finally(() => this.#endIfAt(number, "after"));
  }

  #endIfAt(number: number, moment: Moment): void {
    if (this.#at?.number === number && this.#at.moment === moment) process.kill(process.pid, "SIGKILL");
  }
}

function parsePoint(text: string | undefined): { number: number; moment: Moment } | undefined {
  if (!text) return undefined;
  const [, number, moment] = /^(\d+):(before|after)$/.exec(text) ?? [];
  if (number === undefined) throw new Error(`AGENT_CRASH_AT: NUMBER:before or NUMBER:after, not ${text}`);
  return { number: Number(number), moment: moment as Moment };
}
