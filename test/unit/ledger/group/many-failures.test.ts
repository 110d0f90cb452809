/** More versions of an uploader have failed than a mark can name. */
import { expect, test } from "bun:test";
import { GroupLedger } from "../../../../agent/ledger/group/group-ledger.ts";
import { findReceipts } from "../../../../agent/ledger/group/receipts.ts";
import type { VersionId } from "../../../../agent/wire/chunk.ts";
import type { FilesEntry } from "../../../../agent/wire/entry.ts";
import { again, all, filesEntry, noted, store, stored, without } from "../../../support/entries.ts";
import { MemoryLedger } from "../../../support/memory-ledger.ts";

const pairs = 5000;
const ids = Array.from({ length: 2 * pairs }, (_, at): VersionId => {
  return { uploader: "till", path: `f${at}`, version: 1000 + at };
});
const isGood = ({ version }: VersionId) => version % 2 === 0;
const good = ids.filter(isGood);
const bad = ids.filter((id) => !isGood(id));

function batch(some: readonly VersionId[]): FilesEntry {
  const [one, ...others] = some.flatMap((id) => noted(id).files);
  if (!one) throw new Error("no file");
  return filesEntry("till", one, ...others);
}

function inPieces<T>(all: readonly T[], size = 250): T[][] {
  return Array.from({ length: Math.ceil(all.length / size) }, (_, at) =>
    all.slice(at * size, (at + 1) * size),
  );
}

const unsettled = (ledger: GroupLedger) => [...ledger.state.unsettled()].map(({ path }) => path);

/** Every second file fails, and the others are delivered as they come. */
async function history(): Promise<MemoryLedger> {
  const log = new MemoryLedger([]);
  const ledger = await GroupLedger.open("group", log);
  using _following = log.follow(ledger);
  for (const some of inPieces(ids)) {
    await log.append(batch(some));
    for (const id of some) if (!isGood(id)) await ledger.writeFailed(id, "too long");
    const { forgottenCount, marks } = await ledger.writeDelivered(some.filter(isGood).map(stored), store);
    expect([forgottenCount, marks.every(({ but }) => but.length <= 2500)]).toEqual([0, true]);
  }
  expectAsItIs(ledger);
  return log;
}

/** What a member knows that is started now. */
async function started(log: MemoryLedger): Promise<GroupLedger> {
  const ledger = await GroupLedger.open("group", log);
  await ledger.close();
  return ledger;
}

function expectAsItIs(ledger: GroupLedger): void {
  expect(unsettled(ledger)).toEqual([]);
  expect(good.filter((id) => !ledger.state.isDelivered(id, 0))).toEqual([]);
  expect(bad.filter((id) => ledger.state.isDelivered(id, 0) || !ledger.state.isSettled(id, 0))).toEqual([]);
}

const log = await history();
/** As it is then, for one test. */
const copy = () => new MemoryLedger(log.entries);
const [worst, next] = [bad[0], { uploader: "till", path: "next", version: 90_000 }];
if (!worst) throw new Error("none has failed");

test("however many have failed, no good file of the uploader is forgotten, and each failure stands", async () => {
  const log = copy();
  const ledger = await GroupLedger.open("group", log);
  expectAsItIs(ledger);
  await ledger.tidy(all, all);
  expect(log.written).toEqual([]);
  using _following = log.follow(ledger);
  await log.append(noted(next));
  expect(unsettled(ledger)).toEqual(["next"]);
  await ledger.writeDelivered([stored(next)], store);
  const last = await GroupLedger.open("group", log);
  expect([last.state.isDelivered(next, 0), unsettled(last)]).toEqual([true, []]);
  expectAsItIs(last);
});

test("one of many that have failed is tried again when its uploader has it after all, and then delivered for good", async () => {
  const log = copy();
  const ledger = await GroupLedger.open("group", log);
  using _following = log.follow(ledger);
  await log.append(noted(worst));
  for (const one of [ledger, await started(log)]) {
    expect(unsettled(one)).toEqual([worst.path]);
    expect(one.state.isSettled(worst, 0)).toBe(false);
  }
  await ledger.writeDelivered([stored(worst)], store);
  expect(ledger.state.isDelivered(worst, 0)).toBe(true);
  await log.append({ ...noted(worst), moved: true });
  for (const one of [ledger, await started(log)])
    expect([one.state.isDelivered(worst, 0), unsettled(one)]).toEqual([true, []]);
});

test("one of many that have failed is tried again as somebody wants it, and fails again", async () => {
  const found = await findReceipts(copy(), "group", ({ kind }) => kind === "failed");
  expect(found).toHaveLength(bad.length);
  const log = copy();
  await log.append(again(worst));
  const ledger = await GroupLedger.open("group", log);
  expect(unsettled(ledger)).toEqual([worst.path]);
  await ledger.tidy(all, all);
  expect(log.written.filter(({ kind }) => kind === "tombstone")).toEqual([]);
  await ledger.writeFailed(worst, "too long");
  using _following = log.follow(ledger);
  await ledger.tidy(all, all);
  await log.allRead();
  await ledger.writeDelivered([stored(next)], store);
  expectAsItIs(ledger);
  const later = await GroupLedger.open("group", log);
  expect([unsettled(later), later.state.versions.wishes.size]).toEqual([[], 0]);
  expectAsItIs(later);
});

test("one of many that have failed is not taken for delivered as nobody wants it any more", async () => {
  const log = copy();
  let nowMs = 0;
  const ledger = await GroupLedger.open("group", log, () => nowMs);
  using _following = log.follow(ledger);
  await log.append(again(worst));
  nowMs = 3600_000;
  await log.readAgain();
  expect(unsettled(ledger)).toEqual([worst.path]);
  await log.append(without(again(worst)));
  expect(ledger.state.isDelivered(worst, 0)).toBe(false);
  await ledger.writeDelivered([stored(next)], store);
  expect((await started(log)).state.isDelivered(worst, 0)).toBe(false);
});

test("in a ledger that is made anew each of many that have failed is tried again, and nothing else", async () => {
  const log = copy();
  const ledger = await GroupLedger.open("group", log);
  using _following = log.follow(ledger);
  await log.remake();
  await log.append(batch(ids.slice(0, 250)), batch(ids.slice(1000, 1250)));
  const paths = [...ids.slice(0, 250), ...ids.slice(1000, 1250)]
    .filter((id) => !isGood(id))
    .map(({ path }) => path);
  expect(unsettled(ledger).sort()).toEqual(paths.sort());
});
