/** Faults that no disk and no machine here has by itself: calls that fail, a clock that is wrong. See faults.c. */
import { existsSync } from "node:fs";
import { readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { run } from "./compare.ts";

export class Faults {
  readonly #folder: string;
  readonly #library: string;

  private constructor(folder: string, library: string) {
    this.#folder = folder;
    this.#library = library;
  }

  /** @param folder an empty one */
  static async make(folder: string): Promise<Faults> {
    const library = join(folder, "faults.so");
    const source = join(import.meta.dir, "faults.c");
    const command = ["gcc", "-shared", "-fPIC", "-O1", "-Wall", "-Wextra", "-Werror", "-o", library, source];
    const { code, errors } = await run(command);
    if (code !== 0) throw new Error(errors);
    return new Faults(folder, library);
  }

  /** For the agent that is to have them. */
  get env(): Record<string, string> {
    return { LD_PRELOAD: this.#library, FAULTS: this.#folder };
  }

  /** From now on each sync fails. */
  failSyncs(): Promise<void> {
    return writeFile(join(this.#folder, "fail-syncs"), "");
  }

  endFailingSyncs(): Promise<void> {
    return rm(join(this.#folder, "fail-syncs"));
  }

  /** From now on a file that was written to is empty once it is closed, which fails, as where a store far away did not take it. */
  refuseClosed(): Promise<void> {
    return writeFile(join(this.#folder, "refuse-closed"), "");
  }

  endRefusingClosed(): Promise<void> {
    return rm(join(this.#folder, "refuse-closed"));
  }

  /** From now on each read from a place in a file fails. */
  failReads(): Promise<void> {
    return writeFile(join(this.#folder, "fail-reads"), "");
  }

  /** From now on no mode can be changed, as on vfat. */
  refuseModes(): Promise<void> {
    return writeFile(join(this.#folder, "no-modes"), "");
  }

  /** From now on no folder can be made, as by a quota that is used up. */
  refuseFolders(): Promise<void> {
    return writeFile(join(this.#folder, "no-folders"), "");
  }

  endRefusingFolders(): Promise<void> {
    return rm(join(this.#folder, "no-folders"));
  }

  /** What a system without one of these calls answers it with, a number of errno(3). */
  refuse(call: "openat2" | "renameat2" | "leases", error: number): Promise<void> {
    return writeFile(join(this.#folder, `no-${call}`), String(error));
  }

  /** A file of this content takes the old name of the next that is renamed, just before it is or just after. */
  takeNameOnRename(when: "before" | "after", content: string): Promise<void> {
    return writeFile(join(this.#folder, `${when}-rename`), content);
  }

  /** From now on the inode numbers of files change on their own. */
  numberAnew(): Promise<void> {
    return writeFile(join(this.#folder, "inodes"), "");
  }

  /** How many calls have failed. */
  async failedCalls(): Promise<number> {
    const file = join(this.#folder, "failed");
    return existsSync(file) ? (await readFile(file)).length : 0;
  }

  /** The clock of the agent is so many seconds off. */
  setClock(offsetSeconds: number): Promise<void> {
    return writeFile(join(this.#folder, "clock"), String(Math.round(offsetSeconds)));
  }
}
