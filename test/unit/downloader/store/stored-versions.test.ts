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
      await versions.open();
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

interface Id {
  uploader: string;
  path: string;
}
