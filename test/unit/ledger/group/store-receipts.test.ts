import { expect, test } from "bun:test";
import { GroupLedger } from "../../../../agent/ledger/group/group-ledger.ts";
import {
  formatStamp,
  PublicationNumbers,
  parseStamp,
} from "../../../../agent/ledger/group/store-receipts.ts";
import { type Entry, keyOf, tombstone } from "../../../../agent/wire/entry.ts";
import { MemoryLedger } from "../../../support/memory-ledger.ts";

const checksum = "md5:5d41402abc4b2a76b9719d911017c592";

function delivered(path: string, by: string | undefined): Entry {
  const value = { format: 1, size: 5, checksum, time: "", by } as const;
  return { kind: "delivered", group: "group", uploader: "till", path, version: 100, ...value };
}

function without(entry: Entry): Entry {
  return tombstone(keyOf(entry));
}

test("a store and its number are told apart again, and anything else is neither", () => {
  expect(parseStamp(formatStamp({ store: "5f0c12ab34cd", number: 17 }))).toEqual({
    store: "5f0c12ab34cd",
    number: 17,
  });
  for (const text of [undefined, "", "a", "a/", "/1", "a/b/1", "a/-1", "a/1x", "a/1234567890123456"])
    expect(parseStamp(text)).toBeUndefined();
});

test("the highest number of a store is known, and of more stores than are remembered it is unknown", () => {
  const numbers = new PublicationNumbers();
  for (const by of ["ours/3", "ours/7", "ours/5", "other/9", undefined, "no stamp"]) numbers.note(by);
  expect(numbers.mayBeAbove("ours", 6)).toBe(true);
  expect(numbers.mayBeAbove("ours", 7)).toBe(false);
  expect(numbers.mayBeAbove("unheard-of", 0)).toBe(false);
  for (let at = 0; at < 1000; at++) numbers.note(`flood-${at}/1`);
  expect(numbers.mayBeAbove("unheard-of", 0)).toBe(true);
  expect(numbers.mayBeAbove("ours", 7)).toBe(false);
});

test("only what a store has published since its number, and what still stands, is taken back", async () => {
  const log = new MemoryLedger([
    delivered("before", "ours/3"),
    delivered("since", "ours/4"),
    delivered("of-another", "other/9"),
    delivered("of-nobody", undefined),
    // Taken back already.
    delivered("gone", "ours/5"),
    without(delivered("gone", undefined)),
    // Another store has it meanwhile.
    delivered("elsewhere", "ours/6"),
    without(delivered("elsewhere", undefined)),
    delivered("elsewhere", "other/10"),
  ]);
  const ledger = await GroupLedger.open("group", log);
  expect(ledger.state.mayHavePublished("ours", 3)).toBe(true);
  expect(await ledger.takeBackOf("ours", (_, number) => number > 3)).toEqual({ count: 1, highest: 6 });
  expect(log.written).toEqual([without(delivered("since", undefined))]);
  const isDelivered = (path: string) => ledger.state.delivered.has({ uploader: "till", path, version: 100 });
  expect(["before", "since", "of-another", "of-nobody", "elsewhere"].filter(isDelivered)).toEqual([
    "before",
    "of-another",
    "of-nobody",
    "elsewhere",
  ]);
});

test("more receipts than are held at a time are all taken back", async () => {
  const name = "n".repeat(3500);
  const log = new MemoryLedger(
    Array.from({ length: 1500 }, (_, at) => delivered(`${at}/${name.replace(/.{200}/g, "$&/")}n`, "ours/2")),
  );
  const ledger = await GroupLedger.open("group", log);
  expect(await ledger.takeBackOf("ours", () => true)).toEqual({ count: 1500, highest: 2 });
  expect(log.opened).toBeGreaterThan(2);
});
