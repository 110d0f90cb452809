/**
 * From a path in a record to a place below the output. Nothing here follows a symbolic link: each folder on the way
 * is checked, made where it is missing, and refused where it is anything but a folder.
 */
import type { Disk } from "../../lib/disk.ts";
import { AgentError, codeOf } from "../../lib/errors.ts";
import { filedUnder } from "../../wire/filed-under.ts";
import { pathToBytes } from "../../wire/path.ts";

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
  return layout === "{path}" ? id.path : `${filedUnder(id.uploader)}/${id.path}`;
}

/** The bytes of a path below a folder. @param folder bytes @param path text, see `wire/path.ts` */
export function nativeBelow(folder: Buffer, path: string): Buffer {
  return Buffer.concat([folder, Buffer.from("/"), pathToBytes(path)]);
}

/** At most so many folders are kept. */
const maxSynced = 10_000;

export class OutputPaths {
  readonly #disk: Disk;
  readonly #output: Buffer;
  readonly #folderMode: number;
  /** Folders that were checked since `recheck`. */
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
    return nativeBelow(this.#output, path);
  }

  /** What was checked may have changed since: it is checked again. */
  recheck(): void {
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
      // Another program was faster.
      if (codeOf(error) === "EEXIST" && (await this.#disk.look(native))?.kind === "folder") return false;
      throw error;
    }
  }
}

const badCharacter = "the destination can't hold this name: it has a character that is not allowed there";
const hasFolder = "a folder has this name at the destination";
const isBusy = "something is mounted at its name, or uses it";
/** By the system's code. */
const reasons: Readonly<Record<string, string>> = {
  ENAMETOOLONG: "the destination can't hold this name: it is too long",
  EILSEQ: badCharacter,
  EINVAL: badCharacter,
  EISDIR: hasFolder,
  ENOTEMPTY: hasFolder,
  EEXIST: hasFolder,
  ENOTDIR: "a file stands where one of its folders must be",
  ELOOP: "a symbolic link stands where one of its folders must be",
  EACCES: "the agent has no right to write to its folder: see `namei -l` on it",
  EPERM:
    "the system forbids to make or replace it: what has the name, or its folder, is immutable (`lsattr`, `chattr -i`), or in the folder only owners may replace things",
  EXDEV: "its folder is on another file system than the output",
  EBUSY: isBusy,
  ETXTBSY: isBusy,
  EMLINK: "its folder has as many entries as the file system allows",
};

/**
 * What a failed call says about the file's name here: this version fails. `undefined` when it is about the output as a
 * whole, which is waited out: no room, a quota, a dead mount or disk.
 */
export function unstorable(error: unknown): UnstorableError | undefined {
  if (error instanceof UnstorableError) return error;
  const reason = reasons[codeOf(error) ?? ""];
  return reason === undefined ? undefined : new UnstorableError(reason, error);
}

/** A character of the name is what the call failed for, whatever the file system calls that. */
export function invalidName(error: unknown): UnstorableError {
  return new UnstorableError(badCharacter, error);
}
