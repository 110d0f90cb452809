/**
 * A consumer group in memory: its members, whose partitions are given out anew now and then, and its position. A static
 * member that comes back has its partitions at once; one that is silent for too long loses them.
 */
import type { GroupView } from "../../agent/kafka/group.ts";
import type { Position } from "../../agent/kafka/log-reader.ts";
import type { Random } from "../support/random.ts";
import { Member } from "./member.ts";
import type { SimulatedTopic } from "./topic.ts";
import type { Process, Turns } from "./turns.ts";

/** Told of a commit before it counts. `before`: where the group stood, as far as it had committed anything. */
export type CommitWatcher = (
  process: Process,
  before: number | undefined,
  position: Position,
  metadata: string,
) => void;

/** A group that is broken on purpose, so that the checks can be seen to notice. */
export interface GroupFaults {
  /** Commits so many offsets more than it is told. */
  commitsAhead?: number;
}

const sessionTimeoutMs = 45_000;

export class SimulatedGroup {
  readonly topic: SimulatedTopic;
  readonly turns: Turns;
  readonly random: Random;
  readonly faults: GroupFaults;
  readonly #watcher: CommitWatcher;
  readonly #members = new Set<Member>();
  readonly committed = new Map<number, { offset: number; metadata: string }>();
  #isGathered = false;
  /** So many of the next commits fail, before or after they count. */
  failingCommits = 0;

  constructor(
    topic: SimulatedTopic,
    turns: Turns,
    random: Random,
    watcher: CommitWatcher,
    faults: GroupFaults,
  ) {
    this.topic = topic;
    this.turns = turns;
    this.random = random;
    this.#watcher = watcher;
    this.faults = faults;
  }

  join(process: Process, instance: string): Promise<Member> {
    return this.turns.take(process, () => {
      const member = new Member(this, process, instance);
      const before = [...this.#members].find((other) => other.instance === instance);
      if (before) this.#replace(before, member);
      this.#members.add(member);
      if (!before || this.#isGathered) this.rebalance();
      return member;
    });
  }

  /** Gives the partitions out anew. */
  rebalance(): void {
    if (this.#members.size === 0) return;
    for (let partition = 0; partition < this.topic.partitions; partition++)
      this.#give(partition, this.#next());
  }

  /** From now on one member has all partitions. */
  gather(): void {
    this.#isGathered = true;
    this.rebalance();
  }

  /** Who gets the next partition. */
  #next(): Member {
    const members = [...this.#members];
    const [first] = members;
    return this.#isGathered && first ? first : this.random.pick(members);
  }

  /** Takes the partitions of those that were silent for too long. */
  expelSilent(): void {
    for (const member of [...this.#members]) {
      if (!member.isSilent) member.silentSinceMs = undefined;
      else member.silentSinceMs ??= this.turns.nowMs;
      if (this.turns.nowMs - (member.silentSinceMs ?? this.turns.nowMs) > sessionTimeoutMs)
        this.expel(member);
    }
  }

  commit(process: Process, position: Position, metadata: string): void {
    const offset = position.offset + (this.faults.commitsAhead ?? 0);
    const before = this.committed.get(position.partition)?.offset;
    this.#watcher(process, before, { ...position, offset }, metadata);
    this.committed.set(position.partition, { offset, metadata });
  }

  expel(member: Member): void {
    this.#members.delete(member);
    member.lose();
    if (this.#members.size > 0) this.rebalance();
  }

  /** What it had the others get, at once. */
  leave(member: Member): void {
    if (this.#members.has(member)) this.expel(member);
  }

  /** As the brokers tell of it. */
  view(self: Member): GroupView {
    const members = [...this.#members].map((member) => ({
      id: member.instance,
      name: member.process.name,
      isSelf: member.instance === self.instance,
      partitions: [...member.assigned],
    }));
    return { isSettled: [...this.#members].every((member) => !member.isAsked), members };
  }

  /** The topic was deleted: with its partitions their positions. */
  forgetCommitted(): void {
    this.committed.clear();
  }

  #replace(before: Member, member: Member): void {
    this.#members.delete(before);
    before.fence();
    for (const partition of [...before.assigned]) member.gain(partition);
  }

  #give(partition: number, to: Member): void {
    const owner = [...this.#members].find((member) => member.assigned.has(partition));
    // Who is gathered at may just be letting go of it for another: then it gets it back.
    if (owner === to && !(this.#isGathered && to.isAsked)) return;
    if (owner) owner.revoke(partition, () => to.takeOver(partition));
    else to.takeOver(partition);
  }

  isMember(member: Member): boolean {
    return this.#members.has(member);
  }

  /** When a partition is free and the one it was for has gone: somebody gets it. */
  placeFree(partition: number): void {
    const isTaken = [...this.#members].some((member) => member.assigned.has(partition));
    if (!isTaken && this.#members.size > 0) this.#next().gain(partition);
  }
}
