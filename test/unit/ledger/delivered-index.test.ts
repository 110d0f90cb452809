import { expect, test } from "bun:test";
import { DeliveredIndex } from "../../../agent/ledger/delivered-index.ts";

test("remembers the newest version of each of many paths while it grows", () => {
  const index = new DeliveredIndex();
  for (let at = 0; at < 50_000; at++) index.set(`till/${at}`, at + 1);
  for (let at = 0; at < 50_000; at++) expect(index.get(`till/${at}`)).toBe(at + 1);
  expect(index.get("till/50000")).toBeUndefined();
});

test("an older version never takes the place of a newer one", () => {
  const index = new DeliveredIndex();
  index.set("a", 5);
  index.set("a", 3);
  expect(index.get("a")).toBe(5);
});

test("what is no version is not noted", () => {
  const index = new DeliveredIndex();
  index.set("a", 0);
  expect(index.get("a")).toBeUndefined();
});
