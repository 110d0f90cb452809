import { expect, test } from "bun:test";
import { EarlyReceipts } from "../../../../agent/ledger/uploader/early-receipts.ts";
import type { GroupReceipt } from "../../../../agent/ledger/uploader/version-receipts.ts";

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
