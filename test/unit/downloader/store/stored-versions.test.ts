import { expect, test } from "bun:test";
import { appendFile, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { StoredVersions } from "../../../../agent/downloader/store/stored-versions.ts";
import { localDisk } from "../../../support/local-disk.ts";

test("the version that was stored last is known, also after a crash while a later one was being noted", async () => {
  const folder = await mkdtemp(join(tmpdir(), "versions-"));
  try {
    const open = async () => {
      const versions = new StoredVersions(folder, localDisk());
      await versions.open([]);
      return versions;
    };
    const [first, second] = ["a", "b"].map((path) => ({ uploader: "till", path })) as [Id, Id];
    const versions = await open();
    expect(versions.newest(first)).toBe(0);
    await versions.note([{ ...first, version: 7 }]);
    await versions.note([
      { ...first, version: 9 },
      { ...second, version: 8 },
    ]);
    const again = await open();
    expect([again.newest(first), again.newest(second)]).toEqual([9, 8]);
    await appendFile(join(folder, "versions"), "0123456789abcdef 1");
    const after = await open();
    await after.note([{ ...second, version: 11 }]);
    for (const one of [after, await open()]) expect([one.newest(first), one.newest(second)]).toEqual([9, 11]);
  } finally {
    await rm(folder, { recursive: true });
  }
});

test("what was settled before the list began may be here, also in later sessions; what comes then is told by the list", async () => {
  const folder = await mkdtemp(join(tmpdir(), "versions-"));
  try {
    const open = async (settled: [string, number][]) => {
      const versions = new StoredVersions(folder, localDisk());
      await versions.open(settled);
      const may = (uploader: string, version: number) => versions.mayHave({ uploader, path: "a", version });
      return { versions, may };
    };
    const first = await open([
      ["till", 7],
      ["bar", 3],
    ]);
    // By then the marks say more, of what was superseded, too: that is to be kept if it comes.
    const second = await open([["till", 12]]);
    for (const { may, versions } of [first, second]) {
      expect([7, 8].map((version) => may("till", version))).toEqual([true, false]);
      expect([3, 4].map((version) => may("bar", version))).toEqual([true, false]);
      expect(may("shop", 1)).toBe(false);
      expect(versions.newest({ uploader: "till", path: "a" })).toBe(0);
    }
    await second.versions.note([{ uploader: "till", path: "a", version: 10 }]);
    expect([10, 11].map((version) => second.may("till", version))).toEqual([true, false]);
  } finally {
    await rm(folder, { recursive: true });
  }
});

test("a list that was not kept up for a while is not believed: it begins anew", async () => {
  const folder = await mkdtemp(join(tmpdir(), "versions-"));
  try {
    const id = { uploader: "till", path: "a" };
    const versions = new StoredVersions(folder, localDisk());
    await versions.open([]);
    await versions.note([{ ...id, version: 7 }]);
    await versions.remove();
    await versions.remove();
    const again = new StoredVersions(folder, localDisk());
    await again.open([["till", 9]]);
    expect([again.newest(id), again.mayHave({ ...id, version: 9 })]).toEqual([0, true]);
  } finally {
    await rm(folder, { recursive: true });
  }
});

interface Id {
  uploader: string;
  path: string;
}
