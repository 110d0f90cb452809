/**
 * The numbers of an uploader's versions. None is given that is not leased: the name's entry says in the ledger, before, up to
 * where they may be given, so that whoever has the name next begins above all of them. The rules are in docs/protocol.md.
 */
import { firstVersion, VersionClock } from "./version-clock.ts";

export class VersionLease {
  readonly #write: (highest: number) => Promise<unknown>;
  #clock = new VersionClock(0, 0);
  /** Numbers up to this one may be given. */
  #leased = 0;
  #extending: Promise<void> | undefined;

  /** @param write writes into the name's entry that numbers up to this one may be given; see `Ledger.write` */
  constructor(write: (highest: number) => Promise<unknown>) {
    this.#write = write;
  }

  /** Numbers up to this one may be given. */
  get leased(): number {
    return this.#leased;
  }

  /** The brokers' time, milliseconds since 1970. */
  get nowMs(): number {
    return this.#clock.nowMs;
  }

  /** Every number that was given here, or read of, is at most this. */
  get highest(): number {
    return this.#clock.highest;
  }

  /** A number that was read elsewhere than in the name's entries: what is given from now on is higher. */
  note(version: number): void {
    this.#clock.raise(version);
  }

  /** What is leased in a ledger that is no more is not leased. Resolves when nothing more is written there. */
  async drop(): Promise<void> {
    await this.#extending?.catch(() => undefined);
    this.#leased = 0;
  }

  /**
   * The name is claimed by an entry that says that numbers up to `highest` may have been given.
   *
   * @param claimedMs its log append time, milliseconds since 1970
   * @param isNew whether the name may have been known in a ledger that is no more: the numbers begin above those
   */
  begin(highest: number, claimedMs: number, isNew: boolean): void {
    this.#leased = highest;
    const least = Math.max(highest, this.highest, isNew ? firstVersion(claimedMs) : 0);
    this.#clock = new VersionClock(least, claimedMs);
  }

  /**
   * A number higher than every one before, however the brokers' clock goes. Throws what `write` throws.
   *
   * @param given told of it at once: whoever hears of it later may have read of `highest` before
   */
  async next(given?: (version: number) => void): Promise<number> {
    for (;;) {
      const version = this.#clock.next(this.#leased);
      if (version === undefined) await this.extend();
      else {
        given?.(version);
        return version;
      }
    }
  }

  /** Leases more. Throws what `write` throws. */
  extend(): Promise<void> {
    this.#extending ??= this.#lease().finally(() => {
      this.#extending = undefined;
    });
    return this.#extending;
  }

  async #lease(): Promise<void> {
    const highest = this.#clock.nextLease(this.#leased);
    await this.#write(highest);
    this.#leased = highest;
  }
}
