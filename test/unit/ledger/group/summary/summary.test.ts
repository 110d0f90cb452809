/** Going on from a summary of the ledger: what is new, and what it is of no use for. */
import { expect, test } from "bun:test";
import { readFileSync, truncateSync, writeFileSync } from "node:fs";
import type { GroupLedger } from "../../../../../agent/ledger/group/group-ledger.ts";
import type { VersionId } from "../../../../../agent/wire/chunk.ts";
import { again, delivered, first, noted, other, unsettledOf } from "../../../../support/entries.ts";
import { MemoryLedger } from "../../../../support/memory-ledger.ts";
import { uselessBecause, useSummaries } from "../../../../support/summaries.ts";

const summaries = useSummaries();
const third: VersionId = { uploader: "till", path: "c.txt", version: 300 };
const isCut = "the end of the ledger was cut off since";

test("a start goes on from the summary, and reads only what is new", async () => {
  const log = new MemoryLedger([noted(first), delivered(first), noted(other)]);
  await summaries.store(log);
  log.entries.push(noted(third));
  const ledger = await summaries.open(log);
  expect([log.opened, unsettledOf(ledger), ledger.hasResumed]).toEqual([
    0,
    [other.version, third.version],
    true,
  ]);
  expect(ledger.state.isDelivered(first, 0)).toBe(true);
  expect(summaries.lines).toEqual(["went on from the summary of the ledger: 1 entry is new"]);
  using _following = log.follow(ledger);
  await log.append(delivered(other));
  expect(unsettledOf(ledger)).toEqual([third.version]);
});

test("what a start has gone on with is stored in turn", async () => {
  const log = new MemoryLedger([noted(first)]);
  await summaries.store(log);
  log.entries.push(noted(other));
  await summaries.store(log);
  log.entries.push(noted(third));
  expect(unsettledOf(await summaries.open(log))).toEqual([first.version, other.version, third.version]);
  expect(summaries.lines.at(-1)).toBe("went on from the summary of the ledger: 1 entry is new");
});

test("without one, or a part of it, all is read, and that is no error", async () => {
  const log = new MemoryLedger([noted(first)]);
  expect(unsettledOf(await summaries.open(log))).toEqual([first.version]);
  expect([log.opened, summaries.lines]).toEqual([2, []]);
  await summaries.store(log);
  const whole = readFileSync(summaries.file);
  for (let length = 0; length < whole.length; length += 17) {
    truncateSync(summaries.file, length);
    expect(unsettledOf(await summaries.open(log))).toEqual([first.version]);
  }
  expect(new Set(summaries.lines)).toEqual(new Set([uselessBecause("it is damaged")]));
  for (let at = 0; at < whole.length; at += 13) {
    const spoiled = Buffer.from(whole);
    spoiled[at] = (spoiled[at] ?? 0) ^ 1;
    writeFileSync(summaries.file, spoiled);
    expect((await summaries.open(log)).hasResumed).toBe(false);
  }
  writeFileSync(summaries.file, whole);
  expect((await summaries.open(log)).hasResumed).toBe(true);
});

function recreated({ entries }: MemoryLedger): MemoryLedger {
  const log = new MemoryLedger(entries);
  log.id = "another";
  return log;
}

const others: [string, string, (log: MemoryLedger) => Promise<GroupLedger>][] = [
  ["another ledger", "it is of another ledger", (log) => summaries.open(recreated(log))],
  ["another group", "it is of another group", (log) => summaries.open(log, summaries.of(), "other")],
  [
    "another version of the agent",
    "it is of another version",
    (log) => summaries.open(log, summaries.of({ boot: "boot", version: "2" })),
  ],
  [
    "a ledger that was cut off since",
    isCut,
    (log) => summaries.open(new MemoryLedger(log.entries.slice(0, 1))),
  ],
];

test.each(others)("one of %s is of no use", async (_what, why, start) => {
  const log = new MemoryLedger([noted(first), noted(other), delivered(other)]);
  await summaries.store(log);
  const ledger = await start(log);
  expect([ledger.hasResumed, summaries.lines]).toEqual([false, [uselessBecause(why)]]);
});

test("what was asked for again since is looked for at once, as by a start that reads all", async () => {
  const log = new MemoryLedger([noted(first), delivered(first)]);
  await summaries.store(log);
  log.entries.push(again(first));
  const ledger = await summaries.open(log);
  using _following = log.follow(ledger);
  await log.readAgain();
  expect(unsettledOf(ledger)).toEqual([first.version]);
});

test("brokers that tell no ledgers apart have none", async () => {
  const log = new MemoryLedger([noted(first)]);
  log.id = "AAAAAAAAAAAAAAAAAAAAAA";
  const summary = summaries.of();
  const snapshot = (await summaries.open(log, summary)).snapshot();
  expect(snapshot && (await summary.save(snapshot))).toBe(false);
});

test("nothing is stored of what is read again, or of a ledger that is no more", async () => {
  const log = new MemoryLedger([noted(first)]);
  const ledger = await summaries.open(log);
  expect(ledger.snapshot()?.place.positions).toEqual([{ partition: 0, offset: 1 }]);
  log.recreate();
  expect(ledger.snapshot()).toBeUndefined();
});
