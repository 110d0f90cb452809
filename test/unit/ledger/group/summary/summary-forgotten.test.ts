/** A group or an uploader that was forgotten since the summary of the ledger was stored, or a group that has begun since. */
import { expect, test } from "bun:test";
import { forgetGroup } from "../../../../../agent/ledger/forget/forget-group.ts";
import { forgetUploader } from "../../../../../agent/ledger/forget/forget-uploader.ts";
import type { Entry } from "../../../../../agent/wire/entry.ts";
import { delivered, first, noted, time } from "../../../../support/entries.ts";
import { HeardLog } from "../../../../support/heard-log.ts";
import { MemoryLedger } from "../../../../support/memory-ledger.ts";
import { uselessBecause, useSummaries } from "../../../../support/summaries.ts";
import { uploaderLogOn } from "../../../../support/uploader-log.ts";

const summaries = useSummaries();

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
  await summaries.store(log);
  await change(log);
  const ledger = await summaries.open(log);
  expect([ledger.hasResumed, ledger.state.versions.marks.dirtyCount, summaries.lines.at(-1)]).toEqual([
    false,
    0,
    uselessBecause("what it tells of was forgotten since"),
  ]);
});

test("where the group began may be read only after that was stored", async () => {
  const log = new MemoryLedger([noted(first)]);
  const summary = summaries.of();
  const ledger = await summaries.open(log, summary);
  await ledger.writeStart("topic", new Map([[0, 0]]));
  const snapshot = ledger.snapshot();
  expect(snapshot && (await summary.save(snapshot))).toBe(true);
  await ledger.close();
  expect((await summaries.open(log)).hasResumed).toBe(true);
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
  await summaries.store(log);
  await forgetGroup(log, "mirror", async () => undefined);
  expect((await summaries.open(log)).hasResumed).toBe(true);
});
