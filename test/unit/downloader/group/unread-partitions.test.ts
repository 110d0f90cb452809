import { expect, test } from "bun:test";
import { UnreadPartitions } from "../../../../agent/downloader/group/unread-partitions.ts";
import type { GroupView, MemberView } from "../../../../agent/kafka/group.ts";

let nowMs = 0;
const count = 6;

class Lines {
  readonly lines: string[] = [];
  info(message: string): void {
    this.lines.push(message);
  }
  warn(message: string): void {
    this.lines.push(message);
  }
}

function watch(): { unread: UnreadPartitions; log: Lines } {
  nowMs = 0;
  const log = new Lines();
  return { unread: new UnreadPartitions("inbox", log, () => nowMs), log };
}

const member = (id: string, partitions: number[], isSelf = false): MemberView => ({
  id,
  name: id,
  isSelf,
  partitions,
});
const settled = (...members: MemberView[]): GroupView => ({ isSettled: true, members });

/** Looks every five seconds for so long; gives when it was this member's turn. */
function look(unread: UnreadPartitions, view: GroupView, own: number[], forMs: number): number[] {
  const turns: number[] = [];
  for (const endMs = nowMs + forMs; nowMs < endMs; nowMs += 5000) {
    unread.update(view, count, new Set(own));
    if (unread.claimTurn()) turns.push(nowMs);
  }
  return turns;
}

test("a partition that no member has is noticed, and the member with the fewest joins again within a minute", () => {
  const { unread, log } = watch();
  const left = [member("a", [3, 4, 5]), member("b", [])];
  const asA = left.map((one) => ({ ...one, isSelf: one.id === "a" }));
  const asB = left.map((one) => ({ ...one, isSelf: one.id === "b" }));
  expect(look(unread, settled(...asB), [], 35_000)).toEqual([30_000]);
  expect(unread.known).toEqual([0, 1, 2]);
  expect(log.lines).toEqual([expect.stringContaining("partitions 0, 1, 2 have no reader")]);
  const other = watch().unread;
  expect(look(other, settled(...asA), [3, 4, 5], 45_000)).toEqual([40_000]);
});

test("what passes in a rebalance is none of it", () => {
  const { unread, log } = watch();
  const between = settled(member("a", [3, 4, 5]), member("b", [], true));
  look(unread, between, [], 25_000);
  unread.update({ ...between, isSettled: false }, count, new Set());
  expect(look(unread, between, [], 25_000)).toEqual([]);
  look(unread, settled(member("a", [3, 4, 5]), member("b", [0, 1, 2], true)), [0, 1, 2], 5000);
  expect(unread.any).toBe(false);
  expect(unread.known).toEqual([]);
  expect(log.lines.at(-1)).toContain("every partition has a reader again");
});

test("a short one is not even told", () => {
  const { unread, log } = watch();
  look(unread, settled(member("a", [3, 4, 5]), member("b", [], true)), [], 10_000);
  look(unread, settled(member("a", [3, 4, 5]), member("b", [0, 1, 2], true)), [0, 1, 2], 60_000);
  expect(log.lines).toEqual([]);
});

test("what the group holds this member to have, and it does not, is read by nobody", () => {
  const { unread } = watch();
  const all = settled(member("a", [0, 1, 2, 3, 4, 5], true));
  expect(look(unread, all, [0, 1, 2, 3, 4], 35_000)).toEqual([30_000]);
  expect(unread.known).toEqual([5]);
});

test("where joining again is no help it is done ever more rarely, and soon again after it was", () => {
  const { unread } = watch();
  const never = settled(member("a", [0, 1, 2, 3, 4], true));
  expect(look(unread, never, [0, 1, 2, 3, 4], 300_000)).toEqual([30_000, 95_000, 220_000]);
  look(unread, settled(member("a", [0, 1, 2, 3, 4, 5], true)), [0, 1, 2, 3, 4, 5], 5000);
  const fromMs = nowMs;
  expect(look(unread, never, [0, 1, 2, 3, 4], 35_000)).toEqual([fromMs + 30_000]);
});
