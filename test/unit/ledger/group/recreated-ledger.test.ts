import { expect, test } from "bun:test";
import { GroupLedger } from "../../../../agent/ledger/group/group-ledger.ts";
import { AgentError } from "../../../../agent/lib/errors.ts";
import type { Entry } from "../../../../agent/wire/entry.ts";
import {
  all,
  delivered,
  failed,
  first,
  marksOf,
  noted,
  other,
  second,
  store,
  stored,
  unsettledOf,
} from "../../../support/entries.ts";
import { MemoryLedger } from "../../../support/memory-ledger.ts";

test("in a ledger that was made anew what is delivered stays so, and is noted there by whoever has its partition", async () => {
  const log = new MemoryLedger([noted(first), delivered(first), noted(other), failed(other)]);
  const ledger = await GroupLedger.open("group", log);
  using _following = log.follow(ledger);
  await log.remake(noted(first), noted({ ...other, version: 500 }));
  await log.allRead();
  expect(ledger.state.recreations).toBe(1);
  expect(ledger.state.isDelivered(first, 0)).toBe(true);
  expect(unsettledOf(ledger)).toEqual([500]);
  await ledger.tidy(all, () => false);
  expect(log.written).toEqual([]);
  await ledger.tidy(all, all);
  await ledger.tidy(all, all);
  expect(marksOf(log)).toHaveLength(1);
  expect(unsettledOf(await GroupLedger.open("group", log))).toEqual([500]);
});

test("in a ledger that was made anew what is gone and delivered is noted, too", async () => {
  const log = new MemoryLedger([noted(first)]);
  const ledger = await GroupLedger.open("group", log);
  using _following = log.follow(ledger);
  await ledger.writeDelivered([stored(first)], store);
  await log.remake(noted(first, "gone"));
  await log.allRead();
  await ledger.tidy(all, all);
  expect(marksOf(log).at(-1)).toMatchObject({ to: 100, at: 1 });
  // And once more, whenever its uploader says so.
  await log.append(noted(other), noted(first, "gone"));
  expect(unsettledOf(ledger)).toEqual([other.version]);
  await ledger.tidy(all, all);
  expect(marksOf(log).at(-1)).toMatchObject({ to: 100, at: 4, but: [] });
});

test("in a ledger that was made anew what could still be noted in the one before is not taken as settled", async () => {
  const log = new MemoryLedger([{ ...noted(second), open: [other.version] }]);
  const ledger = await GroupLedger.open("group", log);
  using _following = log.follow(ledger);
  await ledger.writeDelivered([stored(second)], store);
  await log.remake(noted(other));
  await log.allRead();
  expect(unsettledOf(ledger)).toEqual([other.version]);
  await ledger.tidy(all, all);
  expect(unsettledOf(await GroupLedger.open("group", log))).toEqual([other.version]);
});

/** That it is another one by now shows only when somebody looks; until then what is in the new one is taken for the old one's. */
class LateLedger extends MemoryLedger {
  /** What is in the new one; undefined: it is the old one. */
  inNewOne: Entry[] | undefined;

  override async look(): Promise<void> {
    if (this.inNewOne) this.recreate(...this.inNewOne);
    this.inNewOne = undefined;
  }
}

test("what was on its way to a ledger that was deleted settles nothing in the one that is read in its place", async () => {
  const log = new LateLedger([noted(first)]);
  const ledger = await GroupLedger.open("group", log);
  using _following = log.follow(ledger);
  // Before this one its uploader had noted the other one, which was never read.
  log.inNewOne = [noted(other), noted(second)];
  await log.append(noted(second));
  await ledger.writeDelivered([stored(second)], store);
  await log.look();
  await log.allRead();
  expect(unsettledOf(ledger)).toEqual([other.version]);
  await ledger.tidy(all, all);
  expect(unsettledOf(await GroupLedger.open("group", log))).toEqual([other.version]);
});

test("while the brokers do not say whether it is the same ledger, marks name what is delivered, and say no more", async () => {
  const log = new MemoryLedger([]);
  const ledger = await GroupLedger.open("group", log);
  using _following = log.follow(ledger);
  await log.append({ ...noted(second), next: second.version + 50 });
  log.look = () => Promise.reject(new AgentError("no broker can be reached", "retryable"));
  await ledger.writeDelivered([stored(second)], store);
  expect(marksOf(log).at(-1)).toMatchObject({ to: 0, also: [second.version] });
  log.look = async () => undefined;
  await ledger.writeDelivered([stored(second)], store);
  expect(marksOf(log).at(-1)).toMatchObject({ to: second.version + 49, also: [] });
});

test("what is heard while that is asked is not answered by it", async () => {
  const log = new MemoryLedger([noted(first)]);
  const ledger = await GroupLedger.open("group", log);
  using _following = log.follow(ledger);
  await log.append(noted(other));
  log.look = () => log.append(noted(second));
  await ledger.writeDelivered([stored(other)], store);
  expect(marksOf(log).at(-1)).toMatchObject({ to: other.version });
});

test("in a ledger that was made anew an older version than the one that is delivered is settled, also for who starts later", async () => {
  const log = new MemoryLedger([noted(first), delivered({ ...first, version: first.version + 1 })]);
  const ledger = await GroupLedger.open("group", log);
  using _following = log.follow(ledger);
  // Its uploader was killed before it noted the newer one.
  await log.remake(noted(first));
  await log.allRead();
  await ledger.tidy(all, all);
  const later = await GroupLedger.open("group", log);
  expect(unsettledOf(later)).toEqual([]);
});

test("what another member has noted in a ledger that was made anew is not noted twice", async () => {
  const log = new MemoryLedger([noted(first), delivered(first)]);
  const ledger = await GroupLedger.open("group", log);
  using _following = log.follow(ledger);
  await log.remake(noted(first), delivered(first));
  await log.allRead();
  await ledger.tidy(all, all);
  expect(log.written).toEqual([]);
});

test("in a ledger that was made anew offsets begin anew, too", async () => {
  const log = new MemoryLedger([...Array.from({ length: 50 }, () => noted(second)), noted(other)]);
  const ledger = await GroupLedger.open("group", log);
  using _following = log.follow(ledger);
  await ledger.writeFailed(other, "too long");
  await log.remake(noted(other));
  await log.allRead();
  expect(unsettledOf(ledger)).toEqual([other.version]);
  await ledger.writeFailed(other, "too long");
  expect(unsettledOf(ledger)).toEqual([]);
});

test("in a ledger that was made anew a version that is noted after many later ones is missing, as in any", async () => {
  const log = new MemoryLedger([noted(first)]);
  const ledger = await GroupLedger.open("group", log);
  using _following = log.follow(ledger);
  await ledger.writeDelivered([stored(first)], store);
  await log.remake(noted(first));
  await ledger.tidy(all, all);
  const later = Array.from({ length: 20 }, (_, at) => ({
    uploader: "till",
    path: `${at}`,
    version: 300 + at,
  }));
  for (const id of later) {
    await log.append({ ...noted(id), open: [second.version] } as Entry);
    await ledger.writeDelivered([stored(id)], store);
  }
  expect(marksOf(log).at(-1)).toMatchObject({ to: 319 });
  await log.append(noted(second));
  expect(unsettledOf(ledger)).toEqual([second.version]);
  expect(unsettledOf(await GroupLedger.open("group", log))).toEqual([second.version]);
});
