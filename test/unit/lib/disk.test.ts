import { lstatSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { diskSuite } from "../../conformance/disk.ts";
import { localDisk } from "../../support/local-disk.ts";

diskSuite("this machine's disk", async () => {
  const folder = mkdtempSync(join(tmpdir(), "streamsend-unit-"));
  return {
    disk: localDisk(),
    // A lock is an open file's: who opens it once more is as good as another process.
    other: localDisk(),
    folder,
    inspect: (path) => {
      const { mode, mtimeNs } = lstatSync(path, { bigint: true });
      return { mode: Number(mode & 0o7777n), mtime: mtimeNs };
    },
    [Symbol.asyncDispose]: async () => rmSync(folder, { recursive: true }),
  };
});
