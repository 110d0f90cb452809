/**
 * Partitions that no member of the group has. A rebalance moves a partition in two steps (KIP-429). The first takes it from one
 * member; when that one has let it go, it asks for the second, which gives it to another. A member that is killed in between
 * and started again gets back what it had after the first step, without a rebalance (KIP-345), and does not ask for the second:
 * the partition is nobody's for good. Neither the brokers nor the client notice. So the members check. The one that has least
 * to lose leaves the group and joins again, and all partitions are given out again.
 */
import type { GroupView } from "../../kafka/group.ts";
import { someOf } from "../../lib/some-of.ts";
import type { Log } from "../../observe/log.ts";

/** A member that lets go of partitions makes durable what it has of them first: that takes a moment. */
const noticedMs = 10_000;
/** Longer than clients take to hear of partitions that were added. */
const patienceMs = 30_000;
const maxPatienceMs = 600_000;
/** The next member, should the one before not do it. */
const nextMemberMs = 10_000;
const maxRank = 5;
const maxNamed = 10;

/** Lives as long as the process: the next session has to know that joining again was no help. */
export class UnreadPartitions {
  readonly #group: string;
  readonly #log: Pick<Log, "info" | "warn">;
  readonly #now: () => number;
  #partitions: readonly number[] = [];
  /** Since when at least one of them was nobody's at each check, with no rebalance under way. */
  #sinceMs: number | undefined;
  /** How many members have less to lose. */
  #rank = 0;
  /** How often this member has joined again for it, and some are still nobody's. */
  #rejoins = 0;
  #isReported = false;

  constructor(group: string, log: Pick<Log, "info" | "warn">, now: () => number) {
    this.#group = group;
    this.#log = log;
    this.#now = now;
  }

  /** Whether there seem to be any; soon after a rebalance that may be about to end. */
  get any(): boolean {
    return this.#partitions.length > 0;
  }

  /** Those that have been nobody's for so long that it will not pass by itself. */
  get known(): readonly number[] {
    return this.#isReported ? this.#partitions : [];
  }

  /** `partitions 0, 1 and 2 have` */
  get named(): string {
    const numbers = someOf(this.#partitions, maxNamed);
    return this.#partitions.length === 1 ? `partition ${numbers} has` : `partitions ${numbers} have`;
  }

  /**
   * The group as it is now.
   *
   * @param count partitions of the topic
   * @param own those that this member reads, whatever the group holds it to have
   */
  update(view: GroupView, count: number, own: ReadonlySet<number>): void {
    // A rebalance is under way.
    if (!view.isSettled) {
      this.#sinceMs = undefined;
      return;
    }
    const read = new Set(own);
    for (const { isSelf, partitions } of view.members)
      if (!isSelf) for (const partition of partitions) read.add(partition);
    const unread = Array.from({ length: count }, (_, partition) => partition).filter((one) => !read.has(one));
    const isSame = unread.some((partition) => this.#partitions.includes(partition));
    this.#partitions = unread;
    this.#rank = rankOf(view);
    if (unread.length === 0) {
      this.#over();
      return;
    }
    if (!isSame) this.#sinceMs = undefined;
    this.#sinceMs ??= this.#now();
    this.#report();
  }

  /** Whether this member is to leave the group and join it again; the next time is later each time. */
  claimTurn(): boolean {
    if (this.#sinceMs === undefined) return false;
    const patience = Math.min(patienceMs * 2 ** this.#rejoins, maxPatienceMs);
    const turnMs = this.#sinceMs + patience + Math.min(this.#rank, maxRank) * nextMemberMs;
    if (this.#now() < turnMs) return false;
    this.#sinceMs = undefined;
    this.#rejoins++;
    return true;
  }

  #report(): void {
    if (this.#isReported || this.#now() - (this.#sinceMs ?? this.#now()) < noticedMs) return;
    this.#isReported = true;
    this.#log.warn(
      `group ${this.#group}: ${this.named} no reader: a member leaves and joins again soon, so that they are given out anew`,
    );
  }

  #over(): void {
    if (this.#isReported) this.#log.info(`group ${this.#group}: every partition has a reader again`);
    this.#isReported = false;
    this.#sinceMs = undefined;
    this.#rejoins = 0;
  }
}

/** Who has fewer partitions loses less; among equals something that each member sees the same. */
function rankOf({ members }: GroupView): number {
  const inOrder = members.toSorted(
    (a, b) => a.partitions.length - b.partitions.length || (a.id < b.id ? -1 : 1),
  );
  return Math.max(
    0,
    inOrder.findIndex(({ isSelf }) => isSelf),
  );
}
