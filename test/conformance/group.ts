/** What a downloader relies on of its group: the one on Kafka and the model's have to do it alike. */
import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import { waitUntil } from "../support/wait.ts";
import { type CuttableGroup, type Gained, Member, refusal, severityOf, stepUntil } from "./group-member.ts";

export interface GroupFixture extends AsyncDisposable {
  /** Of the topic, which is empty. More than one. */
  readonly partitions: number;
  /**
   * A new member, that can't reach its group from `cut` to `mend`.
   *
   * @param isPatient whether the group waits for a silent member for longer than any test does
   */
  join(instance: string, isPatient: boolean): Promise<CuttableGroup>;
  /** Their values are their offsets. */
  produce(partition: number, count: number): Promise<void>;
  /** What stands before the offset has expired. */
  expire(partition: number, before: number): Promise<void>;
  /** Where partitions are not given out anew by themselves when somebody joins, they are now. */
  rebalance(): void;
}

export function groupSuite(name: string, make: () => Promise<GroupFixture>): void {
  describe(name, () => {
    let fixture: GroupFixture;
    const members: Member[] = [];

    beforeEach(async () => {
      fixture = await make();
    });
    afterEach(async () => {
      for (const member of members.splice(0)) await member.group.close();
      await fixture[Symbol.asyncDispose]();
    });

    async function join(instance: string, isPatient = true): Promise<Member> {
      const member = new Member(await fixture.join(instance, isPatient));
      members.push(member);
      return member;
    }
    /** A member that has every partition. */
    async function joinAlone(): Promise<Member> {
      const member = await join("first");
      await stepUntil("it has all partitions", () => member.owned.size === fixture.partitions, member);
      return member;
    }
    /** Two that have some partitions each. */
    async function joinBoth(isPatient = true): Promise<[Member, Member]> {
      const [first, second] = [await joinAlone(), await join("second", isPatient)];
      const areShared = () => {
        const are = first.owned.size > 0 && second.owned.size > 0;
        if (!are) fixture.rebalance();
        return are && first.owned.size + second.owned.size === fixture.partitions;
      };
      await stepUntil("both have some", areShared, first, second);
      return [first, second];
    }

    test("the first member has every partition, once", async () => {
      const member = await join("first");
      const gained: number[] = [];
      member.onGained = async (event) => {
        gained.push(...event.partitions);
        await member.begin(event);
      };
      await stepUntil("it has all partitions", () => gained.length >= fixture.partitions, member);
      for (let times = 0; times < 3; times++) await member.step();
      expect(gained.sort((a, b) => a - b)).toEqual(range(0, fixture.partitions));
    });

    test("each partition's records come in the order of the log, from where reading begins, not too many at once", async () => {
      await fixture.produce(0, 20);
      await fixture.produce(1, 5);
      const member = await join("first");
      member.beginsAt.set(0, 3);
      const isRead = () => member.records.length >= 22;
      await waitUntil("all is read", async () => {
        await member.step(4);
        return isRead();
      });
      expect(member.offsetsOf(0)).toEqual(range(3, 20));
      expect(member.offsetsOf(1)).toEqual(range(0, 5));
      expect(member.largest).toBeLessThanOrEqual(4);
      expect(member.records.map(({ value }) => value?.toString())).toEqual(
        member.records.map(({ offset }) => String(offset)),
      );
    });

    test("where nothing comes, that is said", async () => {
      const member = await joinAlone();
      expect(await member.group.next(10, 50)).toEqual({ kind: "idle" });
    });

    test("nothing is read of a partition before it is begun", async () => {
      await fixture.produce(0, 5);
      const member = await join("first");
      const gained: Gained[] = [];
      member.onGained = async (event) => void gained.push(event);
      const isGained = () => gained.flatMap(({ partitions }) => partitions).length === fixture.partitions;
      await stepUntil("it has gained all", isGained, member);
      for (let times = 0; times < 5; times++) await member.step();
      expect(member.records).toEqual([]);
      for (const event of gained) await member.begin(event);
      await stepUntil("it is read", () => member.records.length === 5, member);
    });

    test("the group stands nowhere until it has committed, and then where it did last, with what was noted", async () => {
      const member = await joinAlone();
      const standsAt = async () => (await member.group.committed([0, 1])).sort(byPartition);
      const nowhere = { offset: undefined, metadata: undefined };
      expect(await standsAt()).toEqual([
        { partition: 0, ...nowhere },
        { partition: 1, ...nowhere },
      ]);
      await fixture.produce(0, 10);
      await member.group.commit([{ partition: 0, offset: 7 }], '{"note":"first"}');
      expect(await standsAt()).toEqual([
        { partition: 0, offset: 7, metadata: '{"note":"first"}' },
        { partition: 1, ...nowhere },
      ]);
      const both = [
        { partition: 0, offset: 4 },
        { partition: 1, offset: 0 },
      ];
      await member.group.commit(both, "second");
      expect(await standsAt()).toEqual(both.map((position) => ({ ...position, metadata: "second" })));
    });

    test("what one member has committed the next one finds", async () => {
      const [first, second] = await joinBoth();
      const [partition = 0] = first.owned;
      await first.group.commit([{ partition, offset: 0 }], "note");
      expect(await second.group.committed([partition])).toEqual([{ partition, offset: 0, metadata: "note" }]);
    });

    test("a partition's bounds are those of the log", async () => {
      const member = await joinAlone();
      expect(await member.group.bounds(0)).toEqual({ low: 0, high: 0 });
      await fixture.produce(0, 10);
      await fixture.expire(0, 4);
      expect(await member.group.bounds(0)).toEqual({ low: 4, high: 10 });
    });

    test("reading goes on at the first record that is there, if the one that was wanted has expired or is none yet", async () => {
      for (const partition of [0, 1]) {
        await fixture.produce(partition, 10);
        await fixture.expire(partition, 4);
      }
      const member = await join("first");
      member.beginsAt.set(0, 2);
      member.beginsAt.set(1, 1000);
      await stepUntil("it is read", () => member.records.length >= 12, member);
      expect([member.offsetsOf(0), member.offsetsOf(1)]).toEqual([range(4, 10), range(4, 10)]);
    });

    test("the end of a partition is known, and that it was reached", async () => {
      const member = await join("first");
      await fixture.produce(0, 5);
      expect(member.group.reachedEnd(0)).toBeUndefined();
      const isAt = (end: number) => () =>
        member.group.knownEnd(0) === end && member.group.reachedEnd(0) === end;
      await stepUntil("it was reached", isAt(5), member);
      expect(member.offsetsOf(0)).toEqual(range(0, 5));
      await fixture.produce(0, 2);
      await stepUntil("it was reached once more", isAt(7), member);
      expect(member.offsetsOf(0)).toEqual(range(0, 7));
    });

    test("a partition passes from one member to another when it is let go of, and can be committed until then", async () => {
      for (const partition of range(0, fixture.partitions)) await fixture.produce(partition, 3);
      const first = await joinAlone();
      first.onRevoked = () => undefined;
      const second = await join("second");
      await stepUntil(
        "something is to be given up",
        () => {
          if (first.revoked.length === 0) fixture.rebalance();
          return first.revoked.length > 0;
        },
        first,
        second,
      );
      const [revoked] = first.revoked;
      if (!revoked) throw new Error("nothing is revoked");
      expect(revoked.lost).toBe(false);
      const [partition = 0] = revoked.partitions;
      for (let times = 0; times < 5; times++) await second.step();
      expect(second.owned.has(partition)).toBe(false);
      await first.group.commit([{ partition, offset: 2 }], "the last");
      first.onRevoked = (event) => first.release(event);
      first.release(revoked);
      first.records.length = 0;
      await stepUntil("the other has it", () => second.owned.has(partition), first, second);
      await stepUntil("it is read", () => second.offsetsOf(partition).length > 0, first, second);
      expect(second.offsetsOf(partition)).toEqual([2]);
      expect(first.offsetsOf(partition)).toEqual([]);
    });

    test("each partition has one member, and everybody is told whose it is", async () => {
      const [first, second] = await joinBoth();
      expect([...first.owned, ...second.owned].sort((a, b) => a - b)).toEqual(range(0, fixture.partitions));
      for (const [self, other] of [
        [first, second],
        [second, first],
      ] as const) {
        const view = await waitUntil("the group is settled", async () => {
          await Promise.all([self.step(), other.step()]);
          const found = await self.group.look();
          return found?.isSettled && found.members.length === 2 && found;
        });
        const [itself, another] = [...view.members].sort((a, b) => Number(b.isSelf) - Number(a.isSelf));
        expect([itself?.isSelf, another?.isSelf]).toEqual([true, false]);
        expect([...(itself?.partitions ?? [])].sort()).toEqual([...self.owned].sort());
        expect([...(another?.partitions ?? [])].sort()).toEqual([...other.owned].sort());
        expect(itself?.id).not.toBe(another?.id);
      }
    });

    test("a member that ends and comes back under its name has its partitions back, and takes nobody's", async () => {
      const [first, second] = await joinBoth();
      const before = [...second.owned].sort();
      const revoked = first.revoked.length;
      await second.group.close();
      const again = await join("second");
      await stepUntil("it has them back", () => again.owned.size === before.length, first, again);
      expect([...again.owned].sort()).toEqual(before);
      expect(first.revoked.length).toBe(revoked);
    });

    test("of two with one name the older can't go on: that is fatal", async () => {
      const older = await joinAlone();
      const newer = await join("first");
      const failure = await waitUntil("the older one fails", async () => {
        await newer.step();
        return older.step().then(
          () => false,
          (error: unknown) => severityOf(error),
        );
      });
      expect(failure).toBe("fatal");
      expect(await refusal(older, 0)).toBe("fatal");
      await stepUntil("the newer has all", () => newer.owned.size === fixture.partitions, newer);
    });

    test("a member that leaves gives its partitions to the others at once", async () => {
      const [first, second] = await joinBoth();
      const leaving = second.group.leave();
      await stepUntil("the other has all", () => first.owned.size === fixture.partitions, first);
      await leaving;
    });

    test("a member that was silent for too long is told that its partitions are another's, and can't commit", async () => {
      const [first, second] = await joinBoth(false);
      const [partition = 0] = second.owned;
      await second.cut();
      await stepUntil("the other has all", () => first.owned.size === fixture.partitions, first);
      await second.mend();
      expect(await refusal(second, partition)).toBe("retryable");
      await stepUntil("it is told", () => second.revoked.some(({ lost }) => lost), second);
      expect((await first.group.committed([partition]))[0]?.offset).toBeUndefined();
    });
  });
}

function byPartition(one: { partition: number }, other: { partition: number }): number {
  return one.partition - other.partition;
}

function range(from: number, to: number): number[] {
  return Array.from({ length: to - from }, (_, at) => from + at);
}
