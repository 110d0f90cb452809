/**
 * What of the group is waited for, by looking at it now and then.
 *
 * A member that the group has given nothing: silence would look like a fault. Until the group has answered, because a member that
 * ended without a farewell has its partitions until its session is over, the agent is not ready and says who that is. One
 * that is not needed, since others have all partitions, is ready, and says so once.
 */
import type { Group, GroupView } from "../../kafka/group-consumer.ts";
import { AgentError } from "../../lib/errors.ts";
import type { Log } from "../../observe/log.ts";
import type { UnreadPartitions } from "./unread-partitions.ts";

export interface GroupWaitOptions {
  group: Pick<Group, "look" | "committed" | "bounds">;
  topic: { readonly partitions: number };
  name: string;
  /** Where this member is in the partitions that it has. */
  positions: ReadonlyMap<number, number>;
  unread: UnreadPartitions;
  log: Log;
  /** The monotonic clock, milliseconds. */
  now(): number;
}

/** A group that nobody keeps waiting answers within a few seconds. */
const patienceMs = 5000;
/** Also when nothing is the matter: what a member leaves undone the others can only see. */
const lookMs = 30_000;

export class GroupWait {
  readonly #options: GroupWaitOptions;
  /** Since when there is nothing to do. */
  #sinceMs: number;
  #nextLookMs: number;
  #isLooking = false;
  /** How often the group has answered, and that count when it was looked at last. */
  #answers = 0;
  #lookedAfter = 0;
  #reason: string | undefined;
  #isToldIdle = false;
  /** Records that nobody reads. */
  #unreadRecords = 0;

  constructor(options: GroupWaitOptions) {
    this.#options = options;
    this.#sinceMs = options.now();
    this.#nextLookMs = this.#sinceMs + patienceMs;
  }

  /** What is waited for, if that takes long. */
  get reasons(): readonly string[] {
    const { unread, name } = this.#options;
    const reasons = this.#reason === undefined ? [] : [this.#reason];
    if (unread.known.length === 0) return reasons;
    return [
      ...reasons,
      `group ${name}: ${unread.named} no reader, ${this.#unreadRecords} records wait there`,
    ];
  }

  /** Records that wait in partitions that no member has. */
  get unreadRecords(): number {
    return this.#options.unread.known.length > 0 ? this.#unreadRecords : 0;
  }

  /** Whether the group was looked at since it answered, and leaves nothing to nobody. */
  get isWhole(): boolean {
    return this.#lookedAfter === this.#answers && !this.#options.unread.any;
  }

  /** The group has answered. @param partitions how many this member has by now */
  answered(partitions: number): void {
    if (this.#reason !== undefined) this.#options.log.info(`group ${this.#options.name}: it has answered`);
    this.#reason = undefined;
    this.#answers++;
    this.#nextLookMs = this.#options.now();
    if (partitions > 0) this.#isToldIdle = false;
    else this.#sinceMs = this.#options.now();
  }

  /** @param partitions how many this member has by now */
  released(partitions: number): void {
    if (partitions > 0) return;
    this.#sinceMs = this.#options.now();
    this.#nextLookMs = Math.min(this.#nextLookMs, this.#sinceMs + patienceMs);
  }

  /** Time has passed. */
  look(): void {
    if (this.#isLooking || this.#options.now() < this.#nextLookMs) return;
    this.#isLooking = true;
    void this.#look().finally(() => {
      this.#isLooking = false;
    });
  }

  async #look(): Promise<void> {
    const { group, unread, topic, positions, now } = this.#options;
    // A change that comes meanwhile asks for another look.
    this.#nextLookMs = now() + lookMs;
    const answers = this.#answers;
    const view = await group.look().catch(noAnswer);
    if (view) unread.take(view, topic.partitions, new Set(positions.keys()));
    this.#lookedAfter = answers;
    this.#tell(view);
    if (unread.known.length > 0) await this.#countUnread(unread.known).catch(noAnswer);
    const isOpen = this.#answers === 0 || (positions.size === 0 && !this.#isToldIdle) || unread.any || !view;
    if (isOpen) this.#nextLookMs = Math.min(this.#nextLookMs, now() + patienceMs);
  }

  #tell(view: GroupView | undefined): void {
    const { positions, name, log, now } = this.#options;
    if (positions.size > 0 || this.#isToldIdle || now() - this.#sinceMs < patienceMs) return;
    const others = holders(view);
    if (this.#answers > 0) {
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

  async #countUnread(partitions: readonly number[]): Promise<void> {
    const { group } = this.#options;
    let records = 0;
    for (const { partition, offset } of await group.committed(partitions)) {
      const { low, high } = await group.bounds(partition);
      records += Math.max(0, high - Math.max(low, offset ?? low));
    }
    this.#unreadRecords = records;
  }
}

/** Whatever it is, the reading finds it too, and ends the session by it. */
function noAnswer(error: unknown): undefined {
  if (error instanceof AgentError) return undefined;
  throw error;
}

/** The other members; those with partitions, if any has. */
function holders(view: GroupView | undefined): string[] {
  const others = view?.members.filter(({ isSelf }) => !isSelf) ?? [];
  const holding = others.filter(({ partitions }) => partitions.length > 0);
  return (holding.length > 0 ? holding : others).map(({ name }) => name).sort();
}

const maxNamed = 5;

/** `member till-7 (10.0.0.7) has` */
function members(names: readonly string[]): string {
  const more = names.length > maxNamed ? ` and ${names.length - maxNamed} more` : "";
  const named = names.slice(0, maxNamed).join(", ") + more;
  return names.length === 1 ? `member ${named} has` : `members ${named} have`;
}
