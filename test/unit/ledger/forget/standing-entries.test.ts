import { expect, test } from "bun:test";
import { standingIn } from "../../../../agent/ledger/forget/standing-entries.ts";
import type { EntryLog } from "../../../../agent/ledger/ledger.ts";
import { type Entry, keyOf, tombstone } from "../../../../agent/wire/entry.ts";
import { encodeEntryKey } from "../../../../agent/wire/entry-key.ts";
import { delivered, failed, first, noted, second, without } from "../../../support/entries.ts";
import { MemoryLedger } from "../../../support/memory-ledger.ts";

const nameOf = (entry: Entry) => encodeEntryKey(keyOf(entry));

/** The keys that stand, by share. */
async function sharesOf(log: EntryLog, atATime?: number): Promise<string[][]> {
  const shares: string[][] = [];
  for await (const standing of standingIn(log, [0], () => true, atATime)) {
    const keys: string[] = [];
    for await (const entries of standing.entries())
      for (const { entry } of entries) keys.push(encodeEntryKey(keyOf(entry)));
    shares.push(keys);
  }
  return shares;
}

test("only the last word on a key stands, and none that was taken back", async () => {
  const log = new MemoryLedger([
    ...[noted(first), failed(first), noted(second), without(failed(first))],
    ...[failed(second), tombstone({ kind: "claim", uploader: "till" })],
  ]);
  expect(await sharesOf(log)).toEqual([[nameOf(noted(first)), "failed/group/till/200/a.txt"]]);
});

test("what is written and taken back and written again stands once", async () => {
  const log = new MemoryLedger([noted(first), without(noted(first)), noted(second), noted(second)]);
  expect(await sharesOf(log)).toEqual([[nameOf(noted(first))]]);
});

test("of more than is kept at a time each entry is in one share, with all that is about its uploader", async () => {
  const entries: Entry[] = [];
  for (let at = 0; at < 200; at++) {
    const id = { uploader: `till-${at}`, path: "a.txt", version: 100 };
    entries.push(noted(id), delivered(id));
  }
  const shares = await sharesOf(new MemoryLedger(entries), 100);
  expect(shares.length).toBe(4);
  expect(shares.flat().sort()).toEqual(entries.map((entry) => encodeEntryKey(keyOf(entry))).sort());
  for (const share of shares) {
    expect(share.length).toBeLessThan(200);
    const uploaderOf = (key: string) => key.split("/").find((part) => part.startsWith("till-"));
    for (const key of share)
      expect(share.filter((other) => uploaderOf(other) === uploaderOf(key))).toHaveLength(2);
  }
});

test("what somebody wrote where it does not belong is nobody's", async () => {
  const log = new MemoryLedger([noted(first)]);
  const { id } = log;
  expect(
    await sharesOf({ id, partitions: 1000, write: (entry) => log.write(entry), open: () => log.open() }),
  ).toEqual([]);
});
