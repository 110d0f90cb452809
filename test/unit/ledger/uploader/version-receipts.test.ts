import { expect, test } from "bun:test";
import { KnownGroups } from "../../../../agent/ledger/uploader/known-groups.ts";
import {
  EarlyReceipts,
  type GroupReceipt,
  maxGroups,
  VersionReceipts,
} from "../../../../agent/ledger/uploader/version-receipts.ts";

test("as many groups as there may be have a bit each", () => {
  const groups = Array.from({ length: maxGroups }, (_, at) => `group-${at}`);
  const receipts = new VersionReceipts(groups, new KnownGroups([]));
  for (const group of groups) {
    expect(receipts.isDelivered("a")).toBe(false);
    receipts.put({ verdict: "failed", path: "a", version: 1, group });
    expect(receipts.isFailed("a")).toBe(true);
    expect(receipts.put({ verdict: "delivered", path: "a", version: 1, group })).toBe(true);
    expect(receipts.put({ verdict: "delivered", path: "a", version: 1, group })).toBe(false);
    expect(receipts.isFailed("a")).toBe(false);
  }
  expect(receipts.isDelivered("a")).toBe(true);
  const last = groups.at(-1) as string;
  receipts.takeBack({ verdict: "delivered", path: "a", version: 1, group: last });
  expect(receipts.isDelivered("a")).toBe(false);
  expect(receipts.isSettled("a")).toBe(true);
});

test("of too many early receipts the oldest are forgotten", () => {
  const early = new EarlyReceipts();
  const receipt = (path: string): GroupReceipt => ({ verdict: "delivered", path, version: 1, group: "hub" });
  for (let path = 0; path <= 100_000; path++) early.put(receipt(String(path)));
  expect(early.drain("0", 1)).toEqual([]);
  expect(early.drain("90000", 1)).toEqual([receipt("90000")]);
});

test("early receipts are bounded in bytes, whatever others write into them", () => {
  const early = new EarlyReceipts();
  const receipt = (path: string, group: string): GroupReceipt => ({
    verdict: "failed",
    path,
    version: 1,
    group,
    reason: "r".repeat(1000),
  });
  for (let path = 0; path < 5000; path++) early.put(receipt(`${"p".repeat(3990)}${path}`, "hub"));
  expect([...early.paths()].length).toBeLessThan((16 << 20) / 2 / 4000);
  for (let group = 0; group < 5000; group++) early.put(receipt("one", `g${group}`));
  expect(early.drain("one", 1).length).toBe(100);
  expect(early.drain("1", 1)).toEqual([]);
});

test("where one group's word is enough, it is known all the same which groups have a file", () => {
  const known = new KnownGroups(["configured"]);
  const receipts = new VersionReceipts(undefined, known);
  const put = (path: string, group: string) => {
    known.add(group);
    return receipts.put({ verdict: "delivered", path, version: 1, group });
  };
  expect(put("a", "hub")).toBe(true);
  expect(put("b", "hub")).toBe(true);
  expect(receipts.isDeliveredToAll("a")).toBe(true);
  expect(put("a", "mirror")).toBe(false);
  expect([receipts.isDelivered("b"), receipts.isDeliveredToAll("b")]).toEqual([true, false]);
  expect(receipts.isDeliveredToAll("a")).toBe(true);
  // More groups than there are bits share the last one.
  for (let group = 0; group < 100; group++) put("a", `group-${group}`);
  expect(receipts.isDeliveredToAll("a")).toBe(true);
  receipts.takeBack({ verdict: "delivered", path: "b", version: 1, group: "hub" });
  receipts.put({ verdict: "failed", path: "b", version: 1, group: "group-99" });
  expect([receipts.isDelivered("b"), receipts.isFailed("b")]).toEqual([false, true]);
});
