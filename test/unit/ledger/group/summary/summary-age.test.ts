/** Something was taken out of the ledger behind its summary: that is good only as long as the tombstones would be there still. */
import { expect, test } from "bun:test";
import type { LoggedEntry, PositionedReader } from "../../../../../agent/ledger/ledger.ts";
import { failed, first, noted, other, second, unsettledOf, without } from "../../../../support/entries.ts";
import { MemoryLedger } from "../../../../support/memory-ledger.ts";
import { hourMs, uselessBecause, useSummaries } from "../../../../support/summaries.ts";

const summaries = useSummaries();
const isTooOld = "it may be too old: something was taken out of the ledger since";

interface Taken {
  what: string;
  /** What it is of no use for. */
  why?: string;
  /** Clocks since it was stored, milliseconds. */
  aged?: { upMs?: number; brokersMs?: number };
  boot?: string | undefined;
  deleteRetentionMs?: number;
}

const taken: Taken[] = [
  { what: "is young" },
  { what: "is as old as it may be", aged: { upMs: 12 * hourMs, brokersMs: 12 * hourMs } },
  {
    what: "is older than half of what tombstones are kept for",
    why: isTooOld,
    aged: { upMs: 12 * hourMs + 1 },
  },
  {
    what: "is older than half of what tombstones are kept for, as the topic has it",
    ...{ why: isTooOld, aged: { upMs: hourMs / 2 + 1 }, deleteRetentionMs: hourMs },
  },
  { what: "is old by the newest record", why: isTooOld, aged: { brokersMs: 12 * hourMs + 1 } },
  { what: "is of another boot of the machine", why: isTooOld, boot: "another" },
  { what: "is of a machine that does not tell its boots apart", why: isTooOld, boot: undefined },
  { what: "is of a time that has not come", why: isTooOld, aged: { upMs: -1 } },
];

test.each(taken)("where something was taken out since, one that $what: $why", async (one) => {
  const { why, aged, deleteRetentionMs } = one;
  const boot = "boot" in one ? one.boot : "boot";
  const log = new MemoryLedger([]);
  log.brokerTimeMs = 48 * hourMs;
  await log.append(noted(first), failed(first));
  await summaries.store(log);
  log.brokerTimeMs += aged?.brokersMs ?? 0;
  log.deleteRetentionMs = deleteRetentionMs;
  summaries.upMs += aged?.upMs ?? 0;
  await log.append(without(failed(first)), noted(other), noted(second));
  log.taken.add(2);
  const ledger = await summaries.open(log, summaries.of({ boot }));
  expect([ledger.hasResumed, summaries.lines.at(-1)]).toEqual([
    why === undefined,
    why === undefined ? "went on from the summary of the ledger: 2 entries are new" : uselessBecause(why),
  ]);
  if (why !== undefined) expect(unsettledOf(ledger)).toEqual([other.version, second.version]);
});

/** Its readers hand on one entry at a time. */
class SlowLedger extends MemoryLedger {
  override async open(...args: Parameters<MemoryLedger["open"]>): Promise<PositionedReader> {
    const reader = await super.open(...args);
    const left: LoggedEntry[] = [];
    return {
      get caughtUp() {
        return reader.caughtUp && left.length === 0;
      },
      takeGaps: () => reader.takeGaps?.() === true,
      read: async (without) => {
        if (left.length === 0) left.push(...(await reader.read(without)));
        return left.splice(0, 1);
      },
      position: (partition) => reader.position(partition),
      close: () => reader.close(),
    };
  }
}

test("that something was taken out counts also where a later record is the first to tell how old it is", async () => {
  const log = new SlowLedger([]);
  log.brokerTimeMs = 48 * hourMs;
  await log.append(noted(first), failed(first));
  await summaries.store(log);
  await log.append(without(failed(first)), noted(other));
  log.brokerTimeMs += 12 * hourMs + 1;
  await log.append(noted(second));
  log.taken.add(2);
  const ledger = await summaries.open(log);
  expect([ledger.hasResumed, summaries.lines.at(-1)]).toEqual([false, uselessBecause(isTooOld)]);
});

test("however old it is, and on whichever machine, it is good as long as nothing was taken out behind it", async () => {
  const log = new MemoryLedger([noted(first), failed(first)]);
  await summaries.store(log);
  summaries.upMs += 1000 * hourMs;
  log.brokerTimeMs += 1000 * hourMs;
  log.taken.add(0);
  await log.append(without(failed(first)), noted(other));
  const ledger = await summaries.open(log, summaries.of({ boot: "another" }));
  expect([ledger.hasResumed, ledger.state.mustReadAgain]).toEqual([true, true]);
});

test("what is known is not stored any more once something was taken out while nobody looked for too long", async () => {
  for (const [sleptMs, isStored] of [
    [12 * hourMs, true],
    [12 * hourMs + 1, false],
  ] as const) {
    const log = new MemoryLedger([noted(first), failed(first)]);
    const summary = summaries.of();
    const ledger = await summaries.open(log, summary);
    log.taken.add(2);
    log.entries.push(without(failed(first)), noted(other));
    summaries.upMs += sleptMs;
    using _following = log.follow(ledger);
    await log.append(noted(second));
    await ledger.readToEnd();
    // Nobody will ever tell it.
    expect(ledger.state.failed.has(first)).toBe(true);
    expect(ledger.snapshot() !== undefined).toBe(isStored);
  }
});
