/** What the marks that a group writes say, and what it makes of those that it reads. */
import { expect, test } from "bun:test";
import { GroupLedger } from "../../../../agent/ledger/group/group-ledger.ts";
import type { DoneEntry, Entry } from "../../../../agent/wire/entry.ts";
import {
  all,
  checksum,
  delivered,
  filesEntry,
  first,
  marksOf,
  noted,
  other,
  second,
  store,
  stored,
  unsettledOf,
  without,
} from "../../../support/entries.ts";
import { MemoryLedger } from "../../../support/memory-ledger.ts";

test("what is delivered is one record for all of an uploader's files in a partition", async () => {
  const log = new MemoryLedger([noted(first), noted(other)]);
  const ledger = await GroupLedger.open("group", log);
  await ledger.writeDelivered([stored(first), stored(other)], store);
  expect(log.written).toEqual([
    {
      ...{ kind: "done", group: "group", uploader: "till", partition: 0, format: 1 },
      ...{ to: other.version, at: 2, but: [], also: [], early: [], by: { [store.id]: store.number } },
      time: expect.any(String),
    },
  ] as Entry[]);
  expect(unsettledOf(ledger)).toEqual([]);
  const later = await GroupLedger.open("group", log);
  expect([unsettledOf(later), later.state.isDelivered(first, 0)]).toEqual([[], true]);
});

test("what is delivered before it is noted is named with its content, and by its number alone once it is noted", async () => {
  const log = new MemoryLedger([]);
  const ledger = await GroupLedger.open("group", log);
  await ledger.writeDelivered([stored(first)], store);
  const file = { path: first.path, version: 100, size: 5, checksum, mtime: "0" };
  expect(marksOf(log)).toMatchObject([{ to: 0, also: [], early: [file] }]);
  expect(ledger.state.isDelivered(first, 0)).toBe(true);
  using _following = log.follow(ledger);
  await log.append(noted(first), noted(other));
  expect(unsettledOf(ledger)).toEqual([other.version]);
  await ledger.writeDelivered([stored(other)], store);
  expect(marksOf(log).at(-1)).toMatchObject({ to: other.version, but: [], also: [], early: [] });
});

test("what is noted with another content than the one that is delivered under its number is missing, and said", async () => {
  const log = new MemoryLedger([delivered(first)]);
  const [file] = noted(first).files;
  if (!file) throw new Error("no file");
  log.entries.push(filesEntry("till", { ...file, checksum: checksum.replace("5d", "00") } as typeof file));
  const ledger = await GroupLedger.open("group", log);
  expect(unsettledOf(ledger)).toEqual([100]);
  expect(ledger.state.versions.drainDiffering()).toEqual([first]);
  expect(ledger.state.versions.drainDiffering()).toEqual([]);
});

test("what is stored with another content than was noted is named with its own, and the noted one is missing", async () => {
  const log = new MemoryLedger([noted(first)]);
  const ledger = await GroupLedger.open("group", log);
  const another = checksum.replace("5d", "00");
  const { id, partition, content } = stored(first);
  await ledger.writeDelivered([{ id, partition, content: { ...content, checksum: another } }], store);
  expect(unsettledOf(ledger)).toEqual([100]);
  expect(marksOf(log)).toMatchObject([{ early: [{ path: first.path, checksum: another }] }]);
  expect(unsettledOf(await GroupLedger.open("group", log))).toEqual([100]);
});

test("a version that is slower than a thousand later ones costs a mark one number", async () => {
  const log = new MemoryLedger([]);
  const ledger = await GroupLedger.open("group", log);
  using _following = log.follow(ledger);
  for (let at = 0; at < 50; at++) {
    const ids = Array.from({ length: 20 }, (_, one) => ({
      uploader: "till",
      path: `${one}`,
      version: 1000 + at * 20 + one,
    }));
    const batch = ids.flatMap((id) => noted(id).files);
    const [one, ...others] = batch;
    if (one) await log.append({ ...filesEntry("till", one, ...others), open: [500] });
    await ledger.writeDelivered(ids.map(stored), store);
  }
  const mark = marksOf(log).at(-1);
  expect(mark).toMatchObject({ also: [], early: [] });
  expect(JSON.stringify(mark).length).toBeLessThan(300);
  await log.append(noted({ uploader: "till", path: "slow", version: 500 }));
  expect(unsettledOf(ledger)).toEqual([500]);
});

test("an older number with a content of its own is missing, whatever a mark says of the numbers around it", async () => {
  const log = new MemoryLedger([noted(second)]);
  const ledger = await GroupLedger.open("group", log);
  using _following = log.follow(ledger);
  await ledger.writeDelivered([stored(second)], store);
  await log.append(noted(other));
  expect(unsettledOf(ledger)).toEqual([other.version]);
  const later = await GroupLedger.open("group", log);
  expect(unsettledOf(later)).toEqual([other.version]);
  await ledger.writeDelivered([stored(other)], store);
  expect(unsettledOf(await GroupLedger.open("group", log))).toEqual([]);
});

test("a mark that was taken out of the ledger is nothing for who starts, and is said again by who knew better", async () => {
  const log = new MemoryLedger([noted(first)]);
  const ledger = await GroupLedger.open("group", log);
  using _following = log.follow(ledger);
  await ledger.writeDelivered([stored(first)], store);
  const [mark] = marksOf(log) as [DoneEntry];
  await log.append(without(mark));
  expect(unsettledOf(await GroupLedger.open("group", new MemoryLedger(log.entries)))).toEqual([
    first.version,
  ]);
  await ledger.tidy(all, all);
  expect(unsettledOf(await GroupLedger.open("group", log))).toEqual([]);
});

test("a mark of a log whose end was cut off settles nothing by its number alone", async () => {
  const cut: DoneEntry = { ...(delivered(other) as DoneEntry), to: second.version, at: 9 };
  const ledger = await GroupLedger.open("group", new MemoryLedger([noted(first), cut]));
  expect(unsettledOf(ledger)).toEqual([first.version]);
  expect(ledger.state.isDelivered(other, 0)).toBe(true);
});

test("two files with one number are delivered one by one, though no uploader gives a number twice", async () => {
  const twin = { ...other, version: first.version };
  const log = new MemoryLedger([noted(first), noted(twin)]);
  const ledger = await GroupLedger.open("group", log);
  const paths = (of: GroupLedger) => [...of.state.unsettled()].map(({ path }) => path);
  await ledger.writeDelivered([stored(first)], store);
  expect(paths(ledger)).toEqual([twin.path]);
  expect([first, twin].map((id) => ledger.state.isDelivered(id, 0))).toEqual([true, false]);
  expect(paths(await GroupLedger.open("group", log))).toEqual([twin.path]);
  await ledger.writeDelivered([stored(twin)], store);
  expect(paths(await GroupLedger.open("group", log))).toEqual([]);
});

test("a mark that a frozen member writes late is taken in, and what it lacks is said again", async () => {
  const log = new MemoryLedger([noted(first), noted(second)]);
  const ledger = await GroupLedger.open("group", log);
  using _following = log.follow(ledger);
  const early = { ...other, version: 900 };
  const late = { ...(delivered(early) as DoneEntry), to: 0, at: 1 };
  await ledger.writeDelivered([stored(second)], store);
  await log.append(late);
  expect(ledger.state.isDelivered(second, 0)).toBe(true);
  await ledger.tidy(all, () => false);
  expect(marksOf(log)).toHaveLength(1);
  await ledger.tidy(all, all);
  expect(marksOf(log)).toHaveLength(2);
  const nothing: Entry = { kind: "layout", format: 1, partitions: 1 };
  const isLeft = (at: number) => at < 2 || at === log.entries.length - 1;
  const compacted = new MemoryLedger(log.entries.map((entry, at) => (isLeft(at) ? entry : nothing)));
  const later = await GroupLedger.open("group", compacted);
  expect([second, early].map((id) => later.state.isDelivered(id, 0))).toEqual([true, true]);
  await ledger.tidy(all, all);
  expect(marksOf(log)).toHaveLength(2);
});

test("two marks of one partition are written one after the other, and the second says what the first has said", async () => {
  const log = new MemoryLedger([noted(first), noted(other)]);
  const ledger = await GroupLedger.open("group", log);
  await Promise.all([
    ledger.writeDelivered([stored(first)], store),
    ledger.writeDelivered([stored(other)], store),
  ]);
  expect(marksOf(log).at(-1)).toMatchObject({ to: other.version, but: [] });
});
