import { expect, test } from "bun:test";
import { VersionIndex } from "../../../agent/lib/version-index.ts";

test("remembers the newest version of each of many paths while it grows", () => {
  const index = new VersionIndex();
  for (let at = 0; at < 50_000; at++) index.set(`till/${at}`, at + 1);
  for (let at = 0; at < 50_000; at++) expect(index.get(`till/${at}`)).toBe(at + 1);
  expect(index.get("till/50000")).toBeUndefined();
});

test("an older version never takes the place of a newer one", () => {
  const index = new VersionIndex();
  index.set("a", 5);
  index.set("a", 3);
  expect(index.get("a")).toBe(5);
});

test("what is no version is not noted", () => {
  const index = new VersionIndex();
  index.set("a", 0);
  expect(index.get("a")).toBeUndefined();
});

test("when it is full the older half is forgotten, and up to which version is said", () => {
  const index = new VersionIndex(4096);
  for (let version = 1; version <= 4000; version++) index.set(`till/${version}`, version);
  expect(index.floor).toBeGreaterThan(1000);
  expect(index.get(`till/${index.floor}`)).toBeUndefined();
  expect(index.get(`till/${index.floor + 1}`)).toBe(index.floor + 1);
  expect(index.get("till/4000")).toBe(4000);
});

test("what is taken back makes room", () => {
  const index = new VersionIndex(4096);
  index.set("kept", 1);
  for (let version = 2; version <= 50_000; version++) {
    index.set(`till/${version}`, version);
    index.forget(`till/${version}`);
  }
  expect(index.floor).toBe(0);
  expect(index.get("kept")).toBe(1);
});
