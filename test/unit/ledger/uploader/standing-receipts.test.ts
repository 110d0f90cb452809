import { expect, test } from "bun:test";
import { StandingReceipts } from "../../../../agent/ledger/uploader/standing-receipts.ts";

const wish = (version: number) => ({ group: "hub", path: `${version}`, version });

test("a wish stands until it is taken back", () => {
  const wishes = new StandingReceipts();
  wishes.add(wish(5));
  expect([wish(5), wish(4), { ...wish(5), group: "mirror" }].map((one) => wishes.has(one))).toEqual([
    true,
    false,
    false,
  ]);
  wishes.remove(wish(5));
  expect(wishes.has(wish(5))).toBe(false);
});

test("of more wishes than are told apart none is forgotten: rather does one stand that there is not", () => {
  const wishes = new StandingReceipts(4096);
  const all = Array.from({ length: 10_000 }, (_, at) => wish(at + 1));
  for (const one of all) wishes.add(one);
  expect(all.every((one) => wishes.has(one))).toBe(true);
  expect(wishes.has(wish(10_001))).toBe(false);
  wishes.clear();
  expect(wishes.has(wish(1))).toBe(false);
});
