import { expect, test } from "bun:test";
import { FileEntries } from "../../../../agent/ledger/uploader/file-entries.ts";
import { KnownGroups } from "../../../../agent/ledger/uploader/known-groups.ts";
import { maxGroups, VersionReceipts } from "../../../../agent/ledger/uploader/version-receipts.ts";

/** Of an uploader that has these. */
function entriesOf(...paths: string[]): FileEntries {
  const entries = new FileEntries();
  const entry = { version: 1, state: "sending", size: 5, mtime: "1", ctime: "1", inode: "1" } as const;
  for (const path of paths) entries.set(path, entry, 0);
  return entries;
}

test("as many groups as there may be have a bit each", () => {
  const groups = Array.from({ length: maxGroups }, (_, at) => `group-${at}`);
  const receipts = new VersionReceipts(groups, new KnownGroups([]), entriesOf("a"));
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

test("where one group's word is enough, it is known all the same which groups have a file", () => {
  const known = new KnownGroups(["configured"]);
  const receipts = new VersionReceipts(undefined, known, entriesOf("a", "b"));
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

test("a group that takes back all that it had is not among those that are to have each file any more, unless it is configured", () => {
  const known = new KnownGroups(["hub", "archive"]);
  const [seen, configured] = [
    new VersionReceipts(undefined, known, entriesOf("a", "b")),
    new VersionReceipts(["hub", "archive"], known, entriesOf("a", "b")),
  ];
  for (const receipts of [seen, configured]) {
    for (const path of ["a", "b"])
      for (const group of ["hub", "archive"]) receipts.put({ verdict: "delivered", path, version: 1, group });
    receipts.put({ verdict: "failed", path: "b", version: 1, group: "archive" });
    receipts.clear("b");
    receipts.put({ verdict: "delivered", path: "b", version: 2, group: "hub" });
    receipts.takeBack({ verdict: "failed", path: "b", version: 1, group: "archive" });
    expect([receipts.isDeliveredToAll("a"), receipts.isDeliveredToAll("b")]).toEqual([true, false]);
    receipts.takeBack({ verdict: "delivered", path: "a", version: 1, group: "archive" });
    receipts.takeBack({ verdict: "delivered", path: "a", version: 1, group: "archive" });
  }
  expect([seen.isDeliveredToAll("a"), seen.isDeliveredToAll("b")]).toEqual([true, true]);
  expect([configured.isDelivered("a"), configured.isDeliveredToAll("b")]).toEqual([false, false]);
});
