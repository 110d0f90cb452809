import { describe, expect, test } from "bun:test";
import { GroupLedger } from "../../../../agent/ledger/group/group-ledger.ts";
import { VersionIndex } from "../../../../agent/ledger/group/version-index.ts";
import type { VersionId } from "../../../../agent/wire/chunk.ts";
import { type Entry, keyOf, tombstone } from "../../../../agent/wire/entry.ts";
import type { FileValue } from "../../../../agent/wire/entry-value.ts";
import { MemoryLedger } from "../../../support/memory-ledger.ts";

const file = { uploader: "till", path: "a.txt" };
const first: VersionId = { ...file, version: 100 };
const second: VersionId = { ...file, version: 200 };
const other: VersionId = { uploader: "till", path: "b.txt", version: 100 };
const checksum = "md5:5d41402abc4b2a76b9719d911017c592";
const time = "2025-04-15T18:30:49.202Z";

function noted({ uploader, path, version }: VersionId, state: FileValue["state"] = "sent"): Entry {
  const times = { mtime: "0", ctime: "0", inode: "1" };
  const where = { topic: "topic", partition: 0, offset: 7 };
  const value = { format: 1, version, state, size: 5, ...times, ...where, checksum } as const;
  return { kind: "file", uploader, path, ...value };
}
const forgotten = tombstone({ kind: "file", ...file });
const delivered = (id: VersionId): Entry => ({
  kind: "delivered",
  group: "group",
  ...id,
  format: 1,
  size: 5,
  checksum,
  time,
});
const failed = (id: VersionId): Entry => ({
  kind: "failed",
  group: "group",
  ...id,
  format: 1,
  reason: "too long",
  time,
});
const needs = (id: VersionId): Entry => ({
  kind: "needs",
  group: "group",
  ...id,
  format: 1,
  ranges: [[0, 5]],
  time,
});
const without = (entry: Entry) => tombstone(keyOf(entry));
const kindOf = (entry: Entry) => keyOf(entry).kind;
const all = () => true;

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

describe("an uploader that does not answer", () => {
  const name = (uploader: string): Entry => ({
    kind: "name",
    uploader,
    format: 1,
    instance: "1",
    host: "",
    state: "held",
    highest: 0,
  });
  const dayMs = 24 * 3600_000;
  const startMs = Date.parse("2026-01-01T00:00:00Z");

  async function open() {
    const log = new MemoryLedger([]);
    const world = { nowMs: 0 };
    log.brokerTimeMs = startMs;
    await log.append(name("till"), noted(first));
    const ledger = await GroupLedger.open("group", log, () => world.nowMs);
    return { log, ledger, world };
  }

  test("is silent since it was asked, or since its last word, by the brokers' clock", async () => {
    const { log, ledger, world } = await open();
    expect(ledger.silenceOf(first)).toBeUndefined();
    log.brokerTimeMs = startMs + dayMs;
    await ledger.writeNeeds(first, [[0, 5]]);
    expect(ledger.silenceOf(first)).toEqual({ sinceMs: startMs + dayMs, lastsMs: 0 });
    world.nowMs = 3 * dayMs;
    expect(ledger.silenceOf(first)?.lastsMs).toBe(3 * dayMs);
    using _following = log.follow(ledger);
    log.brokerTimeMs = startMs + 5 * dayMs;
    await log.append(name("till"));
    expect(ledger.silenceOf(first)?.lastsMs).toBe(0);
  });

  test("is as silent to whoever starts later, also if it is asked again", async () => {
    const { log, ledger } = await open();
    await ledger.writeNeeds(first, [[0, 5]]);
    log.brokerTimeMs = startMs + 40 * dayMs;
    const other = await GroupLedger.open("group", log, () => 0);
    // The time there is not known before the ledger has taken something.
    expect(other.silenceOf(first)?.lastsMs).toBe(0);
    await other.writeNeeds(first, [[0, 5]]);
    expect(other.silenceOf(first)).toEqual({ sinceMs: startMs, lastsMs: 40 * dayMs });
  });

  test("owes again what had failed for that as soon as it writes anything, and nothing else", async () => {
    const { log, ledger, world } = await open();
    using _following = log.follow(ledger);
    await log.append(noted(other));
    await ledger.writeFailed(first, "not answered since 2026-01-01");
    await ledger.writeFailed(other, "too long");
    await log.allRead();
    expect([...ledger.state.unsettled()]).toEqual([]);
    const later = await GroupLedger.open("group", log, () => 0);
    expect([...later.state.unsettled()]).toEqual([]);
    await later.close();
    await log.append(name("other"));
    expect([...ledger.state.unsettled()]).toEqual([]);
    await log.append(name("till"));
    world.nowMs = 2 * dayMs;
    await log.readAgain();
    expect([...ledger.state.unsettled()].map(({ path }) => path)).toEqual(["a.txt"]);
    const latest = await GroupLedger.open("group", log, () => 0);
    expect([...latest.state.unsettled()].map(({ path }) => path)).toEqual(["a.txt"]);
  });
});

test("in a ledger that was made anew what is delivered stays so, and has its receipt again where its uploader notes it", async () => {
  const log = new MemoryLedger([noted(first), delivered(first), noted(other), failed(other)]);
  const ledger = await GroupLedger.open("group", log);
  using _following = log.follow(ledger);
  await log.remake(noted(first), noted({ ...other, version: 500 }));
  await log.allRead();
  expect(ledger.state.recreations).toBe(1);
  expect(ledger.state.delivered.has(first)).toBe(true);
  expect([...ledger.state.unsettled()].map(({ version }) => version)).toEqual([500]);
  await ledger.tidy(() => false);
  expect(log.written).toEqual([]);
  await ledger.tidy(all);
  await ledger.tidy(all);
  expect(log.written).toEqual([{ ...delivered(first), mtime: "0", time: expect.any(String) }] as Entry[]);
});

test("in a ledger that was made anew what is gone and delivered has its receipt again, too", async () => {
  const log = new MemoryLedger([noted(first), delivered(first)]);
  const ledger = await GroupLedger.open("group", log);
  using _following = log.follow(ledger);
  await log.remake(noted(first, "gone"));
  await log.allRead();
  await ledger.tidy(all);
  expect(log.written.map((entry) => [kindOf(entry), entry.kind !== "tombstone"])).toEqual([
    ["delivered", true],
  ]);
});

test("what another member has noted in a ledger that was made anew is not noted twice", async () => {
  const log = new MemoryLedger([noted(first), delivered(first)]);
  const ledger = await GroupLedger.open("group", log);
  using _following = log.follow(ledger);
  await log.remake(noted(first), delivered(first));
  await log.allRead();
  await ledger.tidy(all);
  expect(log.written).toEqual([]);
});

test("in a ledger that was made anew offsets begin anew, too", async () => {
  const log = new MemoryLedger([...Array.from({ length: 50 }, () => noted(second)), noted(first)]);
  const ledger = await GroupLedger.open("group", log);
  using _following = log.follow(ledger);
  await ledger.writeFailed(first, "too long");
  await log.remake(noted(first));
  await log.allRead();
  expect([...ledger.state.unsettled()].map(({ version }) => version)).toEqual([100]);
  await ledger.writeFailed(first, "too long");
  expect([...ledger.state.unsettled()]).toEqual([]);
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
