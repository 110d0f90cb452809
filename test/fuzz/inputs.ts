/**
 * How the fuzz tests get their inputs: so many for each target, each from a seed of its own, so that one that fails comes
 * again by itself. `scripts/fuzz` sets the variables.
 */
import { Random } from "../support/random.ts";

/** Over all targets. */
const total = Number(process.env.AGENT_FUZZ_INPUTS ?? 1_000_000);
const seed = Number(process.env.AGENT_FUZZ_SEED ?? 20250415);
/** Only this input of a target: to look at one that failed. */
const only = process.env.AGENT_FUZZ_ONLY;

/** Given to fast-check where that makes the inputs. */
export const fuzzSeed = seed;

/** A target's part of all inputs. */
export function share(perMille: number): number {
  return Math.max(1, Math.ceil((total * perMille) / 1000));
}

/** Calls `check` with the random numbers of each input; what it throws names the command that repeats that input. */
export function fuzz(target: string, perMille: number, check: (random: Random) => void): void {
  for (const index of indices(perMille)) {
    try {
      check(randomOf(target, index));
    } catch (error) {
      throw failed(target, index, error);
    }
  }
}

/** The same where checking waits for something. */
export async function fuzzAsync(
  target: string,
  perMille: number,
  check: (random: Random) => Promise<void>,
): Promise<void> {
  for (const index of indices(perMille)) {
    try {
      await check(randomOf(target, index));
    } catch (error) {
      throw failed(target, index, error);
    }
  }
}

/** Whether all inputs are tried: only then a target must have seen each kind of outcome. */
export const isWhole = only === undefined && total >= 100_000;

function* indices(perMille: number): Generator<number> {
  if (only !== undefined) yield Number(only);
  else for (let index = 0; index < share(perMille); index++) yield index;
}

function randomOf(target: string, index: number): Random {
  return new Random(Number(Bun.hash.xxHash32(`${target} ${seed} ${index}`)));
}

function failed(target: string, index: number, cause: unknown): Error {
  const command = `scripts/fuzz --seed ${seed} --only ${index} ${target}`;
  const reason = cause instanceof Error ? (cause.stack ?? cause.message) : String(cause);
  return new Error(`input ${index} of ${target} failed; again: ${command}\n${reason}`, { cause });
}
