import { expect, test } from "bun:test";
import { type Due, DueCount, DueVersions } from "../../../../agent/ledger/group/due-versions.ts";
import { limits } from "../../../../agent/wire/limits.ts";

const MiB = 1 << 20;

function due(key: string, version: number): Due {
  return { key, version, checksum: "", partition: 0, at: 0, slot: "1/0", slotAt: 0, hasFailed: false };
}

test("what is due takes a bounded place in memory, however long paths are, of one uploader and of all", () => {
  const all = new DueCount();
  const longest = "p".repeat(limits.pathText);
  const uploaders = Array.from({ length: 6 }, () => new DueVersions(all));
  let version = 0;
  for (const one of uploaders)
    for (let at = 0; at < 1000; at++) one.put(due(`${longest}${version}`, ++version));
  const [first] = uploaders;
  expect([...(first?.values() ?? [])].length).toBeGreaterThan(100);
  expect(first?.keptBelow).toBeLessThan(1000);
  expect(all.bytes).toBeGreaterThan(14 * MiB);
  expect(all.bytes).toBeLessThan(17 * MiB);
  // What is settled leaves its place to others.
  for (const one of uploaders) for (const { key, version: of } of one.values()) one.delete(key, of);
  expect(all).toEqual(new DueCount());
});
