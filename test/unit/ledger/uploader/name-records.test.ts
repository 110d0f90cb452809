import { expect, test } from "bun:test";
import { type NameNews, NameRecords } from "../../../../agent/ledger/uploader/name-records.ts";
import type { NameValue } from "../../../../agent/wire/entry-value.ts";

function entry(instance: string, says: Partial<NameValue> = {}): NameValue {
  return { format: 1, instance, host: `host of ${instance}`, state: "held", highest: 0, ...says };
}

/** What each entry comes to, at the offsets 10, 11, and so on; and who holds the name then. */
function play(...entries: NameValue[]): { news: NameNews[]; holder: string | undefined; epoch: number } {
  const records = new NameRecords();
  const news = entries.map((value, at) => records.apply(value, 10 + at));
  const { holder } = records;
  return { news, holder: holder?.isReleased ? undefined : holder?.instance, epoch: holder?.epoch ?? -1 };
}

test("a free name is its first taker's, and its epoch the offset of that entry", () => {
  expect(play(entry("a"), entry("b"))).toEqual({ news: ["taken", "ignored"], holder: "a", epoch: 10 });
  expect(play(entry("a"), entry("a", { epoch: 10, state: "released" }), entry("b"))).toEqual({
    news: ["taken", "renewed", "taken"],
    holder: "b",
    epoch: 12,
  });
});

test("of two that take it from one that does not answer the first in the log has it", () => {
  const takers = [entry("b", { after: 10 }), entry("c", { after: 10 })];
  expect(play(entry("a"), ...takers)).toEqual({
    news: ["taken", "taken", "ignored"],
    holder: "b",
    epoch: 11,
  });
});

test("the word of a holder that has lost the name is nobody's", () => {
  const taken = [entry("a"), entry("b", { after: 10 })];
  const late = entry("a", { epoch: 10, state: "released" });
  expect(play(...taken, late)).toEqual({ news: ["taken", "taken", "ignored"], holder: "b", epoch: 11 });
});

test("a stranger's entry with an epoch of its own choice is nobody's", () => {
  const forged = [entry("x", { epoch: Number.MAX_SAFE_INTEGER }), entry("x", { epoch: 10 }), entry("x")];
  expect(play(entry("a"), ...forged)).toEqual({
    news: ["taken", "ignored", "ignored", "ignored"],
    holder: "a",
    epoch: 10,
  });
});

test("a holder is known by its word when the entry that it took the name with is compacted away", () => {
  expect(play(entry("a", { epoch: 3 }))).toEqual({ news: ["renewed"], holder: "a", epoch: 3 });
  expect(play(entry("a"), entry("b", { epoch: 10 }), entry("b", { epoch: 11 }))).toEqual({
    news: ["taken", "ignored", "taken"],
    holder: "b",
    epoch: 11,
  });
});

test("who works under a name without having taken it makes it doubtful which numbers were given, until the holder's next word", () => {
  const records = new NameRecords();
  const isRenewed = (value: NameValue, offset: number) => {
    records.apply(value, offset);
    return records.holder?.isRenewed;
  };
  expect(isRenewed(entry("a"), 10)).toBe(false);
  expect(isRenewed(entry("a", { epoch: 10 }), 11)).toBe(true);
  expect(isRenewed(entry("a"), 12)).toBe(true);
  // As 0.1.0 claims the name of one that was killed.
  expect(isRenewed(entry("b"), 13)).toBe(false);
  expect(records.holder?.instance).toBe("a");
  expect(isRenewed(entry("a", { epoch: 10 }), 14)).toBe(true);
});
