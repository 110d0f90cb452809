/** Version numbers: ordered also on a device whose clock starts at 1970, see docs/protocol.md. */

import { AgentError } from "../../lib/errors.ts";

/** How far ahead of the brokers' time a number may be: an uploader's leased ones are, a little. */
const aheadMs = 24 * 3600_000;

/**
 * The brokers' time as their records tell it. It never goes back: with a clock that is set back, numbers that were given
 * before go on being good.
 */
export class BrokerTime {
  #latestMs = 0;

  /** The latest that was seen, milliseconds since 1970. */
  get latestMs(): number {
    return this.#latestMs;
  }

  /** @param timestampMs when the brokers appended a record; negative: not known */
  note(timestampMs: number): void {
    this.#latestMs = Math.max(this.#latestMs, timestampMs);
  }

  /**
   * Whether a version can have been given by an uploader that keeps the rules. One that can't is ignored wherever it comes from:
   * nothing could ever be newer.
   */
  isPlausible(version: number): boolean {
    return Number.isSafeInteger(version) && version >= 0 && version <= (this.#latestMs + aheadMs) * 1000;
  }
}

/**
 * A lease reaches at least this many numbers, and this much of the brokers' time, past the last number that was given. Not more:
 * each start begins above what was leased before, and is not to come nearer to `leadMs` than the time that it takes.
 */
const leastLease = 1000;
const leaseMs = 60_000;
/** How far ahead of the brokers' time a name begins that a ledger does not know: beyond what may have been leased in one that is no more. */
const leadMs = 2 * leaseMs;

/**
 * Above the numbers that an agent of the name may have given by a ledger that was deleted since, as long as the brokers' clock is as it was.
 *
 * @param brokerTimeMs the log append time of the name's first claim, milliseconds since 1970
 */
export function firstVersion(brokerTimeMs: number): number {
  return (brokerTimeMs + leadMs) * 1000;
}

/** Gives numbers that only grow: the brokers' time in microseconds, or the next one, whichever is larger. */
export class VersionClock {
  #highest: number;
  readonly #startedAt: number;
  readonly #now: () => number;
  readonly #monotonicStart: number;

  /**
   * @param highest every number that was ever given is at most this
   * @param brokerTimeMs the log append time of the name's claim, just acknowledged
   */
  constructor(highest: number, brokerTimeMs: number, now = () => performance.now()) {
    this.#highest = highest;
    this.#startedAt = brokerTimeMs * 1000;
    this.#now = now;
    this.#monotonicStart = now();
  }

  get highest(): number {
    return this.#highest;
  }

  /** The time by the brokers' clock, milliseconds since 1970. */
  get nowMs(): number {
    return this.#startedAt / 1000 + this.#now() - this.#monotonicStart;
  }

  /** This one was given elsewhere. */
  raise(version: number): void {
    this.#highest = Math.max(this.#highest, version);
  }

  /** A version higher than every one before; undefined: none that is at most `leased`. */
  next(leased: number): number | undefined {
    const version = this.#next();
    if (version > leased) return undefined;
    this.#highest = version;
    return version;
  }

  /**
   * Up to where numbers are to be leased when those up to `leased` are given. Throws a permanent `AgentError` when there are no
   * more numbers.
   */
  nextLease(leased: number): number {
    // Counted from what was given, not from what was leased: an agent that is killed ever again would run ahead of the time.
    const until = Math.max(this.#next() + leastLease, Math.floor((this.nowMs + leaseMs) * 1000), leased);
    if (!Number.isSafeInteger(until))
      throw new AgentError("there are no more version numbers: what time do the brokers have?", "permanent");
    return until;
  }

  #next(): number {
    const elapsedMicroseconds = Math.floor((this.#now() - this.#monotonicStart) * 1000);
    return Math.max(this.#highest + 1, this.#startedAt + elapsedMicroseconds);
  }
}
