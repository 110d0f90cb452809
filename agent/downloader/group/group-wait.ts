/**
 * What this member waits for from its group. The brokers are asked now and then how the group stands.
 *
 * A member that the group has given nothing must not look like a fault. A member that ended without leaving keeps its
 * partitions until its session is over: until then the group does not answer, the agent is not ready, and it says who that
 * is. Once the group has answered, a member that is not needed, as the others have all partitions, is ready and says so once.
 * Partitions that no member has are found here, too (`unread-partitions.ts`), and the records that wait there are counted.
 *
 * Elsewhere in this room: `assignment.ts` has the partitions of this member and how far each was read, `start-positions.ts`
 * says where to begin in one, `log-gaps.ts` names what is not in the log any more. The group's answers come late and may be
 * out of date: nothing here decides what is published. The durable point confirms the membership by a commit.
 */
import type { Group, GroupView } from "../../kafka/group.ts";
import { AgentError } from "../../lib/errors.ts";
import { someOf } from "../../lib/some-of.ts";
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
  now(): number;
}

/** A group that nobody keeps waiting answers within a few seconds. */
const patienceMs = 5000;
/** Also when nothing is wrong: what a member leaves undone only the others can see. */
const checkMs = 30_000;

export class GroupWait {
  readonly #options: GroupWaitOptions;
  /** Since when there is nothing to do. */
  #sinceMs: number;
  #nextCheckMs: number;
  #isChecking = false;
  /** How often the group has answered, and that count at the last check. */
  #answers = 0;
  #checkedAfter = 0;
  #reason: string | undefined;
  #isIdleReported = false;
  /** Records that nobody reads. */
  #unreadRecords = 0;

  constructor(options: GroupWaitOptions) {
    this.#options = options;
    this.#sinceMs = options.now();
    this.#nextCheckMs = this.#sinceMs + patienceMs;
  }

  /** What this member waits for, if that lasts. */
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

  /** Whether the group was checked since it answered, and leaves nothing to nobody. */
  get isWhole(): boolean {
    return this.#checkedAfter === this.#answers && !this.#options.unread.any;
  }

  /** The group has answered. @param partitions how many this member has by now */
  answered(partitions: number): void {
    if (this.#reason !== undefined) this.#options.log.info(`group ${this.#options.name}: it has answered`);
    this.#reason = undefined;
    this.#answers++;
    this.#nextCheckMs = this.#options.now();
    if (partitions > 0) this.#isIdleReported = false;
    else this.#sinceMs = this.#options.now();
  }

  /** @param partitions how many this member has by now */
  released(partitions: number): void {
    if (partitions > 0) return;
    this.#sinceMs = this.#options.now();
    this.#nextCheckMs = Math.min(this.#nextCheckMs, this.#sinceMs + patienceMs);
  }

  /** Asks the brokers how the group stands, if it is time to. */
  checkIfDue(): void {
    if (this.#isChecking || this.#options.now() < this.#nextCheckMs) return;
    this.#isChecking = true;
    void this.#check().finally(() => {
      this.#isChecking = false;
    });
  }

  async #check(): Promise<void> {
    const { group, unread, topic, positions, now } = this.#options;
    // A change that comes meanwhile asks for another check.
    this.#nextCheckMs = now() + checkMs;
    const answers = this.#answers;
    const view = await group.look().catch(noAnswer);
    if (view) unread.update(view, topic.partitions, new Set(positions.keys()));
    this.#checkedAfter = answers;
    this.#report(view);
    if (unread.known.length > 0) await this.#countUnread(unread.known).catch(noAnswer);
    const isOpen =
      this.#answers === 0 || (positions.size === 0 && !this.#isIdleReported) || unread.any || !view;
    if (isOpen) this.#nextCheckMs = Math.min(this.#nextCheckMs, now() + patienceMs);
  }

  #report(view: GroupView | undefined): void {
    const { positions, name, log, now } = this.#options;
    if (positions.size > 0 || this.#isIdleReported || now() - this.#sinceMs < patienceMs) return;
    const others = holders(view);
    if (this.#answers > 0) {
      this.#isIdleReported = true;
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

/** Whatever it is, the reading meets it too, and ends the session. */
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
  const named = someOf(names, maxNamed);
  return names.length === 1 ? `member ${named} has` : `members ${named} have`;
}
