import { expect, test } from "bun:test";
import { GroupLedger } from "../../../../agent/ledger/group/group-ledger.ts";
import { GroupState } from "../../../../agent/ledger/group/group-state.ts";
import type { VersionId } from "../../../../agent/wire/chunk.ts";
import type { DoneEntry, Entry, FilesEntry } from "../../../../agent/wire/entry.ts";
import {
  again,
  all,
  checksum,
  delivered,
  failed,
  filesEntry,
  first,
  kindOf,
  needs,
  noted,
  other,
  second,
  store,
  stored,
  time,
  without,
} from "../../../support/entries.ts";
import { MemoryLedger } from "../../../support/memory-ledger.ts";

const unsettledOf = (ledger: GroupLedger) => [...ledger.state.unsettled()].map(({ version }) => version);
const marksOf = (log: MemoryLedger) => log.written.filter((entry) => entry.kind === "done");
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

test("attributes are known of what is missing, and written with what is delivered before it is noted", async () => {
  const attributes = { store: "0042" };
  const [file] = noted(first).files;
  if (!file) throw new Error("no file");
  const log = new MemoryLedger([filesEntry("till", { ...file, attributes })]);
  const ledger = await GroupLedger.open("group", log);
  expect([...ledger.state.unsettled()].map((sent) => sent.attributes)).toEqual([attributes]);
  const { id, partition, content } = stored(other);
  await ledger.writeDelivered([{ id, partition, content: { ...content, attributes } }], store);
  expect(marksOf(log)).toMatchObject([{ early: [{ path: other.path, attributes }] }]);
});

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

test("what stands in no slot any more its uploader knows no more: nobody waits for it", async () => {
  const log = new MemoryLedger([noted(first), noted(other)]);
  const ledger = await GroupLedger.open("group", log);
  using _following = log.follow(ledger);
  expect(unsettledOf(ledger).sort()).toEqual([first.version, other.version]);
  const batch = noted(first) as FilesEntry;
  await log.append({ ...batch, slot: batch.slot + 1, moved: true });
  await log.append(without(batch));
  expect(unsettledOf(ledger).sort()).toEqual([first.version, other.version]);
  // The next batch in that slot is of another file.
  const third = { ...other, path: "c.txt", version: 160 };
  await log.append({ ...(noted(third) as FilesEntry), slot: batch.slot + 1 });
  expect(unsettledOf(ledger).sort()).toEqual([other.version, third.version]);
  await log.append(without(noted(other)));
  expect(unsettledOf(ledger)).toEqual([third.version]);
  expect(unsettledOf(await GroupLedger.open("group", log))).toEqual([third.version]);
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

test("a batch whose acknowledgement was lost, and that was written twice, is one", async () => {
  const log = new MemoryLedger([noted(first)]);
  const ledger = await GroupLedger.open("group", log);
  using _following = log.follow(ledger);
  await ledger.writeDelivered([stored(first)], store);
  await log.append(noted(first));
  expect(unsettledOf(ledger)).toEqual([]);
  // Its uploader takes the second one as the place where it was noted.
  await ledger.tidy(all, all);
  expect(marksOf(log).at(-1)).toMatchObject({ to: 100, at: 3 });
});

test("chunks of a version that its uploader was killed before it had noted it are nobody's", async () => {
  const log = new MemoryLedger([{ ...noted(second), open: [170] }]);
  const ledger = await GroupLedger.open("group", log);
  using _following = log.follow(ledger);
  const isSettled = (version: number) => ledger.state.isDelivered({ ...other, version }, 0);
  expect([160, 170, 199, 201].map(isSettled)).toEqual([true, false, true, false]);
  expect(ledger.state.isDelivered(second, 0)).toBe(false);
  await log.append({ ...noted({ ...other, version: 300 }), open: [] });
  expect(isSettled(170)).toBe(true);
});

test("an agent that has lost its name does not say which versions may still come", async () => {
  const log = new MemoryLedger([
    noted(first),
    { ...noted(second), open: [170], epoch: 0 },
    { ...noted(second), open: [170], epoch: 1 },
  ]);
  const ledger = await GroupLedger.open("group", log);
  using _following = log.follow(ledger);
  await log.append({ ...noted(other), next: 900, open: [], epoch: 0 });
  expect(ledger.state.isDelivered({ ...other, version: 170 }, 0)).toBe(false);
});

test("what an agent notes that had lost its name is ignored: no older version takes the place of what is delivered", async () => {
  const held = { kind: "name", uploader: "till", format: 1, host: "h", state: "held", highest: 300 } as const;
  const log = new MemoryLedger([
    { ...held, instance: "frozen" },
    { ...noted(other), epoch: 0 },
    { ...held, instance: "next", after: 0 },
    { ...held, instance: "next", epoch: 2 },
    { ...noted(second), epoch: 2 },
  ]);
  const ledger = await GroupLedger.open("group", log);
  using _following = log.follow(ledger);
  expect(unsettledOf(ledger)).toEqual([other.version, second.version]);
  await ledger.writeDelivered([stored(second)], store);
  // It was about to note it as it was frozen.
  await log.append({ ...noted(first), epoch: 0, slot: 7 });
  expect(unsettledOf(ledger)).toEqual([other.version]);
  // A stranger's, of a hold that can't have begun yet.
  await log.append(
    { ...held, instance: "stranger", epoch: 99 },
    { ...noted({ ...other, version: 210 }), epoch: 2 },
  );
  expect(unsettledOf(ledger)).toEqual([210]);
  expect(unsettledOf(await GroupLedger.open("group", log))).toEqual([210]);
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

test("a request is taken back also when a newer version was asked for before there was time for it", async () => {
  const log = new MemoryLedger([noted(first), needs(first), noted(second), needs(second)]);
  const ledger = await GroupLedger.open("group", log);
  expect(ledger.state.requests.has(second)).toBe(true);
  await ledger.tidy(all, all);
  expect(log.written).toEqual([without(needs(first))]);
  expect(ledger.state.requests.has(second)).toBe(true);
});

test("of more that is missing than is worked on, all is known, and what is newer is looked up before it is replaced", async () => {
  const many = Array.from({ length: 2500 }, (_, at) => ({
    uploader: "till",
    path: `many/${at}`,
    version: 1000 + at,
  }));
  const log = new MemoryLedger([...many.map((id) => noted(id)), noted(second)]);
  const ledger = await GroupLedger.open("group", log);
  const doubtful = { ...second, version: 199 };
  expect(await ledger.findSuperseded([doubtful, { ...other, version: 5000 }])).toEqual([doubtful]);
  const opened = log.opened;
  expect(await ledger.findSuperseded([{ ...other, uploader: "pos" }])).toEqual([]);
  expect(log.opened).toBe(opened);
  const last = many.at(-1);
  if (!last) throw new Error("nothing");
  expect(ledger.state.isDelivered(last, 0)).toBe(false);
});

test("all that the ledger has now is known after it was read to its end", async () => {
  const log = new MemoryLedger([noted(first)]);
  const ledger = await GroupLedger.open("group", log);
  log.entries.push(delivered(first));
  await ledger.readToEnd();
  expect(ledger.state.isDelivered(first, 0)).toBe(true);
});

test("what stood in a slot before is read again, and settles nothing that stands there now", async () => {
  const log = new MemoryLedger([]);
  let nowMs = 0;
  const ledger = await GroupLedger.open("group", log, () => nowMs);
  using _following = log.follow(ledger);
  const [late, one, another] = ["c.txt", "d.txt", "e.txt"].map((path, at) => ({
    ...{ uploader: "till", path, version: 160 + at },
  })) as [VersionId, VersionId, VersionId];
  // The first file leaves its slot to the one that is late.
  const slot = (noted(first) as FilesEntry).slot;
  await log.append(noted(first), { ...noted(second), slot: slot + 1 }, { ...noted(late), slot });
  await log.append(noted(one), noted(another));
  await ledger.writeDelivered([stored(second), stored(one), stored(another)], store);
  expect(marksOf(log)).toMatchObject([{ but: [late.version] }]);
  await log.append(noted(other), delivered(other), again(other));
  nowMs = 3600_000;
  await log.readAgain();
  expect(unsettledOf(ledger)).toEqual([late.version, other.version]);
  expect(unsettledOf(await GroupLedger.open("group", log))).toEqual([late.version, other.version]);
});

test("while an older version is read again, chunks of the newer one are still wanted", async () => {
  const state = new GroupState("group", () => 0, "ledger");
  const batches = [noted(first), { ...noted(second), slot: 1 }];
  const apply = (entry: Entry, offset: number) =>
    state.apply({ entry: structuredClone(entry), partition: 0, offset, timestampMs: 0 });
  const isDelivered: boolean[] = [];
  for (let reading = 0; reading < 2; reading++) {
    state.beginReading();
    state.beginSecondPass();
    for (const [offset, entry] of batches.entries()) {
      apply(entry, offset);
      isDelivered.push(state.isDelivered(second, 0));
    }
    state.endReading();
  }
  expect(isDelivered).toEqual([false, false, false, false]);
  expect([...state.unsettled()].map(({ version }) => version)).toEqual([second.version]);
});
