import { expect, test } from "bun:test";
import { GroupLedger } from "../../../../agent/ledger/group/group-ledger.ts";
import { GroupState } from "../../../../agent/ledger/group/group-state.ts";
import type { VersionId } from "../../../../agent/wire/chunk.ts";
import type { Entry, FilesEntry } from "../../../../agent/wire/entry.ts";
import {
  again,
  all,
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

test("what another one of the name has sent later makes a version outdated once the group has it, and not before", async () => {
  const byHand = { ...first, uploader: `${first.uploader}~0`, version: first.version + 1000 };
  const log = new MemoryLedger([noted(first), noted(byHand)]);
  const ledger = await GroupLedger.open("group", log);
  using _following = log.follow(ledger);
  expect(await ledger.findNewerNoted([first, byHand])).toEqual([first]);
  expect(await ledger.findOutdated([first, byHand])).toEqual([]);
  await ledger.writeFailed(byHand, "it can't be had");
  expect(await ledger.findOutdated([first, byHand])).toEqual([]);
  await ledger.writeDelivered([stored(byHand)], store);
  expect(await ledger.findOutdated([first, byHand])).toEqual([first]);
});
