import { expect, test } from "bun:test";
import { GroupLedger } from "../../../../agent/ledger/group/group-ledger.ts";
import type { Entry } from "../../../../agent/wire/entry.ts";
import { all, delivered, failed, first, kindOf, noted, other, second } from "../../../support/entries.ts";
import { MemoryLedger } from "../../../support/memory-ledger.ts";

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

test("in a ledger that was made anew an older version than the one that is delivered is settled, also for who starts later", async () => {
  const log = new MemoryLedger([noted(first), delivered({ ...first, version: first.version + 1 })]);
  const ledger = await GroupLedger.open("group", log);
  using _following = log.follow(ledger);
  // Its uploader was killed before it noted the newer one.
  await log.remake(noted(first));
  await log.allRead();
  await ledger.tidy(all);
  const later = await GroupLedger.open("group", log);
  expect([...later.state.unsettled()]).toEqual([]);
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
