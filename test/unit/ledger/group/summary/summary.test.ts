import { afterAll, beforeEach, expect, test } from "bun:test";
import { mkdtempSync, readFileSync, rmSync, truncateSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { forgetGroup } from "../../../../../agent/ledger/forget/forget-group.ts";
import { forgetUploader } from "../../../../../agent/ledger/forget/forget-uploader.ts";
import { GroupLedger } from "../../../../../agent/ledger/group/group-ledger.ts";
import { LedgerSummary, type UpTime } from "../../../../../agent/ledger/group/summary/summary.ts";
import { SummaryFile } from "../../../../../agent/ledger/group/summary/summary-file.ts";
import type { LoggedEntry, PositionedReader } from "../../../../../agent/ledger/ledger.ts";
import type { VersionId } from "../../../../../agent/wire/chunk.ts";
import type { Entry } from "../../../../../agent/wire/entry.ts";
import {
  again,
  delivered,
  failed,
  first,
  noted,
  other,
  second,
  time,
  without,
} from "../../../../support/entries.ts";
import { HeardLog } from "../../../../support/heard-log.ts";
import { localDisk } from "../../../../support/local-disk.ts";
import { MemoryLedger } from "../../../../support/memory-ledger.ts";
import { uploaderLogOn } from "../../../../support/uploader-log.ts";

const hourMs = 3600_000;
const root = mkdtempSync(join(tmpdir(), "streamsend-summary-"));
afterAll(() => rmSync(root, { recursive: true }));

let folder: string;
let file: string;
let lines: string[];
let upMs: number;
beforeEach(() => {
  folder = mkdtempSync(join(root, "store-"));
  file = join(folder, "ledger");
  lines = [];
  upMs = 1000;
});

function summaryOf(
  { boot, version = "1" }: { boot: string | undefined; version?: string } = { boot: "boot" },
): LedgerSummary {
  const upTime: UpTime = { boot, upMs: () => upMs };
  const log = new HeardLog("test", (line) => lines.push(line));
  return new LedgerSummary({ file: new SummaryFile(localDisk(), folder), version, upTime, log });
}

function open(log: MemoryLedger, summary = summaryOf(), group = "group"): Promise<GroupLedger> {
  return GroupLedger.open(group, log, () => 0, { summary });
}

/** One start that has read everything, and has stored that. */
async function store(log: MemoryLedger): Promise<void> {
  const summary = summaryOf();
  const ledger = await open(log, summary);
  const snapshot = ledger.snapshot();
  if (!snapshot) throw new Error("nothing to store");
  expect(await summary.save(snapshot)).toBe(true);
  await ledger.close();
  log.opened = 0;
}

const unsettledOf = (ledger: GroupLedger) => [...ledger.state.unsettled()].map(({ version }) => version);
const third: VersionId = { uploader: "till", path: "c.txt", version: 300 };

test("a start goes on from the summary, and reads only what is new", async () => {
  const log = new MemoryLedger([noted(first), delivered(first), noted(other)]);
  await store(log);
  log.entries.push(noted(third));
  const ledger = await open(log);
  expect([log.opened, unsettledOf(ledger), ledger.hasResumed]).toEqual([
    0,
    [other.version, third.version],
    true,
  ]);
  expect(ledger.state.isDelivered(first, 0)).toBe(true);
  expect(lines).toEqual(["went on from the summary of the ledger: 1 entry is new"]);
  using _following = log.follow(ledger);
  await log.append(delivered(other));
  expect(unsettledOf(ledger)).toEqual([third.version]);
});

test("what a start has gone on with is stored in turn", async () => {
  const log = new MemoryLedger([noted(first)]);
  await store(log);
  log.entries.push(noted(other));
  await store(log);
  log.entries.push(noted(third));
  expect(unsettledOf(await open(log))).toEqual([first.version, other.version, third.version]);
  expect(lines.at(-1)).toBe("went on from the summary of the ledger: 1 entry is new");
});

test("without one, or a part of it, all is read, and that is no error", async () => {
  const log = new MemoryLedger([noted(first)]);
  expect(unsettledOf(await open(log))).toEqual([first.version]);
  expect([log.opened, lines]).toEqual([2, []]);
  await store(log);
  const whole = readFileSync(file);
  for (let length = 0; length < whole.length; length += 17) {
    truncateSync(file, length);
    expect(unsettledOf(await open(log))).toEqual([first.version]);
  }
  expect(new Set(lines)).toEqual(new Set([uselessBecause("it is damaged")]));
  for (let at = 0; at < whole.length; at += 13) {
    const spoiled = Buffer.from(whole);
    spoiled[at] = (spoiled[at] ?? 0) ^ 1;
    writeFileSync(file, spoiled);
    expect((await open(log)).hasResumed).toBe(false);
  }
  writeFileSync(file, whole);
  expect((await open(log)).hasResumed).toBe(true);
});

const uselessBecause = (why: string) =>
  `the summary of the ledger is of no use, all of the ledger is read: ${why}`;
const isTooOld = "it may be too old: something was taken out of the ledger since";
const isCut = "the end of the ledger was cut off since";

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
  await store(log);
  log.brokerTimeMs += aged?.brokersMs ?? 0;
  log.deleteRetentionMs = deleteRetentionMs;
  upMs += aged?.upMs ?? 0;
  await log.append(without(failed(first)), noted(other), noted(second));
  log.taken.add(2);
  const ledger = await open(log, summaryOf({ boot }));
  expect([ledger.hasResumed, lines.at(-1)]).toEqual([
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
  await store(log);
  await log.append(without(failed(first)), noted(other));
  log.brokerTimeMs += 12 * hourMs + 1;
  await log.append(noted(second));
  log.taken.add(2);
  const ledger = await open(log);
  expect([ledger.hasResumed, lines.at(-1)]).toEqual([false, uselessBecause(isTooOld)]);
});

test("however old it is, and on whichever machine, it is good as long as nothing was taken out behind it", async () => {
  const log = new MemoryLedger([noted(first), failed(first)]);
  await store(log);
  upMs += 1000 * hourMs;
  log.brokerTimeMs += 1000 * hourMs;
  log.taken.add(0);
  await log.append(without(failed(first)), noted(other));
  const ledger = await open(log, summaryOf({ boot: "another" }));
  expect([ledger.hasResumed, ledger.state.mustReadAgain]).toEqual([true, true]);
});

function recreated({ entries }: MemoryLedger): MemoryLedger {
  const log = new MemoryLedger(entries);
  log.id = "another";
  return log;
}

const others: [string, string, (log: MemoryLedger) => Promise<GroupLedger>][] = [
  ["another ledger", "it is of another ledger", (log) => open(recreated(log))],
  ["another group", "it is of another group", (log) => open(log, summaryOf(), "other")],
  [
    "another version of the agent",
    "it is of another version",
    (log) => open(log, summaryOf({ boot: "boot", version: "2" })),
  ],
  ["a ledger that was cut off since", isCut, (log) => open(new MemoryLedger(log.entries.slice(0, 1)))],
];

test.each(others)("one of %s is of no use", async (_what, why, start) => {
  const log = new MemoryLedger([noted(first), noted(other), delivered(other)]);
  await store(log);
  const ledger = await start(log);
  expect([ledger.hasResumed, lines]).toEqual([false, [uselessBecause(why)]]);
});

const start: Entry = { kind: "start", group: "group", format: 1, topic: "topic", offsets: { 0: 0 }, time };

const forgotten: [string, (log: MemoryLedger) => Promise<unknown>][] = [
  ["the group was forgotten", (log) => forgetGroup(log, "group", async () => undefined)],
  ["the group has begun anew elsewhere", (log) => log.append({ ...start, time: "2025-04-16T18:30:49.202Z" })],
  [
    "the uploader was forgotten",
    (log) => forgetUploader(uploaderLogOn(log), "till", new HeardLog("till", () => undefined)),
  ],
];

test.each(forgotten)("once %s what was known of it is not said again", async (_what, change) => {
  const log = new MemoryLedger([start, noted(first), delivered(first)]);
  await store(log);
  await change(log);
  const ledger = await open(log);
  expect([ledger.hasResumed, ledger.state.versions.marks.dirtyCount, lines.at(-1)]).toEqual([
    false,
    0,
    uselessBecause("what it tells of was forgotten since"),
  ]);
});

test("where the group began may be read only after that was stored", async () => {
  const log = new MemoryLedger([noted(first)]);
  const summary = summaryOf();
  const ledger = await open(log, summary);
  await ledger.writeStart("topic", new Map([[0, 0]]));
  const snapshot = ledger.snapshot();
  expect(snapshot && (await summary.save(snapshot))).toBe(true);
  await ledger.close();
  expect((await open(log)).hasResumed).toBe(true);
});

test("what another group or uploader has is no reason to read all of it", async () => {
  const mirror = (entry: Entry) => Object.assign(structuredClone(entry), { group: "mirror" });
  const log = new MemoryLedger([
    start,
    mirror(start),
    noted(first),
    delivered(first),
    mirror(delivered(first)),
  ]);
  await store(log);
  await forgetGroup(log, "mirror", async () => undefined);
  expect((await open(log)).hasResumed).toBe(true);
});

test("what was asked for again since is looked for at once, as by a start that reads all", async () => {
  const log = new MemoryLedger([noted(first), delivered(first)]);
  await store(log);
  log.entries.push(again(first));
  const ledger = await open(log);
  using _following = log.follow(ledger);
  await log.readAgain();
  expect(unsettledOf(ledger)).toEqual([first.version]);
});

test("what is known is not stored any more once something was taken out while nobody looked for too long", async () => {
  for (const [sleptMs, isStored] of [
    [12 * hourMs, true],
    [12 * hourMs + 1, false],
  ] as const) {
    const log = new MemoryLedger([noted(first), failed(first)]);
    const summary = summaryOf();
    const ledger = await open(log, summary);
    log.taken.add(2);
    log.entries.push(without(failed(first)), noted(other));
    upMs += sleptMs;
    using _following = log.follow(ledger);
    await log.append(noted(second));
    await ledger.readToEnd();
    // Nobody will ever tell it.
    expect(ledger.state.failed.has(first)).toBe(true);
    expect(ledger.snapshot() !== undefined).toBe(isStored);
  }
});

test("brokers that tell no ledgers apart have none", async () => {
  const log = new MemoryLedger([noted(first)]);
  log.id = "AAAAAAAAAAAAAAAAAAAAAA";
  const summary = summaryOf();
  const snapshot = (await open(log, summary)).snapshot();
  expect(snapshot && (await summary.save(snapshot))).toBe(false);
});

test("nothing is stored of what is read again, or of a ledger that is no more", async () => {
  const log = new MemoryLedger([noted(first)]);
  const ledger = await open(log);
  expect(ledger.snapshot()?.place.positions).toEqual([{ partition: 0, offset: 1 }]);
  log.recreate();
  expect(ledger.snapshot()).toBeUndefined();
});
