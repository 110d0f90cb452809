/**
 * Which files somebody has open for writing, where the file system can't be asked for one: by a look at all processes, as
 * far as this user may look at them. One look serves many files.
 */
import { stat } from "node:fs/promises";
import type { FileCalls, FileState } from "../../lib/files-below.ts";

interface Snapshot {
  begunMs: number;
  tookMs: number;
  /** Where the descriptors are that have a file of this number open, on whichever device. */
  pathsOf: Map<bigint, string[]>;
}

/** What was seen so long ago is good enough for a file that has stood still for longer. */
const leastAgeMs = 500;
/** A machine with many processes is not looked at all the time. */
const ageForLook = 10;

export class OpenWriters {
  readonly #files: Pick<FileCalls, "listWriters">;
  #snapshot: Snapshot | undefined;
  #looking: Promise<Snapshot> | undefined;

  constructor(files: Pick<FileCalls, "listWriters">) {
    this.#files = files;
  }

  /**
   * Whether a process that may be looked at has the file open for writing.
   *
   * @param now nothing that was seen before is good enough
   */
  async has({ device, inode }: FileState, now: boolean): Promise<boolean> {
    const { pathsOf } = await this.#look(now);
    for (const path of pathsOf.get(inode) ?? []) {
      const found = await stat(path, { bigint: true }).catch(() => undefined);
      if (found?.dev === device && found.ino === inode) return true;
    }
    return false;
  }

  async #look(now: boolean): Promise<Snapshot> {
    const sinceMs = performance.now();
    for (;;) {
      const seen = this.#snapshot;
      const ageMs = now ? 0 : Math.max(leastAgeMs, ageForLook * (seen?.tookMs ?? 0));
      if (seen && seen.begunMs >= sinceMs - ageMs) return seen;
      this.#looking ??= this.#lookAtAll().finally(() => {
        this.#looking = undefined;
      });
      await this.#looking;
    }
  }

  async #lookAtAll(): Promise<Snapshot> {
    const begunMs = performance.now();
    const pathsOf = new Map<bigint, string[]>();
    // Without /proc nothing can be known.
    for (const { inode, path } of await this.#files.listWriters().catch(() => [])) {
      const paths = pathsOf.get(inode);
      if (paths) paths.push(path);
      else pathsOf.set(inode, [path]);
    }
    this.#snapshot = { begunMs, tookMs: performance.now() - begunMs, pathsOf };
    return this.#snapshot;
  }
}
