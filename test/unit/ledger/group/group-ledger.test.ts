import { expect, test } from "bun:test";
import { GroupLedger } from "../../../../agent/ledger/group/group-ledger.ts";
import { VersionIndex } from "../../../../agent/ledger/group/version-index.ts";
import {
  all,
  checksum,
  delivered,
  failed,
  file,
  first,
  forgotten,
  kindOf,
  needs,
  noted,
  other,
  second,
  without,
} from "../../../support/entries.ts";
import { MemoryLedger } from "../../../support/memory-ledger.ts";

test("the receipts of a file that its uploader has forgotten are dropped, by the one member whose they are", async () => {
  const log = new MemoryLedger([failed(first), noted(second), needs(second), delivered(second), forgotten]);
  const ledger = await GroupLedger.open("group", log);
  await ledger.tidy(() => false);
  expect(log.written).toEqual([]);
  await ledger.tidy(all);
  expect(log.written).toEqual([delivered(second), failed(first), needs(second)].map(without));
  await ledger.tidy(all);
  expect(log.written).toHaveLength(3);
});

test("a file that is forgotten while the ledger is followed is dropped as well, once, by whoever is first", async () => {
  const log = new MemoryLedger([noted(first), delivered(first)]);
  const [one, other] = [await GroupLedger.open("group", log), await GroupLedger.open("group", log)];
  using _following = log.follow(one, other);
  await log.append(forgotten);
  await one.tidy(all);
  await log.allRead();
  await other.tidy(all);
  expect(log.written).toEqual([without(delivered(first))]);
});

test("dropping the receipts of a forgotten file asks for nothing again", async () => {
  const log = new MemoryLedger([noted(first), delivered(first)]);
  const ledger = await GroupLedger.open("group", log);
  using _following = log.follow(ledger);
  await log.append(forgotten, noted(second), delivered(second), without(delivered(first)));
  expect(ledger.state.isSettled(second)).toBe(true);
  expect([...ledger.state.unsettled()]).toEqual([]);
  expect(log.opened).toBe(2);
});

test("a receipt of the file's next version stays, and can be taken back", async () => {
  const log = new MemoryLedger([noted(first), delivered(first), forgotten, noted(second), delivered(second)]);
  const ledger = await GroupLedger.open("group", log);
  await ledger.tidy(all);
  expect(log.written).toEqual([without(delivered(first))]);
  log.entries.push(without(delivered(second)));
  const again = await GroupLedger.open("group", log);
  expect([...again.state.unsettled()].map(({ version }) => version)).toEqual([200]);
});

test("a failed version is tried again when its uploader has it after all, once each time", async () => {
  const log = new MemoryLedger([noted(first), failed(first)]);
  const ledger = await GroupLedger.open("group", log);
  using _following = log.follow(ledger);
  const tried = () => [...ledger.state.unsettled()].map(({ version }) => version);
  expect(tried()).toEqual([]);
  await log.append(noted(first, "gone"));
  expect(tried()).toEqual([]);
  await log.append(noted(first));
  expect(tried()).toEqual([100]);
  await ledger.writeFailed(first, "too long");
  expect(tried()).toEqual([]);
  await log.allRead();
  expect(tried()).toEqual([]);
  await log.append(noted(first));
  expect(tried()).toEqual([100]);
  const other = await GroupLedger.open("group", log);
  expect([...other.state.unsettled()]).toHaveLength(1);
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
  expect(ledger.state.isSettled(first)).toBe(true);
  // Something was asked for on purpose: the whole ledger is read again.
  await log.append(noted(other), delivered(other), without(delivered(other)));
  nowMs = 3600_000;
  await log.readAgain();
  expect(ledger.state.isSettled(first)).toBe(true);
  expect([...ledger.state.unsettled()].map(({ path }) => path)).toEqual(["b.txt"]);
});

test("the receipt of a failure that was lifted is dropped when the version is delivered", async () => {
  const log = new MemoryLedger([noted(first), failed(first), noted(first)]);
  const ledger = await GroupLedger.open("group", log);
  ledger.state.noteDelivered(first);
  await ledger.writeDelivered(first, { size: 5, checksum }, undefined);
  expect(log.written.map((entry) => [kindOf(entry), entry.kind === "tombstone"])).toEqual([
    ["delivered", false],
    ["failed", true],
  ]);
});

test("attributes are known of what is missing, and written with its receipt", async () => {
  const attributes = { store: "0042" };
  const log = new MemoryLedger([Object.assign(noted(first), { attributes }), noted(other)]);
  const ledger = await GroupLedger.open("group", log);
  const missing = [...ledger.state.unsettled()];
  expect(missing.map((sent) => sent.attributes)).toEqual([attributes, undefined]);
  await ledger.writeDelivered(first, { size: 5, checksum, attributes }, undefined);
  await ledger.writeDelivered(other, { size: 5, checksum }, undefined);
  const receipts = log.written.map((entry) => (entry.kind === "delivered" ? entry.attributes : "none"));
  expect(receipts).toEqual([attributes, undefined]);
});

test("what is to be delivered again is known as stored, and what is older stays settled", async () => {
  const log = new MemoryLedger([noted(second), delivered(second), without(delivered(second))]);
  const ledger = await GroupLedger.open("group", log);
  expect(ledger.state.delivered.has(second)).toBe(false);
  expect(ledger.state.delivered.has(first)).toBe(true);
  expect(ledger.state.delivered.has({ ...second, version: 199 })).toBe(true);
  expect(ledger.state.delivered.newest(second)).toBeUndefined();
  expect(ledger.state.delivered.newestStored(second)).toBe(200);
});

test("what is known as missing stays so when more is delivered than can be remembered", async () => {
  const log = new MemoryLedger([noted(first)]);
  let nowMs = 0;
  const index = new VersionIndex(4096);
  const ledger = await GroupLedger.open("group", log, () => nowMs, index);
  using _following = log.follow(ledger);
  for (let version = 1000; version < 5000; version++)
    log.entries.push(delivered({ uploader: "till", path: `many/${version}`, version }));
  await log.append(noted({ ...other, version: 5000 }));
  expect(index.floor).toBeGreaterThan(first.version);
  nowMs = 24 * 3600_000;
  await log.readAgain();
  expect([...ledger.state.unsettled()].map(({ path }) => path)).toEqual(["a.txt", "b.txt"]);
});

test("a request is taken back also when a newer version was asked for before there was time for it", async () => {
  const log = new MemoryLedger([noted(first), needs(first), noted(second), needs(second)]);
  const ledger = await GroupLedger.open("group", log);
  expect(ledger.state.requests.has(second)).toBe(true);
  await ledger.tidy(all);
  expect(log.written).toEqual([without(needs(first))]);
  expect(ledger.state.requests.has(second)).toBe(true);
});

test("reading the ledger again forgets nothing of what came after the file was forgotten", async () => {
  const later = { ...file, version: 200_000 };
  const log = new MemoryLedger([noted(first), delivered(first), forgotten, noted(later)]);
  let nowMs = 0;
  const ledger = await GroupLedger.open("group", log, () => nowMs);
  using _following = log.follow(ledger);
  // Its receipt is on its way.
  ledger.state.noteDelivered(later);
  nowMs = 24 * 3600_000;
  await log.readAgain();
  expect(ledger.state.delivered.has(later)).toBe(true);
  expect([...ledger.state.unsettled()]).toEqual([]);
  await ledger.tidy(all);
  expect(log.written).toEqual([without(delivered(first))]);
});

test("reading the ledger again keeps in mind what is to be delivered again, also of a file that was forgotten once", async () => {
  const [later, latest] = [
    { ...file, version: 150_000 },
    { ...file, version: 200_000 },
  ];
  const log = new MemoryLedger([noted(first), delivered(first), forgotten, noted(latest), delivered(latest)]);
  let nowMs = 0;
  const ledger = await GroupLedger.open("group", log, () => nowMs);
  using _following = log.follow(ledger);
  await log.append(without(delivered(latest)));
  nowMs = 3600_000;
  await log.readAgain();
  expect([...ledger.state.unsettled()].map(({ version }) => version)).toEqual([latest.version]);
  expect(ledger.state.delivered.has(later)).toBe(true);
  expect(ledger.state.delivered.newestStored(file)).toBe(latest.version);
});

test("a request stays for what may be missing and is too old to be known", async () => {
  const many = Array.from({ length: 4000 }, (_, at) => ({
    uploader: "till",
    path: `many/${at}`,
    version: 1000 + at,
  }));
  const log = new MemoryLedger([...many.map(delivered), noted(first), needs(first)]);
  const index = new VersionIndex(4096);
  const ledger = await GroupLedger.open("group", log, undefined, index);
  using _following = log.follow(ledger);
  expect(index.floor).toBeGreaterThan(first.version);
  await ledger.tidy(all);
  expect(log.written).toEqual([]);
  await log.append(delivered(first));
  await ledger.tidy(all);
  expect(log.written).toEqual([without(needs(first))]);
});

test("what was forgotten as too much is delivered is looked up before an older version replaces anything", async () => {
  const log = new MemoryLedger([noted(second), delivered(second)]);
  const ledger = await GroupLedger.open("group", log, undefined, new VersionIndex(4096));
  for (let version = 1000; version < 5000; version++)
    ledger.state.noteDelivered({ uploader: "till", path: `many/${version}`, version });
  expect(ledger.state.delivered.floor).toBeGreaterThan(second.version);
  expect(ledger.state.delivered.has(first)).toBe(false);
  await ledger.recall([other]);
  expect(ledger.state.delivered.has(other)).toBe(false);
  await ledger.recall([first]);
  expect([ledger.state.delivered.has(first), ledger.state.delivered.newest(first)]).toEqual([true, 200]);
  const opened = log.opened;
  await ledger.recall([first, { ...other, version: 1_000_000 }]);
  expect(log.opened).toBe(opened);
});
