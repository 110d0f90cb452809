import { expect, test } from "bun:test";
import { GroupLedger } from "../../../../agent/ledger/group/group-ledger.ts";
import { findReceipts } from "../../../../agent/ledger/group/receipts.ts";
import type { VersionId } from "../../../../agent/wire/chunk.ts";
import type { DoneEntry, Entry, FilesEntry } from "../../../../agent/wire/entry.ts";
import { delivered, failed, first, noted, other, second } from "../../../support/entries.ts";
import { MemoryLedger } from "../../../support/memory-ledger.ts";

const third: VersionId = { uploader: "till", path: "c.txt", version: 300 };
const early: VersionId = { uploader: "till", path: "d.txt", version: 301 };

/** The group began after the first file was sent; the mark names one file, and speaks of all others by their numbers. */
function entries(): Entry[] {
  const start = {
    kind: "start",
    group: "group",
    format: 1,
    topic: "topic",
    offsets: { "0": 8 },
    time: "",
  } as const;
  const batch = (id: VersionId, offset: number): Entry => {
    const entry = noted(id) as FilesEntry;
    return { ...entry, files: entry.files.map((file) => ({ ...file, offset })) } as Entry;
  };
  const mark: DoneEntry = {
    ...(delivered(early) as DoneEntry),
    to: 300,
    at: 4,
    by: { store: 9 },
    but: [other.version],
  };
  return [start, batch(second, 7), batch(third, 8), batch(other, 9), failed(other), mark];
}

test("what can be had again is what the group was to have: not what was sent before it began", async () => {
  const found = await findReceipts(new MemoryLedger(entries()), "group", () => true);
  expect(found.map(({ kind, id }) => `${kind} ${id.path}`).sort()).toEqual([
    "delivered c.txt",
    "delivered d.txt",
    "failed b.txt",
  ]);
  expect(await findReceipts(new MemoryLedger(entries()), "another", () => true)).toEqual([]);
});

test("what a store has lost is what the group was to have", async () => {
  const ledger = await GroupLedger.open("group", new MemoryLedger([...entries(), noted(first, "sending")]));
  const lost: string[] = [];
  for await (const ids of ledger.findLost(() => true)) lost.push(...ids.map(({ path }) => path));
  expect(lost.sort()).toEqual(["c.txt", "d.txt"]);
});
