/** A member of a group that does what a downloader does with an event, or leaves it to the test. */
import type { Group, GroupEvent } from "../../agent/kafka/group.ts";
import type { IncomingRecord } from "../../agent/kafka/record-source.ts";
import { AgentError } from "../../agent/lib/errors.ts";
import { waitUntil } from "../support/wait.ts";

/** What it can't reach any more after `cut` it can again after `mend`. */
export interface CuttableGroup {
  readonly group: Group;
  cut(): Promise<void>;
  mend(): Promise<void>;
}

export type Gained = Extract<GroupEvent, { kind: "gained" }>;
export type Revoked = Extract<GroupEvent, { kind: "revoked" }>;

export class Member {
  readonly group: Group;
  readonly cut: () => Promise<void>;
  readonly mend: () => Promise<void>;
  readonly owned = new Set<number>();
  readonly records: IncomingRecord[] = [];
  readonly revoked: Revoked[] = [];
  /** Where to begin in a partition, if not where the group stands, or at the start. */
  readonly beginsAt = new Map<number, number>();
  onGained: (event: Gained) => Promise<void> = (event) => this.begin(event);
  onRevoked: (event: Revoked) => void = (event) => this.release(event);
  /** The most records that came at once. */
  largest = 0;

  constructor({ group, cut, mend }: CuttableGroup) {
    this.group = group;
    this.cut = cut;
    this.mend = mend;
  }

  async step(count = 100): Promise<void> {
    const event = await this.group.next(count, 50);
    if (event.kind === "gained") await this.onGained(event);
    else if (event.kind === "revoked") {
      this.revoked.push(event);
      this.onRevoked(event);
    } else if (event.kind === "records") {
      for (const record of event.records) record.memory?.hold();
      this.records.push(...event.records);
      this.largest = Math.max(this.largest, event.records.length);
    }
  }

  async begin({ partitions, begin }: Gained): Promise<void> {
    const committed = await this.group.committed(partitions);
    begin(
      committed.map(({ partition, offset }) => ({
        partition,
        offset: this.beginsAt.get(partition) ?? offset ?? 0,
      })),
    );
    for (const partition of partitions) this.owned.add(partition);
  }

  release({ partitions, release }: Revoked): void {
    for (const partition of partitions) this.owned.delete(partition);
    release();
  }

  offsetsOf(partition: number): number[] {
    return this.records.filter((record) => record.partition === partition).map(({ offset }) => offset);
  }
}

/** Lets members take what comes for them until it is so. */
export async function stepUntil(what: string, isSo: () => boolean, ...members: Member[]): Promise<void> {
  await waitUntil(what, async () => {
    await Promise.all(members.map((member) => member.step()));
    return isSo();
  });
}

/** How bad it is that a commit is refused. */
export function refusal({ group }: Member, partition: number): Promise<string> {
  return group.commit([{ partition, offset: 1 }], "").then(() => "not refused", severityOf);
}

export function severityOf(error: unknown): string {
  return error instanceof AgentError ? error.severity : String(error);
}
