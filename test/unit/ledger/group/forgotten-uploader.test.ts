/** An uploader whose batches are taken out of the ledger: what a group has not read of it yet is delivered, and what it has stays so. */
import { expect, test } from "bun:test";
import { GroupLedger } from "../../../../agent/ledger/group/group-ledger.ts";
import type { VersionId } from "../../../../agent/wire/chunk.ts";
import type { Entry } from "../../../../agent/wire/entry.ts";
import {
  all,
  anyEpoch,
  delivered,
  filesEntry,
  first,
  noted,
  other,
  second,
  store,
  stored,
  unsettledOf,
  without,
} from "../../../support/entries.ts";
import { MemoryLedger } from "../../../support/memory-ledger.ts";

const third: VersionId = { uploader: "till", path: "c.txt", version: 300 };
const [fourth, fifth] = [
  { ...third, path: "d.txt", version: 310 },
  { ...third, path: "e.txt", version: 320 },
];
const open = (log: MemoryLedger) => GroupLedger.open("group", log);
/** Those of which a chunk that comes in is passed over. */
const passedOver = ({ state }: GroupLedger, ...ids: VersionId[]) =>
  ids.filter((id) => state.isDelivered(id, 0)).map(({ version }) => version);
const doneOf = (entries: readonly Entry[]) => entries.findLast(({ kind }) => kind === "done");

test("what was not read by then is neither waited for nor passed over, by who starts after that, and by who runs", async () => {
  const log = new MemoryLedger([noted(first), noted(other)]);
  const running = await open(log);
  using _following = log.follow(running);
  await log.append(without(noted(other)), without(noted(first)));
  for (const ledger of [running, await open(log)])
    expect([unsettledOf(ledger), passedOver(ledger, first, other)]).toEqual([[], []]);
  await running.writeDelivered([stored(first)], store);
  for (const ledger of [running, await open(log)]) expect(passedOver(ledger, first, other)).toEqual([100]);
  expect(doneOf(log.written)).toMatchObject({ to: 0, also: [], early: [{ path: "a.txt", version: 100 }] });
});

test("what the mark has named as not settled stays so, and what is settled too", async () => {
  const have = [third, fourth, fifth];
  const log = new MemoryLedger([first, other, ...have].map((id) => noted(id)));
  const running = await open(log);
  using _following = log.follow(running);
  await running.writeDelivered(have.map(stored), store);
  expect(doneOf(log.written)).toMatchObject({ to: 320, but: [100, 150] });
  await log.append(...[fifth, third, fourth, first, other].map((id) => without(noted(id))));
  // The mark goes last.
  await log.append(without(delivered(first)));
  await running.tidy(all, all);
  for (const ledger of [running, await open(log)])
    expect([unsettledOf(ledger), passedOver(ledger, first, other, third)]).toEqual([[], [300]]);
  await running.writeDelivered([stored(other)], store);
  for (const ledger of [running, await open(log)])
    expect(passedOver(ledger, first, other, third)).toEqual([150, 300]);
  await running.writeDelivered([stored(first)], store);
  for (const ledger of [running, await open(log)])
    expect(passedOver(ledger, first, other, third)).toEqual([100, 150, 300]);
});

test("a mark that is written after that does not speak of what is not delivered", async () => {
  const log = new MemoryLedger([noted(first), noted(other), noted(third)]);
  const running = await open(log);
  using _following = log.follow(running);
  await log.append(...[third, other, first].map((id) => without(noted(id))));
  await running.writeDelivered([stored(third)], store);
  for (const ledger of [running, await open(log)])
    expect(passedOver(ledger, first, other, third)).toEqual([300]);
});

test("it stays so when the ledger is read again", async () => {
  let nowMs = 0;
  const log = new MemoryLedger([noted(first), noted(other), noted(third)]);
  const ledger = await GroupLedger.open("group", log, () => nowMs);
  using _following = log.follow(ledger);
  await ledger.writeDelivered([stored(third)], store);
  await log.append(...[third, other, first].map((id) => without(noted(id))));
  await ledger.writeDelivered([stored(other)], store);
  nowMs = 7 * 3600_000;
  await log.readAgain();
  expect([unsettledOf(ledger), passedOver(ledger, first, other, third)]).toEqual([[], [150, 300]]);
});

test("each partition's mark goes on naming what is missing there", async () => {
  const inPartition = (id: VersionId, partition: number) => {
    const { files, ...batch } = noted(id);
    const [file] = files;
    return { ...batch, files: file ? [{ ...file, partition }] : [] };
  };
  const have = [third, fourth, fifth];
  const ids = [first, other, ...have];
  const log = new MemoryLedger(ids.flatMap((id, at) => inPartition(id, at % 2)));
  const running = await open(log);
  using _following = log.follow(running);
  await running.writeDelivered(
    have.map((id, at) => ({ ...stored(id), partition: at % 2 })),
    store,
  );
  await log.append(...ids.toReversed().map((id) => without(noted(id))));
  await running.writeDelivered([{ ...stored(other), partition: 1 }], store);
  for (const { state } of [running, await open(log)])
    expect(ids.filter((id, at) => state.isDelivered(id, at % 2))).toEqual([other, ...have]);
});

test("it stays so where what is known of the uploader was forgotten here, and is read again", async () => {
  const log = new MemoryLedger([noted(first), noted(other), noted(third)]);
  const ledger = await GroupLedger.open("group", log, undefined, { marksLimits: { all: 4000, ofOne: 4000 } });
  using _following = log.follow(ledger);
  await ledger.writeDelivered([stored(third)], store);
  await log.append(...[third, other, first].map((id) => without(noted(id))));
  for (let at = 0; at < 10; at++) await log.append(noted({ ...first, uploader: `other-${at}` }));
  expect(ledger.state.versions.marks.get("till")).toBeUndefined();
  await ledger.writeDelivered([stored(other)], store);
  for (const one of [ledger, await open(log)])
    expect(passedOver(one, first, other, third)).toEqual([150, 300]);
});

test("a version that was being sent is not passed over either", async () => {
  const log = new MemoryLedger([{ ...noted(other), open: [120], next: 160 }, without(noted(other))]);
  const begun = { ...third, version: 120 };
  expect(passedOver(await open(log), begun, third)).toEqual([]);
});

test("of a batch that goes while a newer one stands, nothing is to come: its uploader has forgotten the file", async () => {
  const log = new MemoryLedger([noted(first), noted(third)]);
  const running = await open(log);
  using _following = log.follow(running);
  await log.append(without(noted(first)));
  for (const ledger of [running, await open(log)])
    expect([unsettledOf(ledger), passedOver(ledger, first)]).toEqual([[300], [100]]);
});

test("nor of one that another takes the place of", async () => {
  const log = new MemoryLedger([noted(first)]);
  const running = await open(log);
  using _following = log.follow(running);
  const [file] = noted(third).files;
  if (!file) throw new Error("no file");
  await log.append({ ...filesEntry("till", file), slot: noted(first).slot });
  for (const ledger of [running, await open(log)])
    expect([unsettledOf(ledger), passedOver(ledger, first)]).toEqual([[300], [100]]);
});

test("once the uploader is back, its next batch says what may come", async () => {
  const log = new MemoryLedger([noted(first), without(noted(first)), noted({ ...second, version: 1000 })]);
  const ledger = await open(log);
  expect([unsettledOf(ledger), passedOver(ledger, first)]).toEqual([[1000], [100]]);
});

test("a batch of an agent that had lost the name is none of the uploader's: that it goes changes nothing", async () => {
  const claim = { kind: "name", uploader: "till", format: 1, instance: "2", host: "till-8" } as const;
  const layout: Entry = { kind: "layout", format: 1, partitions: 1 };
  const lost = { ...noted(third), epoch: 0, slot: 1 };
  const log = new MemoryLedger([
    ...[layout, layout, layout],
    { ...claim, state: "held", highest: 1000, epoch: 2 },
    { ...noted(other), epoch: 2, slot: 1 },
    lost,
    without(lost),
  ]);
  const ledger = await open(log);
  expect([unsettledOf(ledger), passedOver(ledger, first)]).toEqual([[150], [100]]);
});

test("only what the batch has said is to come no more is of before", async () => {
  const log = new MemoryLedger([noted(first)]);
  log.brokerTimeMs = 1;
  const { state } = await open(log);
  const { versions } = state;
  expect(versions.isForgotten(first)).toBe(false);
  const files = { kind: "files", uploader: "till", epoch: anyEpoch, slot: noted(first).slot } as const;
  const entry: Entry = { kind: "tombstone", key: files };
  state.apply({ entry, partition: 0, offset: 1, timestampMs: 1 });
  expect(versions.isForgotten(first)).toBe(true);
  expect(versions.isForgotten({ ...first, version: 1999 })).toBe(true);
  expect(versions.isForgotten({ ...first, version: 2000 })).toBe(false);
  expect(versions.isForgotten({ ...first, uploader: "office" })).toBe(false);
  state.apply({ entry: noted({ ...first, version: 1500 }), partition: 0, offset: 2, timestampMs: 2 });
  expect([versions.isForgotten(first), state.isDelivered(first, 0)]).toEqual([false, true]);
});
