/**
 * A member that the group has given nothing: silence would look like a fault. Until the group has answered, because a member that
 * ended without a farewell has its partitions until its session is over, the agent is not ready and says who that is. One
 * that is not needed, since others have all partitions, is ready, and says so once.
 */
import type { Group } from "../kafka/group-consumer.ts";
import { AgentError } from "../lib/errors.ts";
import type { Log } from "../observe/log.ts";

export interface GroupWaitOptions {
  group: Pick<Group, "others">;
  name: string;
  log: Log;
  /** The monotonic clock, milliseconds. */
  now(): number;
}

/** A group that nobody keeps waiting answers within a few seconds. */
const patienceMs = 5000;
const askMs = 10_000;

export class GroupWait {
  readonly #options: GroupWaitOptions;
  /** Since when there is nothing to do. */
  #sinceMs: number;
  #askedAtMs = Number.NEGATIVE_INFINITY;
  #hasAnswered = false;
  #hasPartitions = false;
  #reason: string | undefined;
  #isToldIdle = false;

  constructor(options: GroupWaitOptions) {
    this.#options = options;
    this.#sinceMs = options.now();
  }

  /** What is waited for, if that takes long. */
  get reason(): string | undefined {
    return this.#reason;
  }

  /** The group has answered. @param partitions how many this member has by now */
  answered(partitions: number): void {
    if (this.#reason !== undefined) this.#options.log.info(`group ${this.#options.name}: it has answered`);
    this.#reason = undefined;
    this.#hasAnswered = true;
    this.#changed(partitions);
  }

  /** @param partitions how many this member has by now */
  released(partitions: number): void {
    this.#changed(partitions);
  }

  /** Time has passed. */
  look(): void {
    const nowMs = this.#options.now();
    const isSettled = this.#hasPartitions || (this.#hasAnswered && this.#isToldIdle);
    if (isSettled || nowMs - this.#sinceMs < patienceMs || nowMs - this.#askedAtMs < askMs) return;
    this.#askedAtMs = nowMs;
    void this.#ask();
  }

  #changed(partitions: number): void {
    if (this.#hasPartitions !== partitions > 0) this.#sinceMs = this.#options.now();
    this.#hasPartitions = partitions > 0;
    if (this.#hasPartitions) this.#isToldIdle = false;
  }

  async #ask(): Promise<void> {
    const { group, name, log } = this.#options;
    const others = await group.others().catch((error: unknown) => {
      // Whatever it is, the reading finds it too, and ends the session by it.
      if (error instanceof AgentError) return [];
      throw error;
    });
    // It may have answered meanwhile.
    if (this.#hasPartitions) return;
    if (this.#hasAnswered) {
      this.#isToldIdle = true;
      const why = others.length > 0 ? `${members(others)} all of them` : "there is none left";
      log.info(`group ${name}: no partition is left for this member: ${why}; it takes over when one is`);
      return;
    }
    const who = others.length > 0 ? `${members(others)} the partitions` : "it has not answered yet";
    const reason = `waiting for the group ${name}: ${who}`;
    if (reason !== this.#reason)
      log.warn(`${reason}; one that has ended keeps them until its session is over`);
    this.#reason = reason;
  }
}

const maxNamed = 5;

/** `member till-7 (10.0.0.7) has` */
function members(names: readonly string[]): string {
  const more = names.length > maxNamed ? ` and ${names.length - maxNamed} more` : "";
  const named = names.slice(0, maxNamed).join(", ") + more;
  return names.length === 1 ? `member ${named} has` : `members ${named} have`;
}
