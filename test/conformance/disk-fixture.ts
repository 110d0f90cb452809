/** A disk as the suite of `disk.ts` uses it. */
import { afterEach, beforeEach } from "bun:test";
import type { Disk, FilePath } from "../../agent/lib/disk.ts";
import { codeOf } from "../../agent/lib/errors.ts";

export interface DiskFixture extends AsyncDisposable {
  readonly disk: Disk;
  /** The same disk, as another process of the machine has it. */
  readonly other: Disk;
  /** An empty folder there. */
  readonly folder: string;
  /** What `Disk` sets and does not tell. `mtime`: nanoseconds since 1970. */
  inspect(path: string): { mode: number; mtime: bigint };
}

/** The disk of the test that runs, and short words for what is done below its folder. */
export interface DiskUse {
  readonly fixture: DiskFixture;
  readonly disk: Disk;
  at(path: string): string;
  names(folder?: FilePath): Promise<string[]>;
  write(path: string, text: string): Promise<void>;
  read(path: string): Promise<string | undefined>;
  inodeOf(path: string): Promise<number | undefined>;
  /** A file, and a folder with another one. */
  fill(): Promise<void>;
}

/** A new disk for each test. */
export function useDisk(make: () => Promise<DiskFixture>): DiskUse {
  let fixture: DiskFixture;
  beforeEach(async () => {
    fixture = await make();
  });
  afterEach(() => fixture[Symbol.asyncDispose]());
  const at = (path: string) => `${fixture.folder}/${path}`;
  const write = (path: string, text: string) => fixture.disk.writeText(at(path), text);
  return {
    get fixture() {
      return fixture;
    },
    get disk() {
      return fixture.disk;
    },
    at,
    write,
    names: async (folder = fixture.folder) => (await fixture.disk.list(folder)).sort(),
    read: (path) => fixture.disk.readText(at(path)),
    inodeOf: async (path) => (await fixture.disk.look(at(path)))?.inode,
    fill: async () => {
      await write("file", "text");
      await fixture.disk.makeFolder(at("folder"), 0o755);
      await write("folder/inner", "inner");
    },
  };
}

/** The system's code of what it fails with. */
export async function codeFrom(call: Promise<unknown>): Promise<string | undefined> {
  return call.then(
    () => "no error",
    (error: unknown) => codeOf(error) ?? String(error),
  );
}
