/**
 * From a path in a record to a place below the output. Nothing here follows a symbolic link: each folder on the way
 * is looked at, made where it is missing, and refused where it is anything but a folder.
 */
import type { Disk } from "../lib/disk.ts";
import { AgentError, codeOf } from "../lib/errors.ts";
import { pathToBytes } from "../wire/path.ts";

export type Layout = "{uploader}/{path}" | "{path}";

/** Why a file can't be stored under its name here; permanent for this version. */
export class UnstorableError extends AgentError {
  constructor(reason: string, cause?: unknown) {
    super(reason, "permanent", cause);
    this.name = "UnstorableError";
  }
}

/** The path below the output, as text. */
export function layoutPath(layout: Layout, id: { uploader: string; path: string }): string {
  return layout === "{path}" ? id.path : `${id.uploader}/${id.path}`;
}

/** So many folders are remembered. */
const maxSynced = 10_000;

export class OutputPaths {
  readonly #disk: Disk;
  readonly #output: Buffer;
  readonly #folderMode: number;
  /** Folders that were looked at since `forget`. */
  #checked = new Set<string>();
  /** Folders whose own entry was handed out for the sync already. */
  #synced = new Set<string>();

  constructor(disk: Disk, output: string, folderMode: number) {
    this.#disk = disk;
    this.#output = Buffer.from(output, "utf8");
    this.#folderMode = folderMode;
  }

  /** The bytes of a path below the output. */
  native(path: string): Buffer {
    return Buffer.concat([this.#output, Buffer.from("/"), pathToBytes(path)]);
  }

  /** What was looked at may have changed since. */
  forget(): void {
    this.#checked = new Set();
    if (this.#synced.size > maxSynced) this.#synced = new Set();
  }

  /**
   * Makes the folders of a file. Returns those that got a new entry, for the sync, or may have got it just before a crash.
   * Throws an `UnstorableError` where something that is no folder is in the way, else what the file system throws.
   */
  async makeFolders(path: string): Promise<string[]> {
    const segments = path.split("/").slice(0, -1);
    const changed: string[] = [];
    for (let depth = 1; depth <= segments.length; depth++) {
      const folder = segments.slice(0, depth).join("/");
      if (this.#checked.has(folder)) continue;
      const isNew = await this.#makeFolder(folder);
      if (isNew || !this.#synced.has(folder)) changed.push(segments.slice(0, depth - 1).join("/"));
      this.#synced.add(folder);
      this.#checked.add(folder);
    }
    return changed;
  }

  /** Whether the folder was made. */
  async #makeFolder(folder: string): Promise<boolean> {
    const native = this.native(folder);
    const found = await this.#disk.look(native);
    if (found?.kind === "folder") return false;
    if (found) {
      const what = found.kind === "link" ? "a symbolic link" : "a file";
      throw new UnstorableError(`${what} stands where the folder ${folder} must be`);
    }
    try {
      await this.#disk.makeFolder(native, this.#folderMode);
      return true;
    } catch (error) {
      // Another program was faster; a folder is a folder.
      if (codeOf(error) === "EEXIST" && (await this.#disk.look(native))?.kind === "folder") return false;
      throw error;
    }
  }
}

const nameErrors = new Set([
  "ENAMETOOLONG",
  "EISDIR",
  "ENOTDIR",
  "EILSEQ",
  "EINVAL",
  "ENOTEMPTY",
  "EEXIST",
  "ELOOP",
  "EACCES",
  "EPERM",
  "EXDEV",
  "EBUSY",
]);

const reasons: Readonly<Record<string, string>> = {
  EISDIR: "a folder has this name",
  ENOTEMPTY: "a folder has this name",
  EEXIST: "a folder has this name",
  ENAMETOOLONG: "it is too long",
  EACCES: "the agent may not write to its folder",
  EPERM: "the agent may not write to its folder",
  EXDEV: "its folder is on another file system",
  EBUSY: "something else is mounted there",
  ENOENT: "it has a character that is not allowed there",
};

/** What a failed call says about the file's name here, `undefined` when it is about the output as a whole. */
export function unstorable(error: unknown): UnstorableError | undefined {
  if (error instanceof UnstorableError) return error;
  const code = codeOf(error);
  return code !== undefined && nameErrors.has(code) ? invalidName(error) : undefined;
}

/** The name is what the call failed for. */
export function invalidName(error: unknown): UnstorableError {
  const code = codeOf(error) ?? String(error);
  return new UnstorableError(`the destination can't hold this name: ${reasons[code] ?? code}`, error);
}
