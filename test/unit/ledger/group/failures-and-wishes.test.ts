/** What has failed, what is to be had again, and what is asked for: when it is tried, and when its receipt goes. */
import { expect, test } from "bun:test";
import { GroupLedger } from "../../../../agent/ledger/group/group-ledger.ts";
import { GroupState } from "../../../../agent/ledger/group/group-state.ts";
import type { DoneEntry, Entry } from "../../../../agent/wire/entry.ts";
import {
  again,
  all,
  checksum,
  delivered,
  failed,
  first,
  kindOf,
  needs,
  noted,
  other,
  second,
  store,
  stored,
  time,
  unsettledOf,
  without,
} from "../../../support/entries.ts";
import { MemoryLedger } from "../../../support/memory-ledger.ts";

const named = (log: MemoryLedger) => log.written.map((entry) => [kindOf(entry), entry.kind === "tombstone"]);

test("a failed version is tried again when its uploader has it after all, once each time", async () => {
  const log = new MemoryLedger([noted(first), failed(first)]);
  const ledger = await GroupLedger.open("group", log);
  using _following = log.follow(ledger);
  expect(unsettledOf(ledger)).toEqual([]);
  await log.append(noted(first, "gone"));
  expect(unsettledOf(ledger)).toEqual([]);
  await log.append(noted(first));
  expect(unsettledOf(ledger)).toEqual([100]);
  await ledger.writeFailed(first, "too long");
  expect(unsettledOf(ledger)).toEqual([]);
  await log.allRead();
  expect(unsettledOf(ledger)).toEqual([]);
  await log.append(noted(first, "gone"), noted(first));
  expect(unsettledOf(ledger)).toEqual([100]);
  const later = await GroupLedger.open("group", log);
  expect([...later.state.unsettled()]).toHaveLength(1);
});

test("what is only moved to another batch is no news: what has failed is not tried again", async () => {
  const log = new MemoryLedger([noted(first), failed(first), { ...noted(first), moved: true }]);
  const ledger = await GroupLedger.open("group", log);
  expect(unsettledOf(ledger)).toEqual([]);
});

test("what was noted before a version failed does not lift that, also when it is read later, or again", async () => {
  const log = new MemoryLedger([noted(first)]);
  let nowMs = 0;
  const ledger = await GroupLedger.open("group", log, () => nowMs);
  // Read only after its own receipt is known, which stands behind it.
  log.entries.push(noted(first));
  await ledger.writeFailed(first, "too long");
  using _following = log.follow(ledger);
  await log.allRead();
  expect(ledger.state.isSettled(first, 0)).toBe(true);
  // Something was asked for on purpose: the whole ledger is read again.
  await log.append(noted(other), delivered(other), again(other));
  nowMs = 3600_000;
  await log.readAgain();
  expect(ledger.state.isSettled(first, 0)).toBe(true);
  expect(unsettledOf(ledger)).toEqual([other.version]);
});

test("the receipt of a failure that was lifted is dropped when the version is delivered", async () => {
  const log = new MemoryLedger([noted(first), failed(first), noted(first)]);
  const ledger = await GroupLedger.open("group", log);
  await ledger.writeDelivered([stored(first)], store);
  expect(named(log)).toEqual([
    ["done", false],
    ["failed", true],
  ]);
});

test("a version that the group is to have again is missing until its mark is written once more", async () => {
  const log = new MemoryLedger([noted(second), delivered(second), again(second)]);
  const ledger = await GroupLedger.open("group", log);
  using _following = log.follow(ledger);
  expect(unsettledOf(ledger)).toEqual([200]);
  expect(ledger.state.isDelivered(second, 0)).toBe(false);
  // What is older stays settled.
  expect(ledger.state.isDelivered({ ...second, version: 199 }, 0)).toBe(true);
  await ledger.writeDelivered([stored(second)], store);
  expect(log.written.at(-1)).toEqual(without(again(second)));
  await log.allRead();
  expect([unsettledOf(ledger), ledger.state.isDelivered(second, 0)]).toEqual([[], true]);
  expect(unsettledOf(await GroupLedger.open("group", log))).toEqual([]);
});

test.each(["also", "early", "to"] as const)(
  "what has failed when it was to be had again stays so when the mark of before (%s) is read again",
  async (said) => {
    const before = delivered(first) as DoneEntry;
    const marks = {
      early: before,
      also: { ...before, early: [], also: [first.version] },
      to: { ...before, early: [], to: first.version, at: 1 },
    };
    const log = new MemoryLedger([noted(first), marks[said]]);
    let nowMs = 0;
    const ledger = await GroupLedger.open("group", log, () => nowMs);
    using _following = log.follow(ledger);
    expect(unsettledOf(ledger)).toEqual([]);
    const readAgain = async () => {
      nowMs += 7 * 3600_000;
      await log.readAgain();
    };
    await log.append(again(first));
    await readAgain();
    expect(unsettledOf(ledger)).toEqual([first.version]);
    await ledger.writeFailed(first, "too long");
    // Whoever does not have the partition does not write its mark.
    await ledger.tidy(all, () => false);
    await readAgain();
    await ledger.tidy(all, () => false);
    expect(named(log)).not.toContainEqual(["again", true]);
    await ledger.tidy(all, all);
    await ledger.tidy(all, all);
    expect(named(log)).toContainEqual(["again", true]);
    await readAgain();
    expect(ledger.state.isDelivered(first, 0)).toBe(false);
    await log.append(without(failed(first)));
    await readAgain();
    expect(unsettledOf(ledger)).toEqual([first.version]);
    await ledger.tidy(all, all);
    expect(unsettledOf(await GroupLedger.open("group", log))).toEqual([first.version]);
  },
);

test.each([
  ["by its number", { to: second.version, at: 1 }],
  ["by its name", { also: [second.version] }],
  ["with its path", { early: [{ path: second.path, version: second.version, size: 5, checksum }] }],
])("what was had again while the ledger is read is settled, %s, as soon as nobody asks for it", (_, says) => {
  const state = new GroupState("group", () => 0, "ledger");
  const apply = (offset: number, entry: Entry) =>
    state.apply({ entry, partition: 0, offset, timestampMs: Date.parse(time) });
  const read = (end: () => void) => {
    state.beginReading();
    // Both passes: the second begins where batches were passed over.
    apply(1, again(second));
    apply(2, { ...delivered(second), early: [], ...says } as DoneEntry);
    state.beginSecondPass();
    apply(0, noted(second));
    end();
    state.endReading();
  };
  read(() => undefined);
  expect([...state.unsettled()].map(({ version }) => version)).toEqual([second.version]);
  read(() => apply(3, without(again(second))));
  expect([...state.unsettled()]).toEqual([]);
  expect(state.isDelivered(second, 0)).toBe(true);
});

test("from a wish on until the ledger was read again it is known that something may be missing", async () => {
  const log = new MemoryLedger([noted(second)]);
  let nowMs = 0;
  const ledger = await GroupLedger.open("group", log, () => nowMs);
  await ledger.writeDelivered([stored(second)], store);
  await ledger.writeAgain([second]);
  const open = log.open.bind(log);
  const isKnown: boolean[] = [];
  log.open = () => {
    isKnown.push(ledger.state.mustReadAgain || ledger.state.isLoading);
    return open();
  };
  nowMs = 3600_000;
  using _following = log.follow(ledger);
  await log.readAgain();
  expect(unsettledOf(ledger)).toEqual([second.version]);
  expect(isKnown).toEqual([true, true]);
});

test("the wish to have a version again is dropped once its uploader knows it no more", async () => {
  const log = new MemoryLedger([noted(second), again(first)]);
  const ledger = await GroupLedger.open("group", log);
  await ledger.tidy(all, all);
  expect(log.written).toEqual([without(again(first))]);
});

test("the receipt of a failure is dropped once its uploader knows the version no more", async () => {
  const log = new MemoryLedger([noted(second), failed(first), failed({ ...other, version: 900 })]);
  const ledger = await GroupLedger.open("group", log);
  await ledger.tidy(() => false, all);
  expect(log.written).toEqual([]);
  await ledger.tidy(all, all);
  expect(log.written).toEqual([without(failed(first))]);
});

test("a request is taken back also when a newer version was asked for before there was time for it", async () => {
  const log = new MemoryLedger([noted(first), needs(first), noted(second), needs(second)]);
  const ledger = await GroupLedger.open("group", log);
  expect(ledger.state.requests.has(second)).toBe(true);
  await ledger.tidy(all, all);
  expect(log.written).toEqual([without(needs(first))]);
  expect(ledger.state.requests.has(second)).toBe(true);
});
